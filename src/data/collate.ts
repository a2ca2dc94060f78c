// Writes the tokenised rows of a batch into its slot: padded to one length, with what the task's loss asks for beside
// the model's inputs. Classification: a class and a weight for each row. Masked-LM: masked rows, and for every place that
// a row of this length may have to fill its position, token and weight; places that are not needed weigh nothing.

import { isInt64 } from '../onnx/dtype.js';
import { type Masking, type MaskKey, type MaskVocabulary, maskRow, targetCount } from './masking.js';
import type { Slot, SlotLayout } from './slots.js';
import type { Encoded } from './tokenize.js';

export interface CollateTask {
  /** Class of each row, and its weight in the loss. */
  labels: Int32Array;
  /** [rows, classes] where rows have more than a class. */
  targets?: Float32Array | undefined;
  weights: Float32Array;
  /** Numbers of the samples within their data. */
  samples: Uint32Array;
  seed: number;
  epoch: number;
  augment?: boolean;
}

/** How the rows are written. */
export interface Padding {
  padId: number;
  padLeft: boolean;
}

type Field = SlotLayout['fields'][number];
type Elements = { [i: number]: number | bigint; fill(value: number | bigint, from?: number, to?: number): unknown };

/** Sets element i of a field to a number, whatever its type. */
function writer(slot: Slot, field: Field, length: number) {
  const data = slot.data(field, length) as unknown as Elements;
  const element = isInt64(field.dtype) ? BigInt : Number;
  return {
    set: (i: number, value: number): void => {
      data[i] = element(value);
    },
    fill: (value: number, from?: number, to?: number): void => {
      data.fill(element(value), from, to);
    },
  };
}

/** The model's inputs. The rows behind the last sample repeat it. */
export function writeTokens(slot: Slot, length: number, rows: readonly Encoded[], { padId, padLeft }: Padding): void {
  const last = rows.length - 1;
  for (const field of slot.layout.fields) {
    if (field.per !== 'token') continue;
    const out = writer(slot, field, length);
    for (let b = 0; b < slot.layout.batchSize; b++) {
      const { ids, types } = rows[Math.min(b, last)]!;
      const start = b * length + (padLeft ? length - ids.length : 0);
      out.fill(field.name === 'input_ids' ? padId : 0, b * length, (b + 1) * length);
      if (field.name === 'attention_mask') out.fill(1, start, start + ids.length);
      else for (const [i, id] of (field.name === 'input_ids' ? ids : types).entries()) out.set(start + i, id);
    }
  }
}

/**
 * Writes what each row has into the fields `value` (a class, or a number for each class) and `weight`; rows behind the
 * last sample weigh nothing.
 */
function writeRows(slot: Slot, length: number, names: { value: string; weight: string }, task: CollateTask): number {
  const { labels, targets, weights } = task;
  const last = labels.length - 1;
  for (const field of slot.layout.fields) {
    if (field.name !== names.value && field.name !== names.weight) continue;
    const out = writer(slot, field, length);
    const [size] = field.row ?? [];
    for (let b = 0; b < slot.layout.batchSize; b++) {
      const row = Math.max(0, Math.min(b, last));
      if (field.name === names.weight) out.set(b, b <= last ? weights[b]! : 0);
      else if (size === undefined) out.set(b, labels[row] ?? 0);
      else for (let k = 0; k < size; k++) out.set(b * size + k, targets?.[row * size + k] ?? Number(labels[row] === k));
    }
  }
  return weights.reduce((sum, weight) => sum + weight, 0);
}

/** The target of each row. Returns the sum of the weights. */
export const writeClasses = (slot: Slot, length: number, task: CollateTask): number =>
  writeRows(slot, length, { value: 'labels', weight: 'sample_weights' }, task);

/** Whether each row's second text is its own (0) or another's (1), as the transformers library numbers them. */
export const writePairs = (slot: Slot, length: number, task: CollateTask): number =>
  writeRows(slot, length, { value: 'pair_labels', weight: 'pair_weights' }, task);

/**
 * Masks `rows` in place and writes what is to be found: `masked_positions` counts over the tokens of the whole batch,
 * row after row. Returns the sum of the weights.
 */
export function writeTargets(
  slot: Slot,
  length: number,
  rows: readonly Encoded[],
  task: CollateTask & { masking: Masking; vocabulary: MaskVocabulary } & Pick<Padding, 'padLeft'>,
): number {
  const { masking, vocabulary, padLeft, seed, epoch } = task;
  const places = targetCount(length, masking.probability);
  const field = (name: string) => writer(slot, slot.layout.fields.find((f) => f.name === name)!, length);
  const [positions, labels, weights] = [field('masked_positions'), field('labels'), field('sample_weights')];
  for (const out of [positions, labels, weights]) out.fill(0);
  let total = 0;
  for (const [b, { ids }] of rows.entries()) {
    const key: MaskKey = { seed, epoch, sample: task.samples[b]! };
    const start = b * length + (padLeft ? length - ids.length : 0);
    const found = maskRow(ids, masking, vocabulary, key);
    for (const [i, position] of found.positions.entries()) {
      positions.set(b * places + i, start + position);
      labels.set(b * places + i, found.labels[i]!);
      weights.set(b * places + i, task.weights[b]!);
    }
    total += found.positions.length * task.weights[b]!;
  }
  return total;
}
