// Which parameters get which learning rate and decay: the first group of the configuration that matches, and where it
// says nothing the options of the run. Biases and the parameters of normalisations (rank 0 and 1) are not decayed, as
// in the Hugging Face Trainer, nor drawn to zero, unless a group says so.

import type { ParameterInfo } from '../compile/protocol.js';
import type { Engine, Updating } from '../engine/engine.js';
import { UsageError } from '../errors.js';
import type { MaxNorm } from '../optim/constraints.js';
import { type Optimizer, parameterRanges } from '../optim/optimizer.js';
import type { GroupOptions } from '../optim/rules/rule.js';
import { ruleOf } from '../optim/rules.js';
import { anyPattern } from '../transfer/patterns.js';
import type { RunConfig } from './amounts.js';
import { layerFactors, refuseUnfreezing, unfreezing } from './unfreezing.js';

/** The options of a parameter's group, from when on it trains, and what it is held to. */
export interface ParameterOptions extends GroupOptions {
  /** Largest norm of the incoming weights of a unit. */
  maxNorm?: number;
}

/** @throws UsageError for a limit of its group where no unit's weights are known */
function maxNormOf(
  { alias, unitAxis }: ParameterInfo,
  own: number | undefined,
  all: number | undefined,
): Pick<ParameterOptions, 'maxNorm'> {
  if (own !== undefined && unitAxis === undefined)
    throw new UsageError(
      `groups: maxNorm limits the weights of a unit, but '${alias}' is no matrix of a product or filter of a convolution. ` +
        'Choose a pattern that matches those alone.',
    );
  const maxNorm = own ?? all;
  return maxNorm === undefined || unitAxis === undefined ? {} : { maxNorm };
}

/**
 * The options of every trained parameter, by its name.
 * @throws UsageError for a pattern that matches no parameter, and for a group that is left with none to train
 */
export function groupOptions(
  parameters: readonly ParameterInfo[],
  config: Pick<
    RunConfig,
    | 'groups'
    | 'learningRate'
    | 'weightDecay'
    | 'l1'
    | 'maxNorm'
    | 'layerDecay'
    | 'unfreeze'
    | 'unfreezeEpochs'
    | 'unfreezeSteps'
  >,
  stepsPerEpoch = 1,
): Map<string, ParameterOptions> {
  const groups = config.groups.map((group, i) => ({
    ...group,
    has: anyPattern(`groups[${i}].parameters`, group.parameters, parameters),
    used: false,
  }));
  const options = new Map<string, ParameterOptions>();
  const layerFactor = layerFactors(parameters, config.layerDecay);
  const startStep = unfreezing(parameters, config, stepsPerEpoch);
  for (const parameter of parameters.filter((p) => p.trainable)) {
    const group = groups.find(({ has }) => has(parameter));
    if (group) group.used = true;
    options.set(parameter.name, {
      learningRate: group?.learningRate ?? config.learningRate * layerFactor(parameter),
      weightDecay: group?.weightDecay ?? (parameter.shape.length < 2 ? 0 : config.weightDecay),
      l1: group?.l1 ?? (parameter.shape.length < 2 ? 0 : config.l1),
      ...startStep(parameter),
      ...maxNormOf(parameter, group?.maxNorm, config.maxNorm),
    });
  }
  const idle = groups.findIndex(({ used }) => !used);
  if (idle >= 0)
    throw new UsageError(
      `groups[${idle}]: all parameters that '${groups[idle]!.parameters.join(', ')}' matches are frozen or belong to ` +
        'groups before it. Remove it, or put it before those: the first group that matches counts.',
    );
  return options;
}

/**
 * `updating`: see Engine.createOptimizer.
 * @throws UsageError as `groupOptions`, and where layers cannot be frozen for a time
 */
export function createOptimizer(
  engine: Engine,
  config: RunConfig,
  { stepsPerEpoch, ...updating }: Pick<Updating, 'gradients' | 'outcomes'> & { stepsPerEpoch?: number } = {},
): Promise<Optimizer> {
  const { parameters } = engine.model;
  refuseUnfreezing(engine, config);
  const options = groupOptions(parameters, config, stepsPerEpoch);
  const ranges = parameterRanges(parameters, ({ name }) => options.get(name));
  const held = maxNorms(parameters, options);
  return engine.createOptimizer(ranges, ruleOf(config.optimizer).options(config), { ...updating, held });
}

/** The weights that have a largest norm, which are those that products and convolutions read. */
const maxNorms = (parameters: readonly ParameterInfo[], options: ReadonlyMap<string, ParameterOptions>): MaxNorm[] =>
  parameters.flatMap(({ name, unitAxis }) => {
    const limit = options.get(name)?.maxNorm;
    return limit === undefined || unitAxis === undefined ? [] : [{ name, unitAxis, limit }];
  });
