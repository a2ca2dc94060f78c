// Which of a run's records TensorBoard shows, and under which tags: the table between metrics.jsonl's events and event
// files. Tags are grouped by what stands before the slash.

import { isCount } from '../../metrics/names.js';

const STEP_TAGS: Readonly<Record<string, string>> = {
  loss: 'train/loss',
  learningRate: 'train/learning_rate',
  gradNorm: 'train/grad_norm',
  samplesPerSecond: 'train/samples_per_second',
};

/** A record's scalars by tag; empty for events that have none. `rssBytes`: resident memory, part of every step. */
export function scalarsOf(event: string, values: object, rssBytes: () => number): Record<string, number> {
  if (event === 'step') return { ...stepScalars(values), 'memory/rss_bytes': rssBytes() };
  if (event !== 'evaluation') return {};
  const { name = 'eval', metrics = {} } = values as { name?: string; metrics?: object };
  return Object.fromEntries(metricScalars(name, metrics));
}

function stepScalars(values: object): Record<string, number> {
  const numbers = Object.entries(values).filter(([key, value]) => STEP_TAGS[key] && typeof value === 'number');
  return Object.fromEntries(numbers.map(([key, value]) => [STEP_TAGS[key]!, value as number]));
}

/** All numbers, those of nested objects too (eval/macro/f1); not lists such as the classes, nor counts. */
function metricScalars(prefix: string, metrics: object): [string, number][] {
  return Object.entries(metrics).flatMap(([key, value]): [string, number][] => {
    if (typeof value === 'number') return isCount(key) ? [] : [[`${prefix}/${key}`, value]];
    const nested = typeof value === 'object' && value !== null && !Array.isArray(value);
    return nested ? metricScalars(`${prefix}/${key}`, value) : [];
  });
}
