// The configuration of a trial as a file for `ortune train`: what differs from the defaults, and what was searched.

import { stringify } from 'yaml';
import { type TrainConfig, trainSchema } from '../config/train-schema.js';
import type { z } from '../config/zod.js';
import type { Chosen } from './trials.js';

/** YAML of a run; `comment` goes before it. */
export function runFile(options: TrainConfig, chosen: Chosen, comment: string): string {
  const kept = new Set(['task', ...Object.keys(chosen).map((key) => key.split('.')[0]!)]);
  const values = Object.entries(trainSchema.shape).flatMap(([key, schema]) => {
    const value = options[key as keyof TrainConfig];
    const usual = (schema as z.ZodType).safeParse(undefined).data;
    if (value === undefined || (!kept.has(key) && JSON.stringify(value) === JSON.stringify(usual))) return [];
    return [[key, value] as const];
  });
  return `${comment.replaceAll(/^/gm, '# ')}\n${stringify(Object.fromEntries(values), { lineWidth: 0 })}`;
}
