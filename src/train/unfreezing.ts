// Rates and freezing by depth. Layer-wise decay, as in timm: the rate of a layer is that of the head times the decay
// for each layer in between (ELECTRA, Clark et al., 2020; BEiT, Bao et al., 2022). Unfreezing from the top (ULMFiT,
// Howard and Ruder, 2018), or of everything after the head has been trained alone (LP-FT, Kumar et al., 2022), says for
// each layer the step from which on it trains, and the update leaves it out before that. Forward and backward are those
// of the whole model all the time: what is frozen for a time saves no work.

import type { ParameterInfo } from '../compile/protocol.js';
import type { TrainConfig } from '../config/train-schema.js';
import type { Engine } from '../engine/engine.js';
import { UsageError } from '../errors.js';
import type { RunLength } from './intervals.js';

/** @throws UsageError where names show no layers */
function depthOf(option: string, { alias, depth }: ParameterInfo): number {
  if (depth !== undefined) return depth;
  throw new UsageError(
    `option '${option}' goes by layers, and the names of the model's parameters show none; they are like '${alias}', where ` +
      'encoder.layer.3.… or blocks.3.… was expected. Give rates to groups, or freeze by name, instead.',
  );
}

/** What the learning rate of a parameter is multiplied by. @throws UsageError where names show no layers */
export function layerFactors(
  parameters: readonly ParameterInfo[],
  decay: number,
): (parameter: ParameterInfo) => number {
  if (decay === 1) return () => 1;
  const top = Math.max(...parameters.map((parameter) => depthOf('layerDecay', parameter)));
  return (parameter) => decay ** (top - depthOf('layerDecay', parameter));
}

type Unfreezing = Pick<TrainConfig, 'unfreeze' | 'unfreezeEpochs' | 'unfreezeSteps'>;

/** Depths at which something trains, from the top, and the step from which on each does. */
function phases(
  parameters: readonly ParameterInfo[],
  { unfreeze, unfreezeEpochs, unfreezeSteps }: Unfreezing,
  stepsPerEpoch: number,
): Map<number, number> {
  const trained = parameters.filter(({ trainable }) => trainable);
  const every = unfreezeSteps ?? Math.max(1, Math.round(unfreezeEpochs * stepsPerEpoch));
  // Without layers there are the head and the rest.
  const flat = unfreeze === 'head-first';
  if (flat && !trained.some(({ head }) => head))
    throw new UsageError(
      "option 'unfreeze' head-first trains the head first, and no parameter of a head is trained: leave it out, or set it to gradual",
    );
  const level = (parameter: ParameterInfo): number => (flat ? Number(parameter.head) : depthOf('unfreeze', parameter));
  const levels = [...new Set(trained.map(level))].sort((a, b) => b - a);
  return new Map(levels.map((depth, i) => [depth, i * every]));
}

/** From which step on a parameter trains. @throws UsageError where there is nothing to go by */
export function unfreezing(
  parameters: readonly ParameterInfo[],
  config: Unfreezing,
  stepsPerEpoch: number,
): (parameter: ParameterInfo) => { startStep?: number } {
  if (config.unfreeze === undefined) return () => ({});
  const starts = phases(parameters, config, stepsPerEpoch);
  return ({ head, depth }) => ({
    startStep: starts.get(config.unfreeze === 'head-first' ? Number(head) : depth!) ?? 0,
  });
}

/** What a person should know of when what trains. */
export function unfreezingNotes(
  parameters: readonly ParameterInfo[],
  config: Unfreezing,
  { stepsPerEpoch, totalSteps }: RunLength,
): string[] {
  if (config.unfreeze === undefined) return [];
  const starts = [...phases(parameters, config, stepsPerEpoch).values()];
  const within = starts.filter((start) => start < totalSteps);
  const when = within.map((start) => start + 1).join(', ');
  const missed = starts.length - within.length;
  return [
    `unfreezing: ${starts.length} parts of the model from the top, which train from step ${when} on`,
    ...(missed > 0
      ? [`${missed} of these parts are never trained: the run ends after ${totalSteps} steps, before their turn`]
      : []),
  ];
}

/** @throws UsageError where what is frozen for a time would change all the same */
export function refuseUnfreezing({ model, device }: Engine, { unfreeze }: Unfreezing): void {
  if (unfreeze === undefined) return;
  if (device.ownMemory)
    throw new UsageError(
      `option 'unfreeze' is for the CPU so far, and the device is ${device.name}: train the head in a run of its own (freeze ` +
        'trunk), and everything in a second one that starts from its model',
    );
  if (model.statistics.some(({ updated }) => updated))
    throw new UsageError(
      "option 'unfreeze': layers with BatchNormalization would go on averaging the statistics of batches while they are " +
        'frozen. Set batchNorm to frozen, which keeps those of the file, or leave unfreeze out.',
    );
}
