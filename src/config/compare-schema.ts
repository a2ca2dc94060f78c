// The options of `ortune compare`: those of a training run, which hold for every run, and which strategies and seeds to
// run. What makes up a strategy, or must be equal for the figures to be comparable, cannot be overridden.

import { isOwnMetric } from '../metrics/own.js';
import { nearest } from '../nearest.js';
import { contradictions, unknownMetric } from './contradictions.js';
import { about, count, files, forbidden, names, path, withoutDefault } from './fields.js';
import type { CompareFields, TrainFields } from './option-types.js';
import { resolved } from './resolve.js';
import { contrastive, defaultStrategies, knownStrategies, strategyOptions, taskDriven } from './strategies.js';
import { type SharedTaskField, sharedTaskFields } from './task-fields.js';
import { type TrainConfig, type TrainOptions, trainSchema } from './train-schema.js';
import { usualAmounts } from './usual-amounts.js';
import { z } from './zod.js';

const train = trainSchema.shape;

const ofStrategy = {
  freeze: forbidden('the strategies say what is frozen'),
  init: forbidden('the strategies say where the weights start'),
  keepLayers: forbidden('the strategies first:K say how many layers there are'),
};
const ofResuming = {
  resume: forbidden('what an interrupted comparison has done is found in output, and it goes on from there'),
  allowChanges: forbidden('the runs of a comparison are all made with the same options'),
};

/** Equal for every run, or the runs would not be comparable. */
const common = [
  ...(['model', 'task', 'train', 'eval', 'evalSplit', 'test', 'streaming', 'numLabels', 'weightColumn'] as const),
  ...(['delimiter', 'quote', 'encoding', 'header', 'lineEnding', 'maxDataMemory'] as const),
  ...(['epochs', 'maxSteps', 'batchSize', 'gradientAccumulationSteps', 'seed', 'output', 'overwrite'] as const),
] as const satisfies readonly (keyof TrainOptions)[];
const shared = [...common, ...sharedTaskFields];
/** What a program gives to a single run. */
type OfOneRun = 'callbacks' | 'metrics';
type Fixed = OfOneRun | (typeof common)[number] | SharedTaskField | keyof typeof ofStrategy | keyof typeof ofResuming;
export type Overrides = Readonly<Record<string, Partial<Omit<TrainOptions, Fixed>>>>;

const override = z
  .strictObject({
    ...Object.fromEntries(
      Object.entries(train).map(([key, schema]) => [
        key,
        withoutDefault(schema)
          .optional()
          .meta(schema.meta() ?? {}),
      ]),
    ),
    ...Object.fromEntries(shared.map((key) => [key, forbidden('it is the same for all strategies')])),
    ...ofStrategy,
    ...ofResuming,
  })
  .meta({ expects: 'options of train' });

const options = z.strictObject({
  strategies: names
    .prefault(defaultStrategies)
    .meta(
      about(
        'Ways of using the model: untouched (a new head, no training), frozen (the head alone is trained), scratch (no pre-trained weight), finetuned, lora (an adapter and the head are trained), contrastive (vectors that are near within a class are learnt first, then the head alone), tlm (classes and masked tokens of texts retrieved from corpus are learnt first, from random weights, then the classes), or first:K (finetuned, the first K layers only); default the first four.',
        { value: 'NAME', aliases: ['strategy'], expects: `a list, each one of ${knownStrategies}` },
      ),
    ),
  seeds: z
    .union([z.int().min(1).max(1000), z.array(z.int().min(0).max(0xffffffff)).min(1)])
    .default(3)
    .meta(
      about('Seeds to run each strategy with: a list, or how many from seed on.', {
        value: 'N|N,N,..',
        list: true,
        expects: 'a number of seeds from 1 to 1000, or a list of seeds',
      }),
    ),
  metric: path.default('accuracy').meta(
    about('Metric to compare: of test where it is given, else of eval, for the weights that are written.', {
      value: 'NAME',
    }),
  ),
  overrides: z
    .record(z.string(), override)
    .optional()
    .meta(
      about(
        'Options of single strategies, such as {frozen: {learningRate: 1e-3}}; data and budget are the same for all.',
        {
          aliases: ['per_strategy'],
        },
      ),
    ),
  ...train,
  ...ofStrategy,
  ...ofResuming,
  corpus: files
    .optional()
    .meta(
      about(
        'Strategy tlm: texts without labels to choose from, as many as you like; those nearest to the training texts (BM25) are learnt.',
        { value: 'FILE' },
      ),
    ),
  corpusTop: count
    .default(50)
    .meta(about('Strategy tlm: texts of the corpus for each training text.', { aliases: ['top_k'] })),
  corpusSteps: count
    .optional()
    .meta(
      about(
        'Strategy tlm: steps of its first part, each batchSize texts of the corpus or of the training data; the second has those of the other strategies.',
      ),
    ),
});

/** Resolved configuration of a comparison. */
export type CompareConfig = z.output<typeof options>;
/** What a user writes. */
export type CompareOptions = CompareFields &
  Omit<TrainFields, keyof typeof ofStrategy | keyof typeof ofResuming> & {
    /** Options of single strategies, such as {frozen: {learningRate: 1e-3}}; data and budget are the same for all. */
    overrides?: Overrides | undefined;
  };

/** Everything `ortune compare` and `compare` take; options that contradict each other are refused. */
export const compareSchema = options
  .overwrite((config) => ({ ...resolved(config), ...usualAmounts(config) }))
  .superRefine((config, context) => {
    for (const message of problems(config)) context.addIssue({ code: 'custom', message });
  });

/** The options that every run has. */
export function trainPart(config: CompareConfig): TrainConfig {
  const { strategies, seeds, metric, overrides, corpusTop, corpusSteps, ...rest } = config;
  const alike = { ...rest, corpus: undefined, corpusColumn: undefined, ...ratiosOfNone };
  return { ...alike, init: 'pretrained', freeze: [], keepLayers: undefined, resume: undefined, allowChanges: false };
}

/** As they are where nothing of them is set. */
const ratiosOfNone = {
  corpusRatio: train.corpusRatio.parse(undefined),
  maskedWeight: train.maskedWeight.parse(undefined),
};

function* problems(config: CompareConfig): Generator<string> {
  yield* contradictions(trainPart(config));
  yield* unknownMetric('metric', config.metric, config);
  for (const option of ['metric', 'metricForBestModel'] as const)
    if (isOwnMetric(config[option])) yield `option '${option}': metrics of your own (own.…) are for single runs`;
  yield* measured(config);
  for (const name of config.strategies) yield* unknownStrategy('strategies', name);
  for (const name of [contrastive, taskDriven])
    if (config.strategies.includes(name)) yield* unlikeClasses(name, config);
  yield* retrieved(config);
  for (const name of Object.keys(config.overrides ?? {})) yield* unknownStrategy('overrides', name);
  yield* repeated('strategies', config.strategies);
  if (typeof config.seeds !== 'number') yield* repeated('seeds', config.seeds);
}

function* measured({ test, eval: files, evalSplit, evalStrategy }: CompareConfig): Generator<string> {
  if (test) return;
  if (!files && evalSplit === undefined)
    yield "nothing to compare the strategies on: give 'test', or 'eval', or 'evalSplit' for a share of the training data";
  else if (evalStrategy === 'no')
    yield "option 'evalStrategy' no leaves nothing to compare the strategies on: give 'test', or leave evalStrategy out";
}

/** What texts with one class each, in files of their own, are not. */
function* unlikeClasses(strategy: string, config: CompareConfig): Generator<string> {
  const { task, pairColumn, evalSplit, multiLabel, labelColumns, labelRows, regression } = config;
  if (task !== 'text-classification')
    yield `strategy '${strategy}' is for task text-classification, and the task is ${task}; leave it out`;
  const others = { ...(strategy === contrastive && { pairColumn }), multiLabel, labelColumns, labelRows, regression };
  for (const [option, given] of Object.entries(others))
    if (given !== undefined && given !== false)
      yield `strategy '${strategy}' and option '${option}' contradict each other: it learns from texts with one class each; leave one out`;
  if (evalSplit !== undefined)
    yield `strategy '${strategy}' and option 'evalSplit' contradict each other: what is held out from the head would be learnt before it; give 'eval' or 'test'`;
}

/** What strategy tlm needs, and others have no use for. */
function* retrieved({ strategies, corpus, corpusColumn, corpusSteps, corpusRatio }: CompareConfig): Generator<string> {
  if (!strategies.includes(taskDriven)) {
    for (const [option, given] of Object.entries({ corpus, corpusColumn, corpusSteps }))
      if (given !== undefined)
        yield `option '${option}' is for strategy tlm: add it to strategies, or leave ${option} out`;
    return;
  }
  if (corpus === undefined)
    yield "strategy 'tlm' needs 'corpus', texts without labels that it retrieves some of: set it, or leave the strategy out";
  if (corpusSteps === undefined)
    yield "strategy 'tlm' needs 'corpusSteps', how long its first part is (150000 in the paper, of 256 texts each): set it, or leave the strategy out";
  else if (corpusSteps <= corpusRatio)
    yield `options 'corpusSteps' and 'corpusRatio' contradict each other: after ${corpusRatio} steps of the corpus comes the first of the training data, and there are ${corpusSteps}; lower corpusRatio, or raise corpusSteps`;
}

function* unknownStrategy(option: string, name: string): Generator<string> {
  if (strategyOptions(name)) return;
  const known = defaultStrategies.map((key) => ({ key, aliases: [] }));
  const close = nearest(name, known);
  yield `option '${option}' names the unknown strategy '${name}'${close ? `; did you mean '${close}'?` : '.'} There are ${knownStrategies}`;
}

function* repeated(option: string, values: readonly (string | number)[]): Generator<string> {
  const twice = values.find((value, i) => values.indexOf(value) < i);
  if (twice !== undefined) yield `option '${option}' has ${twice} twice: each may be there once`;
}
