// The configuration that advice comes to, as a file that `ortune train` takes: what the user gave, and what the
// strategy sets, without what is a default anyway.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type AdviseConfig, runPart } from '../config/advise-schema.js';
import { parseOptions } from '../config/options.js';
import { strategyOptions } from '../config/strategies.js';
import { type TrainConfig, trainSchema } from '../config/train-schema.js';
import { writeAtomically } from '../files/atomic-file.js';
import type { StrategyOutlook } from './short-runs.js';

/** Writes run.yaml into the advice's output; gives its path. */
export function writeRun(config: AdviseConfig, { name, learningRate }: StrategyOutlook): string {
  const file = join(config.output, 'run.yaml');
  const options = { ...runPart(config), ...strategyOptions(name), learningRate, output: join(config.output, 'run') };
  mkdirSync(config.output, { recursive: true });
  writeAtomically(file, stringify(withoutDefaults({ ...options, overwrite: false }), { lineWidth: 0 }));
  return file;
}

function withoutDefaults(options: object): Record<string, unknown> {
  const { model, train, output, task } = options as TrainConfig;
  const required = new Set(['model', 'train', 'output', 'task']);
  const defaults = parseOptions(trainSchema, { model, train, output, task }) as Record<string, unknown>;
  const differs = ([key, value]: [string, unknown]): boolean =>
    value !== undefined && (required.has(key) || JSON.stringify(value) !== JSON.stringify(defaults[key]));
  return Object.fromEntries(Object.entries(options).filter(differs));
}
