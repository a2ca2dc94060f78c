// Options of a training run that are each right and cannot be meant together. Said before anything is opened, to the
// library and the command line alike: a run must not end after an hour over what its first line could have told.

import { metricNamesOf } from '../metrics/names.js';
import { nearest } from '../nearest.js';
import type { TrainConfig } from './train-schema.js';

/** A sentence for each contradiction: the options by name, why they exclude each other, and what to do. */
export function contradictions(config: TrainConfig): string[] {
  return [
    ...evaluation(config),
    ...strategy(config, 'eval'),
    ...strategy(config, 'save'),
    ...data(config),
    ...groups(config),
    ...masking(config),
    ...classes(config),
    ...pictures(config),
    ...labels(config),
    ...resuming(config),
  ];
}

function* evaluation(config: TrainConfig): Generator<string> {
  const { eval: files, evalSplit, evalStrategy, metricForBestModel: metric } = config;
  if (files && evalSplit !== undefined)
    yield "options 'eval' and 'evalSplit' both say what to evaluate on: give the files, or the share of the training data";
  yield* unknownMetric('metricForBestModel', metric, config);
  const wants = {
    evalSteps: config.evalSteps !== undefined,
    evalStrategy: evalStrategy !== undefined && evalStrategy !== 'no',
    loadBestModelAtEnd: config.loadBestModelAtEnd === true,
    earlyStoppingPatience: config.earlyStoppingPatience !== undefined,
    metricForBestModel: metric !== 'loss',
  };
  for (const [name, wanted] of Object.entries(wants)) {
    if (!wanted) continue;
    if (!files && evalSplit === undefined)
      yield `option '${name}' needs data to evaluate on: give 'eval' or 'evalSplit', or leave ${name} out`;
    else if (evalStrategy === 'no' && name !== 'evalSteps')
      yield `options '${name}' and 'evalStrategy' contradict each other: evalStrategy no means that nothing is evaluated during the run; leave one of them out`;
  }
}

/** Of an option that names a metric the task has none of. */
export function* unknownMetric(
  option: string,
  metric: string,
  of: Pick<TrainConfig, 'task' | 'multiLabel'>,
): Generator<string> {
  const known = metricNamesOf(of);
  if (known.includes(metric)) return;
  const close = nearest(
    metric,
    known.map((key) => ({ key, aliases: [] })),
  );
  yield `option '${option}' must be one of ${known.join(', ')}, found "${metric}"${close ? `; did you mean '${close}'?` : ''}`;
}

function* strategy(config: TrainConfig, kind: 'eval' | 'save'): Generator<string> {
  const when = config[`${kind}Strategy`];
  const steps = config[`${kind}Steps`];
  if (steps !== undefined && (when === 'no' || when === 'epoch'))
    yield `options '${kind}Steps' and '${kind}Strategy' contradict each other: ${kind}Strategy ${when} takes no number of steps; leave ${kind}Steps out or set ${kind}Strategy to steps`;
  if (steps === undefined && when === 'steps')
    yield `option '${kind}Strategy' steps needs '${kind}Steps': set how many steps lie between, or set ${kind}Strategy to epoch`;
}

function* data({ streaming, evalSplit, sampling, weightColumn }: TrainConfig): Generator<string> {
  if (sampling === 'weighted' && weightColumn === undefined)
    yield "option 'sampling' weighted needs 'weightColumn', the column with the weights: set it, or choose another sampling";
  if (!streaming) return;
  if (evalSplit !== undefined)
    yield "options 'streaming' and 'evalSplit' contradict each other: a stream is not split; write the evaluation data to a file of its own and give it as eval";
  if (sampling === 'balanced' || sampling === 'weighted')
    yield `options 'streaming' and 'sampling' contradict each other: ${sampling} sampling draws from all samples at once; set sampling to shuffle (classWeights and weightColumn weigh the loss instead), or leave streaming out`;
}

function* groups({ groups: all }: TrainConfig): Generator<string> {
  for (const [i, { parameters, learningRate, weightDecay }] of all.entries())
    if (learningRate === undefined && weightDecay === undefined)
      yield `option 'groups[${i}]' (${parameters.join(', ')}) sets neither 'learningRate' nor 'weightDecay': set one, or leave the group out`;
}

/** Of the options that say how to mask, in training and in evaluation. */
export function* masking(
  config: Pick<TrainConfig, 'task' | 'nextSentence' | 'pairColumn' | 'wholeWordMask'>,
): Generator<string> {
  const { task, nextSentence, pairColumn, wholeWordMask } = config;
  if (task === 'masked-lm') {
    if (nextSentence && pairColumn === undefined)
      yield "option 'nextSentence' needs 'pairColumn', the column with the text that follows: set it, or leave nextSentence out";
    return;
  }
  for (const [name, given] of Object.entries({ nextSentence, wholeWordMask }))
    if (given) yield `option '${name}' is for task masked-lm, and the task is ${task}; leave it out, or set task`;
}

function* classes({
  task,
  sampling,
  classWeights,
  numLabels,
  labelSmoothing,
  headLayers,
}: TrainConfig): Generator<string> {
  const ofClasses = {
    "'sampling' balanced": sampling === 'balanced',
    "'classWeights'": classWeights !== undefined,
    "'numLabels'": numLabels !== undefined,
    "'labelSmoothing'": labelSmoothing > 0,
    "'headLayers'": headLayers !== undefined,
  };
  for (const [option, given] of Object.entries(ofClasses))
    if (given && task === 'masked-lm')
      yield `option ${option} is for classes, and task masked-lm has none; leave it out`;
}

const ofPictures = [
  'multiLabel',
  'labelNames',
  'imageColumn',
  'maxBadSamples',
  'imageMean',
  'imageStd',
  'imageSize',
] as const;

/** Of the options that are for pictures, and of those that are not, in training and in evaluation. */
export function* pictures(
  config: Pick<TrainConfig, 'task' | 'pairColumn' | (typeof ofPictures)[number]> &
    Partial<Pick<TrainConfig, 'streaming' | 'augmentation'>>,
): Generator<string> {
  const { task, pairColumn, streaming } = config;
  if (task === 'image-classification') {
    if (pairColumn !== undefined)
      yield "option 'pairColumn' is for texts, and the task is image-classification; leave it out";
    if (streaming)
      yield "option 'streaming' is for texts: of pictures only those of the next batches are in memory anyway; leave it out";
    return;
  }
  const given: readonly string[] = [
    ...ofPictures.filter((name) => config[name] !== undefined && config[name] !== false),
    ...(config.augmentation?.length ? ['augmentation'] : []),
  ];
  for (const name of given)
    yield `option '${name}' is for task image-classification, and the task is ${task}; leave it out, or set task`;
}

function* labels({ multiLabel, sampling, classWeights }: TrainConfig): Generator<string> {
  if (!multiLabel) return;
  if (sampling === 'balanced')
    yield "options 'sampling' and 'multiLabel' contradict each other: balanced draws classes, and a sample has several labels; choose another sampling";
  if (classWeights !== undefined)
    yield "options 'classWeights' and 'multiLabel' contradict each other: classes are weighed where each sample has one; leave one of them out";
}

function* resuming({ overwrite, resume }: TrainConfig): Generator<string> {
  if (overwrite && resume !== undefined)
    yield "options 'overwrite' and 'resume' contradict each other: one replaces the run in output, the other goes on with it; leave one out (the flag --no-overwrite does so for a file)";
}
