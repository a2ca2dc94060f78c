// Options of a training run that are each right and cannot be meant together. Said before anything is opened, to the
// library and the command line alike: a run must not end after an hour over what could be known at its start.

import { functionPrefix } from '../data/memory/names.js';
import { isOwnMetric } from '../metrics/own.js';
import { nearest } from '../nearest.js';
import { taskNamed } from '../tasks/tasks.js';
import { isAdapterKind } from '../transfer/adapter/options.js';
import { ofOtherTasks } from './task-fields.js';
import type { TrainConfig } from './train-schema.js';

/** A sentence for each contradiction: the options by name, why they exclude each other, and what to do. */
export function contradictions(config: TrainConfig): string[] {
  return [
    ...evaluation(config),
    ...strategy(config, 'eval'),
    ...strategy(config, 'save'),
    ...data(config),
    ...generated(config),
    ...groups(config),
    ...classes(config),
    ...ofTask(config),
    ...resuming(config),
    ...adapter(config),
    ...unfreezing(config),
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
    reduceOnPlateauPatience: config.reduceOnPlateauPatience !== undefined,
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
  config: { task: string } & Record<string, unknown>,
): Generator<string> {
  // Which of those there are is not part of a configuration; whoever is given them checks the name.
  if (isOwnMetric(metric)) return;
  const { metrics, options } = taskNamed(config.task);
  const known = metrics(options(config));
  if (known.includes(metric)) return;
  const close = nearest(
    metric,
    known.map((key) => ({ key, aliases: [] })),
  );
  yield `option '${option}' must be one of ${known.join(', ')}, found "${metric}"${close ? `; did you mean "${close}"?` : ''}`;
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

/** Training data that a function gives anew for each epoch. */
function* generated({ train, evalSplit, sampling }: TrainConfig): Generator<string> {
  if (!train[0]?.startsWith(functionPrefix)) return;
  if (evalSplit !== undefined)
    yield "options 'train' and 'evalSplit' contradict each other: what a function gives is not split; leave those rows out in it, and give them as eval";
  if (sampling === 'balanced' || sampling === 'weighted')
    yield `options 'train' and 'sampling' contradict each other: the rows that a function gives are taken as they come, and ${sampling} draws from all at once; have the function draw them, and leave sampling out`;
}

function* groups({ groups: all }: TrainConfig): Generator<string> {
  for (const [i, { parameters, ...own }] of all.entries())
    if (Object.values(own).every((value) => value === undefined))
      yield `option 'groups[${i}]' (${parameters.join(', ')}) sets nothing: set learningRate, weightDecay, l1 or maxNorm, or leave the group out`;
}

/** Of the options of tasks: those that contradict each other, and those of other tasks. */
export function* ofTask(config: { task: string } & Record<string, unknown>): Generator<string> {
  yield* taskNamed(config.task).contradictions(config);
  yield* ofOtherTasks(config);
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
    if (given && !taskNamed(task).classes)
      yield `option ${option} is for classes, and task ${task} has none; leave it out`;
}

function* resuming({ overwrite, resume }: TrainConfig): Generator<string> {
  if (overwrite && resume !== undefined)
    yield "options 'overwrite' and 'resume' contradict each other: one replaces the run in output, the other goes on with it; leave one out (the flag --no-overwrite does so for a file)";
}

function* adapter(config: TrainConfig): Generator<string> {
  const { adapter: kind, init, freeze } = config;
  const ofKind = (['loraRank', 'loraAlpha', 'rslora', 'loraTargets'] as const).filter(
    (key) => config[key] !== undefined,
  );
  const others = (['loraDropout', 'modulesToSave', 'saveAdapter'] as const).filter((key) => config[key] !== undefined);
  if (kind === undefined) {
    for (const key of [...ofKind, ...others])
      yield `option '${key}' is for adapters: set 'adapter' to lora, or leave ${key} out`;
    return;
  }
  if (!isAdapterKind(kind))
    for (const key of ofKind)
      yield `options 'adapter' and '${key}' contradict each other: the adapter in ${kind} is as it was made; leave ${key} out, or set adapter to lora`;
  if (init === 'random')
    yield "options 'adapter' and 'init' contradict each other: an adapter learns beside weights that stay, and random ones are of no use; leave one out";
  if (freeze.length > 0)
    yield "options 'adapter' and 'freeze' contradict each other: with an adapter all weights stay but those of modulesToSave; leave freeze out";
}

function* unfreezing({
  unfreeze,
  unfreezeSteps,
  unfreezeEpochs,
  maxNorm,
  groups: all,
}: TrainConfig): Generator<string> {
  if (unfreeze === undefined) {
    if (unfreezeSteps !== undefined || unfreezeEpochs !== 1)
      yield `option '${unfreezeSteps !== undefined ? 'unfreezeSteps' : 'unfreezeEpochs'}' needs 'unfreeze': set it to gradual or head-first, or leave it out`;
    return;
  }
  if (maxNorm !== undefined || all.some((group) => group.maxNorm !== undefined))
    yield "options 'unfreeze' and 'maxNorm' contradict each other: weights that are frozen would be scaled all the same; leave one out";
}
