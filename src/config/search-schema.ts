// The options of `ortune search`: those of a training run, which hold for every trial, and the space of those that are
// tried. Which trials there are follows from `space` and `trials`, how long each runs from `halving`.

import { isOwnMetric } from '../metrics/own.js';
import { taskNamed } from '../tasks/tasks.js';
import { contradictions, unknownMetric } from './contradictions.js';
import { about, count, forbidden, path } from './fields.js';
import type { SearchFields, TrainFields } from './option-types.js';
import { resolved } from './resolve.js';
import { isRange, type SearchSpace, spaceProblems, spaceSchema } from './search-space.js';
import { type TrainConfig, trainSchema } from './train-schema.js';
import { z } from './zod.js';

const ofResuming = {
  resume: forbidden('what an interrupted search has done is found in output, and it goes on from there'),
  allowChanges: forbidden('a search goes on with the options it was begun with'),
};

/** More trials than anybody means. */
const mostTrials = 10_000;

const options = z.strictObject({
  space: spaceSchema.meta(
    about(
      'Options to try values of: a list of values, null for left out, or {min, max, scale: linear|log} to draw from; nested options with a dot.',
      {
        expects: 'options of train, each with a list of values or {min, max, scale}',
        aliases: ['search_space', 'params'],
      },
    ),
  ),
  trials: count
    .max(mostTrials)
    .optional()
    .meta(
      about('Draw so many combinations at random (seed); default every combination, the grid.', {
        aliases: ['n_trials', 'num_samples', 'num_trials'],
      }),
    ),
  halving: z
    .int()
    .min(2)
    .optional()
    .meta(
      about(
        'Successive halving: all trials run for a part of maxSteps, one in so many of them for so many times as long, and so on up to maxSteps; 3 is usual. Default: all run to the end.',
        { aliases: ['successive_halving', 'reduction_factor', 'eta'] },
      ),
    ),
  minSteps: count.optional().meta(
    about('With halving: fewest steps of a trial; default as few as leave one trial at maxSteps.', {
      aliases: ['min_resources', 'grace_period'],
    }),
  ),
  metric: path
    .optional()
    .meta(
      about(
        "Metric of the evaluation data that decides, for the weights that are written; default metricForBestModel, or where that is the loss the task's first other one.",
        { value: 'NAME' },
      ),
    ),
  ...trainSchema.shape,
  ...ofResuming,
});

/** Resolved configuration of a search. */
export type SearchConfig = z.output<typeof options>;
/** What a user writes. */
export type SearchOptions = SearchFields &
  Omit<TrainFields, keyof typeof ofResuming> & {
    /**
     * Options to try values of: a list of values, null for left out, or {min, max, scale} to draw from; nested ones
     * with a dot ('dropout.hidden').
     */
    space: SearchSpace;
  };

/** Everything `ortune search` and `search` take; options that contradict each other are refused. */
export const searchSchema = options.overwrite(resolved).superRefine((config, context) => {
  for (const message of problems(config)) context.addIssue({ code: 'custom', message });
});

/** The options that every trial starts from. */
export function sharedPart(config: SearchConfig): TrainConfig {
  const { space, trials, halving, minSteps, metric, ...rest } = config;
  return { ...rest, resume: undefined, allowChanges: false };
}

/** The metric that decides. */
export function metricOfSearch(config: SearchConfig): string {
  if (config.metric !== undefined) return config.metric;
  if (config.metricForBestModel !== 'loss') return config.metricForBestModel;
  const { metrics, options } = taskNamed(config.task);
  return metrics(options(config)).find((name) => name !== 'loss') ?? 'loss';
}

function* problems(config: SearchConfig): Generator<string> {
  yield* contradictions(sharedPart(config));
  yield* spaceProblems(config.space);
  yield* unknownMetric('metric', metricOfSearch(config), config);
  for (const option of ['metric', 'metricForBestModel'] as const)
    if (isOwnMetric(config[option] ?? '')) yield `option '${option}': metrics of your own (own.…) are for single runs`;
  yield* evaluated(config);
  yield* sizes(config);
  yield* halved(config);
}

function* evaluated({ eval: files, evalSplit, evalStrategy, space }: SearchConfig): Generator<string> {
  if (!files && evalSplit === undefined)
    yield "nothing to choose a trial by: give 'eval', or 'evalSplit' for a share of the training data";
  else if (evalStrategy === 'no')
    yield "option 'evalStrategy' no leaves nothing to choose a trial by: leave evalStrategy out";
  if (evalSplit !== undefined && 'seed' in space)
    yield "options 'evalSplit' and 'space.seed' contradict each other: the seed draws what is held out; give 'eval', or leave the seed out of space";
}

function* sizes({ space, trials }: SearchConfig): Generator<string> {
  if (trials !== undefined) return;
  const entries = Object.entries(space);
  for (const [key, values] of entries)
    if (values !== undefined && isRange(values))
      yield `option 'space.${key}' is a range, of which not every value can be tried: set trials to draw so many, or list values`;
  const all = entries.reduce((n, [, values]) => n * (values !== undefined && !isRange(values) ? values.length : 1), 1);
  if (all > mostTrials)
    yield `option 'space' has ${all.toLocaleString('en-US')} combinations, more than ${mostTrials}: set trials to draw some`;
}

function* halved({ halving, minSteps, maxSteps, space }: SearchConfig): Generator<string> {
  if (halving === undefined) {
    if (minSteps !== undefined) yield "option 'minSteps' is for halving: set halving, or leave minSteps out";
    return;
  }
  if (!maxSteps) yield "option 'halving' needs 'maxSteps', how long the last trials run: set it to at least 1";
  for (const key of ['maxSteps', 'epochs'])
    if (key in space)
      yield `options 'halving' and 'space.${key}' contradict each other: halving says how long each trial runs; leave one out`;
  if (minSteps !== undefined && maxSteps !== undefined && minSteps > maxSteps)
    yield `option 'minSteps' (${minSteps}) must be at most maxSteps (${maxSteps})`;
}
