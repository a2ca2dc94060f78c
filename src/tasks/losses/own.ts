// The loss of a classifier that the user chooses in place of the usual one: by name, of scores, or a graph over logits
// and labels (loss-file.ts). It is trained and measured alike: the losses of a batch are results under `losses`, and
// their mean is the figure `loss`.

import { basename, resolve } from 'node:path';
import type { FieldKit } from '../../config/fields.js';
import type { TargetKind } from '../../data/images/targets.js';
import { UsageError } from '../../errors.js';
import { pathOf } from '../../files/path-of.js';
import { ratio } from '../../metrics/classification.js';
import type { Builder } from '../../onnx/builder.js';
import type { Value } from '../../onnx/graph.js';
import { quote } from '../../quote.js';
import type { TensorView } from '../../runtime/session.js';
import type { ModelConfig } from '../../transfer/config.js';
import type { MeasuredBatch, Meter, Results, TaskConfig } from '../task.js';
import { lossFiles } from './loss-files.js';
import { lossesOf, type TensorLossName, tensorLosses, tensorLossNames } from './named.js';

/** As the options say it; a file by its path. */
export type OwnLoss = TensorLossName | { file: string };

export interface OwnLossOptions {
  /** Default the first that the targets have. */
  loss?: OwnLoss | undefined;
  /** Name of the file that the saved model was trained by, where none is given to measure it with. */
  trainedBy?: string | undefined;
}

/** What may be named, by what targets are; the first is what is trained without a name. */
const namesOf: Record<TargetKind, readonly [TensorLossName, ...TensorLossName[]]> = {
  class: ['cross-entropy'],
  probabilities: ['cross-entropy'],
  labels: ['binary-cross-entropy'],
  values: ['mse', 'mae', 'huber'],
};
const names = tensorLossNames.filter((name) =>
  Object.values(namesOf).some((all: readonly string[]) => all.includes(name)),
);

export const lossField = ({ z, about, path, place }: FieldKit) =>
  z
    .union([
      z.enum(names),
      z.strictObject({ file: place.meta({ description: 'Path or file: URL of the graph.' }) }),
      path.regex(/\.onnx$/),
    ])
    .transform((value): OwnLoss => {
      if (typeof value !== 'string') return value;
      return names.find((name) => name === value) ?? { file: pathOf(value) };
    })
    .optional()
    .meta(
      about(
        'Of labels of texts, words and pictures: the loss in place of the usual one: a graph of your own, FILE.onnx, that takes logits and labels (docs/callbacks.md), or of scores (regression) mse, which is the default, mae or huber.',
        { value: 'NAME|FILE.onnx', expects: `${names.join(', ')}, a path that ends in .onnx, or {file}` },
      ),
    );

const resolved = (loss: OwnLoss): OwnLoss => (typeof loss === 'string' ? loss : { file: resolve(loss.file) });

/** The loss where it is another than the usual one of such targets. */
export function ownLoss({ loss, trainedBy }: TaskConfig, targets: TargetKind): OwnLossOptions {
  return {
    ...(loss !== undefined && loss !== namesOf[targets][0] && { loss: resolved(loss) }),
    ...(trainedBy !== undefined && { trainedBy }),
  };
}

/** A sentence for each option that a training run cannot have beside its loss; none where that is the usual one. */
export function* lossContradictions(config: TaskConfig, targets: TargetKind): Generator<string> {
  const { train, labelSmoothing, classWeights } = config;
  const { loss } = ownLoss(config, targets);
  if (train === undefined || loss === undefined) return;
  if (typeof loss === 'string') {
    if (!namesOf[targets].includes(loss)) yield otherLoss(loss, targets);
    return;
  }
  if (labelSmoothing > 0)
    yield `options 'loss' and 'labelSmoothing' contradict each other: ${loss.file} gets the labels as they are; smooth them in the graph, or leave one of them out`;
  if (classWeights !== undefined && targets === 'labels')
    yield `options 'loss' and 'classWeights' contradict each other: what a label that holds weighs is a part of the usual loss of several labels; weigh them in ${loss.file}, or leave one of them out`;
}

const whatTargetsAre: Record<TargetKind, string> = {
  class: 'classes',
  probabilities: 'probabilities of classes',
  labels: 'labels that hold at once',
  values: 'scores',
};

const otherLoss = (loss: string, targets: TargetKind): string =>
  `option 'loss' ${loss} is not for ${whatTargetsAre[targets]}: give ${namesOf[targets].join(', ')}, or a graph of your own (FILE.onnx)`;

/** Inputs of a loss file that are targets; there is one. */
const labelsInput = 'labels';

function openLoss(path: string) {
  const opened = lossFiles().openLossFile(path, ['logits']);
  const other = opened.targets.find(({ name }) => name !== labelsInput);
  if (other)
    throw new UsageError(
      `option 'loss': ${path} has the input ${quote(other.name)}; a loss takes 'logits' and '${labelsInput}'`,
    );
  return opened;
}

/**
 * What the user should know of the loss, once the targets and the number of classes are known.
 * @throws UsageError for a loss of other targets, and for weights of samples that have no part in it
 */
export function lossNotes(
  { loss, trainedBy, targets }: OwnLossOptions & { targets: TargetKind },
  config: TaskConfig,
  classes: number,
): string[] {
  if (loss === undefined)
    return trainedBy === undefined
      ? []
      : [
          `the model was trained by the loss of ${trainedBy}; the figure loss is ${namesOf[targets][0]} all the same: name the file (loss) to measure that of it`,
        ];
  if (typeof loss === 'string') {
    if (namesOf[targets].includes(loss)) return [];
    throw new UsageError(otherLoss(loss, targets));
  }
  const file = openLoss(loss.file);
  const wanted = targets === 'class' ? 'int64' : 'float32';
  const found = file.targets[0];
  if (found && found.dtype !== wanted)
    throw new UsageError(
      `option 'loss': ${loss.file} takes '${labelsInput}' as ${found.dtype}; the targets are ${whatTargetsAre[targets]}, ` +
        `which are ${wanted} [samples${targets === 'class' ? '' : `, ${targets === 'values' ? 'scores' : 'labels'}`}]`,
    );
  return lossFiles().lossFileNotes(file, [{ name: 'logits', dtype: 'float32', shape: ['batch', classes] }], config);
}

/** Losses [B] of logits [B, C], or one number for all, in a training graph. */
export function addOwnLoss(b: Builder, loss: OwnLoss, logits: Value, labels: Value): Value {
  if (typeof loss === 'string') return tensorLosses[loss].build(b, logits, labels);
  return lossFiles().addLossFile(b, openLoss(loss.file), { logits }, (_, shape) =>
    String(b.shape(labels)) === String(shape) ? labels : b.op('Reshape', [labels, b.ints(shape)]),
  );
}

/** The same of a saved file's logits, as results beside them. */
export async function withOwnLosses(
  results: Results,
  { inputs }: Pick<MeasuredBatch, 'inputs'>,
  { loss }: OwnLossOptions,
): Promise<Results> {
  if (loss === undefined) return results;
  const data = await lossesByOwn(loss, results.logits!, inputs.get(labelsInput)!);
  return { ...results, losses: { dtype: 'float32', shape: [data.length], data } };
}

/** Losses of logits [B, C], or one number for all, outside of a graph. */
export async function lossesByOwn(loss: OwnLoss, logits: TensorView, labels: TensorView): Promise<Float32Array> {
  if (typeof loss === 'string') return lossesOf(loss, logits, labels);
  return lossFiles().runLossFile(openLoss(loss.file), { logits }, () => labels);
}

/** The meter with the mean of the batches' own losses for its figure. */
export function ownLossMeter<M extends { loss: number }>(meter: Meter<M>, { loss }: OwnLossOptions): Meter<M> {
  if (loss === undefined) return meter;
  let sum = 0;
  let samples = 0;
  return {
    add(results, batch) {
      meter.add(results, batch);
      const { data } = results.losses!;
      for (let row = 0; row < batch.samples.length; row++) sum += Number(data[data.length === 1 ? 0 : row]);
      samples += batch.samples.length;
    },
    result: async () => ({ ...(await meter.result()), loss: ratio(sum, samples) }),
  };
}

/** Paths of the user's graphs. */
export const lossFilesOf = ({ loss }: OwnLossOptions): string[] =>
  loss === undefined || typeof loss === 'string' ? [] : [loss.file];

/** What config.json of a model says of its loss, under `ortune`. */
export function savedLoss({ loss }: OwnLossOptions): { loss?: string; lossFile?: string } {
  if (loss === undefined) return {};
  return typeof loss === 'string' ? { loss } : { lossFile: basename(loss.file) };
}

/** The loss to measure a saved model by: what is given, else what it was trained by where that has a name. */
export function lossWith({ ortune }: ModelConfig, given: OwnLoss | undefined): OwnLossOptions {
  if (given !== undefined) return { loss: given };
  const { loss, lossFile } = (ortune ?? {}) as { loss?: unknown; lossFile?: unknown };
  const named = names.find((name) => name === loss);
  return { ...(named && { loss: named }), ...(typeof lossFile === 'string' && { trainedBy: lossFile }) };
}
