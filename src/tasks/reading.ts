// How the outputs of a saved classifier are read: by what config.json says they are (problem_type, id2label), by how
// many there are, and by what the file ends in. One output is never a choice among classes: its softmax is 1 whatever
// it says. The readings are those of the transformers library's pipelines and of sentence-transformers' cross-encoders.

import { ModelError } from '../errors.js';
import type { TensorView } from '../runtime/session.js';
import type { ModelConfig } from '../transfer/config.js';
import { type OwnLossOptions, withOwnLosses } from './losses/own.js';
import type { Activation, MeasuredBatch, Results, SavedFacts, SavedRun } from './task.js';

/**
 * classes: one of them holds (softmax). labels: each holds or not, by itself (sigmoid). binary: one output, the odds of
 * the second of two classes. label: one output, how likely the only label is (sigmoid). values: numbers as they are.
 */
export type Reading = 'classes' | 'labels' | 'binary' | 'label' | 'values';

export interface ReadingOptions {
  /** Default classes. */
  reading?: Reading | undefined;
}

const problemTypes = ['single_label_classification', 'multi_label_classification', 'regression'];

/**
 * @param options `multiLabel`: several labels may hold at once, and `regression`: outputs are scores, whatever
 *   config.json says
 * @throws ModelError for outputs that are none of a classifier, and where their number is not that of the labels
 */
export function readingOf(
  model: SavedFacts,
  {
    multiLabel = false,
    regression = false,
  }: { multiLabel?: boolean | undefined; regression?: boolean | undefined } = {},
): Reading {
  const { config, labels } = model;
  const { problem_type: type } = config;
  const { shape, activation } = model.main();
  if (shape && shape.length !== 1 && shape.length !== 2) throw noClassifier(model, shape);
  const stated = shape?.length === 1 ? 1 : shape?.[1];
  const columns = typeof stated === 'number' ? stated : labels.length || undefined;
  if (columns !== undefined) refuseOtherNumber(model, columns);
  if (typeof type === 'string' && !problemTypes.includes(type))
    throw new ModelError(
      `${model.path}: config.json has problem_type '${type}'; expected ${problemTypes.join(', ')}, or none`,
    );
  if (multiLabel || type === 'multi_label_classification') return 'labels';
  if (regression || type === 'regression') return 'values';
  if (columns === 1) return labels.length === 2 ? 'binary' : givesValues(config) ? 'values' : 'label';
  return activation === 'Sigmoid' ? 'labels' : 'classes';
}

/** What a cross-encoder's configuration has in place of the sigmoid. */
function givesValues({
  sentence_transformers: own,
  sbert_ce_default_activation_function: before,
}: ModelConfig): boolean {
  const named = (own as { activation_fn?: unknown } | undefined)?.activation_fn ?? before;
  return typeof named === 'string' && /(^|\.)Identity$/.test(named);
}

/** One output stands for one label, or for the odds of the second of two. */
function refuseOtherNumber({ path, labels, main }: SavedFacts, columns: number): void {
  if (labels.length === 0 || labels.length === columns || (columns === 1 && labels.length === 2)) return;
  throw new ModelError(
    `${path}: output '${main().name}' has ${columns} column${columns === 1 ? '' : 's'}, and config.json names ${labels.length} labels (id2label): ` +
      'which label is which is not known. Correct config.json.',
  );
}

const noClassifier = ({ path, main }: SavedFacts, shape: readonly unknown[]): ModelError =>
  new ModelError(
    `${path}: output '${main().name}' has the shape [${shape.map((d) => d ?? '?')}], expected [batch, labels]: this is no classifier. ` +
      'Fine-tune it to be one, label tokens with task token-classification, or measure a masked language model with task masked-lm.',
  );

/** Why a model that is read so cannot be measured by classes, as a sentence; undefined: it can. */
export function unmeasured({ reading }: ReadingOptions): string | undefined {
  if (reading === 'values')
    return (
      'its outputs are scores, not classes (problem_type regression in config.json, or a cross-encoder without a sigmoid), ' +
      "and this task measures none; 'predict' gives them"
    );
  if (reading === 'label')
    return (
      'it has one output, and config.json names one label (num_labels 1, problem_type not regression), so there are no two ' +
      'classes to tell apart. To measure it as no or yes at one half, name two labels in id2label, that of no first'
    );
  return undefined;
}

/**
 * Logits [batch, columns] of a saved classifier; of a binary one two columns, 0 and the odds. With the losses of the
 * user's loss, where there is one.
 * @throws ModelError for a file that is none
 */
export async function classifierResults(
  saved: SavedRun,
  batch: MeasuredBatch,
  { reading = 'classes', loss }: ReadingOptions & OwnLossOptions = {},
  mode: 'evaluate' | 'predict' = 'evaluate',
): Promise<Results> {
  const { name, activation } = saved.main();
  const found = (await saved.run(batch.inputs, [name]))[name]!;
  const { shape } = found;
  const rows = batch.inputs.get(saved.inputs[0]!)!.shape[0]!;
  if (shape.length !== 1 && shape.length !== 2) throw noClassifier(saved, shape);
  const columns = shape[1] ?? 1;
  if (shape[0] !== rows)
    throw new ModelError(
      `${saved.path}: output '${name}' has the shape [${shape}] for a batch of ${rows}: expected one row for each sample`,
    );
  refuseOtherNumber(saved, columns);
  if (columns === 1 && reading === 'classes')
    throw new ModelError(
      `${saved.path}: output '${name}' has one column, and one output is no choice among classes. Say in config.json what it is: ` +
        "problem_type 'regression', or id2label with one label, or with two where it is the odds of the second.",
    );
  const data = reading === 'values' ? (found.data as Float32Array) : asLogits(found, activation, reading === 'classes');
  const withLosses = (results: Results): Results | Promise<Results> =>
    mode === 'predict' ? results : withOwnLosses(results, batch, { loss });
  if (reading !== 'binary') return withLosses({ logits: { ...found, shape: [rows, columns], data } });
  const pairs = new Float32Array(2 * rows);
  for (const [row, odds] of data.entries()) pairs[2 * row + 1] = odds;
  return withLosses({ logits: { ...found, shape: [rows, 2], data: pairs } });
}

/** Least probability whose logarithm is taken; below it float32 has none. */
const least = 2 ** -149;

/**
 * Logits that give the same probabilities, where a file ends in a softmax or a sigmoid.
 * @param choice one of the columns holds; else each by itself
 */
export function asLogits({ data }: TensorView, activation: Activation | undefined, choice: boolean): Float32Array {
  const given = data as Float32Array;
  if (activation === undefined || (activation === 'LogSoftmax' && choice)) return given;
  const log = (p: number): number => Math.log(Math.max(p, least));
  return given.map((value) => {
    const p = activation === 'LogSoftmax' ? Math.exp(value) : value;
    return choice ? log(p) : log(p) - log(1 - p);
  });
}
