// Runs of a comparison as their records have them, without any training.

import type { Measured } from '#ortune/compare/tabulate.js';

interface Values {
  seed?: number;
  /** Accuracy at the end; the loss is 1 less it. */
  value: number;
  /** Accuracy by step. */
  curve?: Record<number, number>;
  steps?: number;
  seconds?: number;
  stepMs?: number;
  flops?: number;
}

const metricsOf = (accuracy: number) => ({ accuracy, loss: 1 - accuracy }) as never;

export function measuredRun(strategy: string, { seed = 0, value, curve = {}, ...more }: Values): Measured {
  const { steps = 10, seconds = 2, flops = 3e9, stepMs } = more;
  const points = Object.entries(curve).map(([step, v]) => ({ step: Number(step), metrics: metricsOf(v) }));
  const finished = { steps, flops, metrics: metricsOf(value), curve: points, ...(stepMs !== undefined && { stepMs }) };
  const record = { options: {} as never, trainable: 66, parameters: 17762, samples: { train: '' }, seconds, finished };
  return { strategy, seed, output: `o/${strategy}-seed${seed}/model`, record };
}
