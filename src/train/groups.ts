// Which parameters get which learning rate and decay: the first group of the configuration that matches, and where it
// says nothing the options of the run. Biases and the parameters of normalisations (rank 0 and 1) are not decayed, as
// in the Hugging Face Trainer, nor drawn to zero, unless a group says so.

import type { ParameterInfo } from '../compile/protocol.js';
import type { TrainConfig } from '../config/train-schema.js';
import type { Engine } from '../engine/engine.js';
import { UsageError } from '../errors.js';
import { type Optimizer, parameterRanges } from '../optim/optimizer.js';
import type { GroupOptions } from '../optim/rules/rule.js';
import { ruleOf } from '../optim/rules.js';
import type { Arena } from '../runtime/arena.js';
import { anyPattern } from '../transfer/patterns.js';

/**
 * The options of every trained parameter, by its name.
 * @throws UsageError for a pattern that matches no parameter, and for a group that is left with none to train
 */
export function groupOptions(
  parameters: readonly ParameterInfo[],
  config: Pick<TrainConfig, 'groups' | 'learningRate' | 'weightDecay' | 'l1'>,
): Map<string, GroupOptions> {
  const groups = config.groups.map((group, i) => ({
    ...group,
    has: anyPattern(`groups[${i}].parameters`, group.parameters, parameters),
    used: false,
  }));
  const options = new Map<string, GroupOptions>();
  for (const parameter of parameters.filter((p) => p.trainable)) {
    const group = groups.find(({ has }) => has(parameter));
    if (group) group.used = true;
    options.set(parameter.name, {
      learningRate: group?.learningRate ?? config.learningRate,
      weightDecay: group?.weightDecay ?? (parameter.shape.length < 2 ? 0 : config.weightDecay),
      l1: group?.l1 ?? (parameter.shape.length < 2 ? 0 : config.l1),
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

/** `updating`: see Engine.createOptimizer. @throws UsageError as `groupOptions` */
export function createOptimizer(
  engine: Engine,
  config: TrainConfig,
  updating: { gradients?: Arena | undefined; outcomes?: number } = {},
): Promise<Optimizer> {
  const options = groupOptions(engine.model.parameters, config);
  const ranges = parameterRanges(engine.model.parameters, ({ name }) => options.get(name));
  return engine.createOptimizer(ranges, ruleOf(config.optimizer).options(config), updating);
}
