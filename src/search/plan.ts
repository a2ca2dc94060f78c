// The runs of trials: each an ordinary training run with the options of all, those of the trial, and a directory of its
// own. With halving a trial has a run in each rung that it reaches, which goes on from the checkpoint of the one before
// where that has the steps that the longer run would have had, and begins anew where it has not.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkpointsOf } from '../checkpoint/files.js';
import type { PlannedRun } from '../compare/series.js';
import { parseOptions } from '../config/options.js';
import { type SearchConfig, sharedPart } from '../config/search-schema.js';
import { type TrainConfig, trainSchema } from '../config/train-schema.js';
import { usualAmounts } from '../config/usual-amounts.js';
import type { RunConfig } from '../train/amounts.js';
import { notPrefix } from '../train/longer.js';
import { type Chosen, describeChosen, type Trial } from './trials.js';

export interface TrialRun extends PlannedRun {
  trial: Trial;
}

/** The run of a trial in the rung before. */
export interface RunBefore {
  options: TrainConfig;
  steps: number;
}

/** `given` with what a trial has chosen. */
function withChosen(given: Readonly<Record<string, unknown>>, chosen: Chosen): Record<string, unknown> {
  const options: Record<string, unknown> = { ...given };
  for (const [key, choice] of Object.entries(chosen)) {
    const value = choice ?? undefined;
    const [parent, child] = key.split('.') as [string, string?];
    options[parent] = child === undefined ? value : { ...(options[parent] as object | undefined), [child]: value };
  }
  return options;
}

/**
 * The options of a trial, of the whole length.
 * @throws UsageError that names the trial whose options contradict each other
 */
export function trialOptions(config: SearchConfig, { name, chosen }: Trial, output = name): RunConfig {
  const trunkCacheDirectory = config.trunkCacheDirectory ?? join(config.output, 'cache');
  // The test data are for the best one alone.
  const own = { output: join(config.output, output), trunkCacheDirectory, overwrite: false, test: undefined };
  const asked: Record<string, unknown> = { ...withChosen(sharedPart(config), chosen), ...own };
  // Trials are of one length, whatever of them the data would decide.
  const amounts = usualAmounts(asked);
  return { ...parseOptions(trainSchema, { ...asked, ...amounts }, { where: titleOf(chosen) }), ...amounts };
}

const titleOf = (chosen: Chosen): string => `trial ${describeChosen(chosen)}`;

/** The run of a trial for `steps` steps, or to its end; `before`: that of the rung before. */
export function trialRun(
  config: SearchConfig,
  trial: Trial,
  { steps, before }: { steps: number | undefined; before?: RunBefore | undefined },
): TrialRun {
  const name = steps === undefined ? trial.name : `${trial.name}-steps${steps}`;
  const whole = trialOptions(config, trial, name);
  const options = steps === undefined ? whole : { ...whole, maxSteps: steps };
  const resume =
    before && steps && continues(options, before.steps, steps) === undefined ? checkpointOf(before) : undefined;
  const planned = { name, title: titleOf(trial.chosen), trial };
  return { ...planned, options: { ...options, ...(resume !== undefined && { resume }) } };
}

/** The last checkpoint of a run, where it is there. */
function checkpointOf({ options, steps }: RunBefore): string | undefined {
  const path = join(checkpointsOf(options.output), `step-${steps}`);
  return existsSync(path) ? path : undefined;
}

/** Why a run of `longer` steps cannot go on from one of `shorter`; undefined where it can. */
export function continues(options: RunConfig, shorter: number, longer: number): string | undefined {
  if (options.saveStrategy === 'no') return 'saveStrategy no keeps no checkpoint';
  return notPrefix(options, shorter, longer, shorter);
}
