// What becomes of the best trial: its configuration, its figure on data that chose nothing, its model, which alone is
// kept; and the tables beside it.

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpointsOf } from '../checkpoint/files.js';
import { writeJson } from '../compare/record.js';
import { evalSchema } from '../config/schema.js';
import type { SearchConfig } from '../config/search-schema.js';
import type { TrainConfig } from '../config/train-schema.js';
import { writeAtomically } from '../files/atomic-file.js';
import { metricOf } from '../metrics/names.js';
import { type TaskName, taskNamed } from '../tasks/tasks.js';
import { evaluate } from '../train/evaluate.js';
import { searchMarkdown } from './markdown.js';
import { trialOptions } from './plan.js';
import type { SearchResult } from './result.js';
import { runFile } from './run-file.js';
import { describeChosen, type Trial } from './trials.js';

/** The model of a run, or its adapter. */
export const modelOf = ({ output, saveAdapter }: TrainConfig): string =>
  join(output, saveAdapter ? 'adapter' : 'model');

/** What of a run takes room; its records stay. */
export async function removeWeights(options: TrainConfig): Promise<void> {
  for (const path of [modelOf(options), checkpointsOf(options.output)])
    if (existsSync(path)) await rm(path, { recursive: true, force: true });
}

/** The metric of the test data, as `ortune eval` gives it for the model of a run. */
export async function testOf({ test }: SearchConfig, options: TrainConfig, metric: string): Promise<number> {
  const shared = Object.keys(evalSchema.shape).filter((key) => key in options && key !== 'adapter');
  const given = Object.fromEntries(shared.map((key) => [key, options[key as keyof TrainConfig]]));
  const model = options.saveAdapter ? { adapter: modelOf(options) } : { model: modelOf(options) };
  const task = options.task as TaskName;
  const { metrics } = await evaluate({ ...given, task, model: options.model, ...model, data: test! });
  const { metrics: names, options: ofTask } = taskNamed(task);
  return metricOf(metrics, metric, names(ofTask(options)));
}

/** Writes search.json, search.md and run.yaml; `best`: the trial that is. */
export function write(result: SearchResult, config: SearchConfig, best: Trial): void {
  const { output, metric, trials, interrupted } = result;
  writeJson(join(output, 'search.json'), result);
  writeAtomically(join(output, 'search.md'), `${searchMarkdown(result)}\n`);
  const { trunkCacheDirectory, test } = config;
  const options = { ...trialOptions(config, best), output: join(output, 'best'), trunkCacheDirectory, test };
  const found = `${metric} ${result.best!.value.toFixed(4)} of the evaluation data that chose it, which is optimistic`;
  const comment =
    `The best of ${trials.length} trials${interrupted ? ' so far' : ''}, ${describeChosen(best.chosen)}:\n` +
    `${found}. Run it with: ortune train ${result.best!.config}`;
  writeAtomically(result.best!.config, runFile(options, best.chosen, comment));
}
