// Runs that are held against the CPU's on a device: what they train on, and how two runs are compared.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import type { StepEvent, TrainResult } from '#ortune/events.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { Trainer } from '#ortune/train/trainer.js';
import { writeBatchNormModel } from '../support/batch-norm-model.js';
import { smallProblem } from '../support/small-problem.js';
import { modelFile, newRuns } from '../support/train.js';

const fixtures = join(import.meta.dirname, '../fixtures');

/**
 * Runs of 20 steps: dropout, groups and clipping; the statistics of each batch with accumulation; pictures with SGD.
 */
export function deviceProblems() {
  const { path, write } = smallProblem();
  const problems: Record<string, Partial<TrainOptions>> = {
    texts: {
      batchSize: 6,
      learningRate: 1e-3,
      dropout: 0.1,
      eval: path('test.csv'),
      groups: [{ parameters: ['classifier.*'], learningRate: 2e-3, weightDecay: 0 }],
    },
    'the statistics of batches': {
      model: writeBatchNormModel(path('encoder'), path('normalised')),
      batchSize: 8,
      gradientAccumulationSteps: 2,
      dropout: 0,
    },
    pictures: {
      model: join(fixtures, 'digits/net.onnx'),
      train: join(fixtures, 'digits/train.safetensors'),
      batchSize: 16,
      optimizer: 'sgd',
      seed: 1,
    },
  };
  return { path, write, problems, config: newRuns(path, { maxSteps: 20, learningRate: 1e-2 }) };
}

/** What every step said, beside the result. */
export async function stepsOf(options: TrainOptions): Promise<{ result: TrainResult; steps: StepEvent[] }> {
  const trainer = new Trainer(options);
  const steps: StepEvent[] = [];
  trainer.on('step', (event) => steps.push(event));
  return { result: await trainer.run(), steps };
}

export const filesUnder = (directory: string): string[] =>
  (readdirSync(directory, { recursive: true }) as string[]).sort();

/** Largest difference of two files' tensors, over the largest value of the tensor. */
export function farthest(a: string, b: string): number {
  const [first, second] = [a, b].map((file) => toGraph(openModel(modelFile(file))).initializers) as [Tensors, Tensors];
  const pairs = [...first].filter(([, tensor]) => tensor.dtype === 'float32');
  return Math.max(
    ...pairs.map(([name, tensor]) => {
      const [x, y] = [tensor.numbers(), second.get(name)!.numbers()];
      const largest = Math.max(...x.map(Math.abs), 1e-3);
      return Math.max(...x.map((v, i) => Math.abs(v - y[i]!))) / largest;
    }),
  );
}
type Tensors = ReturnType<typeof toGraph>['initializers'];
