// Which pairs of samples a loss compares, as numbers that are added to its logits: of one batch, or of all batches of a
// step.

import { ofKind, type Slices, textAt } from '../../data/columns.js';
import type { TensorView } from '../../runtime/session.js';
import type { MeasuredBatch } from '../task.js';
import { isClassed, maskWidth, type SimilarityLoss, takenOut } from './losses.js';

/** Of the column of classes. */
export const classRole = 'class';

interface Writer {
  set(i: number, value: number): void;
}

/** What a mask is made of: rows that only fill up have no text, and weigh 0. */
export interface Compared {
  rows: number;
  weights: ArrayLike<number>;
  /** Of cosent. */
  scores?: ArrayLike<number> | undefined;
  /** Of multiple-negatives: the texts by role, the anchors first. */
  columns?: readonly (readonly string[])[] | undefined;
  /** Of texts with classes: these. */
  classes?: readonly string[] | undefined;
}

/**
 * Writes the mask of a loss that has one, and what others of a class count; what such a loss is divided by: the sum of
 * the weights, of texts with classes of those that have another of their class, of cosent 1.
 */
export function writeMask(
  { mask, positives }: { mask: Writer; positives?: Writer | undefined },
  loss: SimilarityLoss['loss'],
  compared: Compared,
): number {
  const { rows, weights, scores, columns, classes } = compared;
  let sum = 0;
  for (let row = 0; row < Math.min(rows, weights.length); row++) sum += weights[row]!;
  const present = (row: number): boolean => row < weights.length && weights[row]! > 0;
  if (isClassed(loss)) return writeClasses(mask, positives!, classes!, { rows, weights, present });
  if (loss !== 'cosent') {
    writeCandidates(rows, mask, columns!, present);
    return sum;
  }
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < rows; j++) {
      const counts = present(i) && present(j) && scores![i]! < scores![j]!;
      mask.set(i * rows + j, counts ? 0 : takenOut);
    }
  return 1;
}

/**
 * Which candidates count for which anchor: not those that only fill the batch up, and no text of another sample that
 * is the anchor or its positive, or whose anchor is one of these: it would be a positive that is called a negative.
 */
export function writeCandidates(
  rows: number,
  mask: Writer,
  columns: readonly (readonly string[])[],
  present: (row: number) => boolean,
): void {
  const others = columns.length - 1;
  const width = rows * others;
  // Where a text is a candidate, or the anchor of one.
  const places = new Map<string, number[]>();
  for (const [k, texts] of columns.entries())
    for (const [j, text] of texts.entries()) {
      const list = places.get(text) ?? [];
      list.push(j * others + Math.max(0, k - 1));
      places.set(text, list);
    }
  const missing = Array.from({ length: rows }, (_, j) => (present(j) ? 0 : takenOut));
  for (let i = 0; i < rows; i++) {
    const first = i * width;
    for (let j = 0; j < rows; j++) for (let k = 0; k < others; k++) mask.set(first + j * others + k, missing[j]!);
    for (const texts of columns.slice(0, 2))
      for (const at of (i < texts.length && places.get(texts[i]!)) || []) mask.set(first + at, takenOut);
    mask.set(first + i * others, 0);
  }
}

/** Each text against all others: the mean over those of its class. A text that has none counts for nothing. */
function writeClasses(
  mask: Writer,
  positives: Writer,
  classes: readonly string[],
  { rows, weights, present }: Pick<Compared, 'rows' | 'weights'> & { present(row: number): boolean },
): number {
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const mate = (j: number): boolean => j !== i && present(i) && present(j) && classes[j] === classes[i];
    let mates = 0;
    for (let j = 0; j < rows; j++) mates += Number(mate(j));
    for (let j = 0; j < rows; j++) {
      mask.set(i * rows + j, j !== i && present(j) ? 0 : takenOut);
      positives.set(i * rows + j, mate(j) ? 1 / mates : 0);
    }
    if (mates > 0) sum += weights[i]!;
  }
  return sum;
}

/** The texts of a column. */
export const textsOf = ({ samples, slices }: { samples: Uint32Array; slices: Slices }, role: string): string[] => {
  const slice = ofKind(slices, role, 'text');
  return Array.from(samples, (_, row) => (slice ? textAt(slice, row) : ''));
};

/** What the loss over all batches of a step reads; rows that fill a batch up stay where they are. */
export function stepInputs(
  batches: readonly MeasuredBatch[],
  { loss, texts, roles }: Pick<SimilarityLoss, 'loss' | 'texts'> & { roles: readonly string[] },
): Map<string, TensorView> {
  const joined = (name: string): Float32Array => {
    const parts = batches.flatMap(({ inputs }) => (inputs.get(name)?.data as Float32Array | undefined) ?? []);
    const all = shared(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  };
  const [weights, scores] = [joined('sample_weights'), joined('scores')];
  const rows = weights.length;
  const width = maskWidth({ loss, texts }) === 'batch' ? rows : rows * (texts - 1);
  const mask = shared(rows * width);
  // An empty text is refused, so that it stands for none.
  const filledUp = (batch: MeasuredBatch, role: string): string[] => {
    const found = textsOf(batch, role);
    const filling = batch.inputs.get('sample_weights')!.data.length - found.length;
    return [...found, ...new Array<string>(filling).fill('')];
  };
  const column = (role: string): string[] => batches.flatMap((batch) => filledUp(batch, role));
  const positives = isClassed(loss) ? shared(rows * rows) : undefined;
  const into = (data: Float32Array): Writer => ({
    set(i, value) {
      data[i] = value;
    },
  });
  const sum = writeMask({ mask: into(mask), positives: positives && into(positives) }, loss, {
    ...{ rows, weights, scores },
    ...(positives ? { classes: column(classRole) } : { columns: roles.map(column) }),
  });
  const normaliser = shared(1);
  normaliser[0] = sum || 1;
  return new Map<string, TensorView>([
    ['sample_weights', { dtype: 'float32', shape: [rows], data: weights }],
    ['pair_mask', { dtype: 'float32', shape: [rows, width], data: mask }],
    ...(positives ? [['positives', { dtype: 'float32', shape: [rows, rows], data: positives }] as const] : []),
    ['normaliser', { dtype: 'float32', shape: [], data: normaliser }],
  ]);
}

const shared = (length: number): Float32Array => new Float32Array(new SharedArrayBuffer(4 * length));
