// Which parameters get which learning rate and decay. Biases and the parameters of normalisations (rank 0 and 1) are
// not decayed, as in the Hugging Face Trainer.

import type { TrainConfig } from '../config/train-schema.js';
import { type Optimizer, type OptimizerOptions, parameterRanges } from '../optim/optimizer.js';
import type { Engine } from './engine.js';
import type { ParameterInfo } from './protocol.js';

const optimizerOptions = (config: TrainConfig): OptimizerOptions =>
  config.optimizer === 'adamw'
    ? { name: 'adamw', beta1: config.adamBeta1, beta2: config.adamBeta2, epsilon: config.adamEpsilon }
    : { name: 'sgd', momentum: config.momentum, nesterov: config.nesterov };

export function createOptimizer(engine: Engine, config: TrainConfig): Promise<Optimizer> {
  const ranges = parameterRanges(engine.model.parameters as readonly ParameterInfo[], (entry) =>
    (entry as ParameterInfo).trainable
      ? { learningRate: config.learningRate, weightDecay: entry.shape.length < 2 ? 0 : config.weightDecay }
      : undefined,
  );
  return engine.createOptimizer(ranges, optimizerOptions(config));
}
