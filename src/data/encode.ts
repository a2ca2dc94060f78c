// What an encoder is: the function of a task that writes the samples of one batch into a slot, in a worker's thread.
// Shared here: its request and answer, and writing what every labelled task has, a target and a weight for each sample.

import { isInt64 } from '../onnx/dtype.js';
import { columnKind } from './column-kinds.js';
import {
  type ClassesSlice,
  type ClassSlice,
  type ColumnSlice,
  type NumbersSlice,
  ofKind,
  type Slices,
  targetsRole,
} from './columns.js';
import type { Remark } from './images/remarks.js';
import type { AxisLengths, Slot, SlotLayout } from './slots.js';

/** What the random part of a batch depends on besides its samples: masks of tokens, augmentation of pictures. */
export interface EpochKey {
  seed: number;
  epoch: number;
  /** Whether samples are augmented; default no. */
  augment?: boolean;
}

/** One batch to write into a slot. */
export interface EncodeRequest extends EpochKey {
  layout: SlotLayout;
  buffer: SharedArrayBuffer;
  /** Numbers of the samples within their data. */
  samples: Uint32Array;
  slices: Slices;
  /** Weight of each sample in the loss. */
  weights: Float32Array;
}

export interface EncodedBatch {
  /** Lengths of the axes beside the batch's. */
  axes: AxisLengths;
  /** Tokens without padding; 0 where samples have none. */
  tokens: number;
  /** Samples cut to the maximum length. */
  truncated: number;
  /** By the input of the graph that divides a loss: the sum of the weights in it. */
  weights: Record<string, number>;
  /** Samples that cannot be used and are left out: the others moved up in the slot. */
  bad?: readonly BadRow[] | undefined;
  /** What is to be known of samples that can be used. */
  remarks?: readonly RemarkedRow[] | undefined;
}

/** A row of a batch that cannot be used, such as a picture that cannot be decoded. */
export interface BadRow {
  row: number;
  reason: string;
}

/** A row of the request that something is to be said of. */
export type RemarkedRow = Remark & { row: number };

/** Writes the samples of a batch; the rows behind the last one repeat it with weight 0. @throws SampleError */
export type Encoder = (request: EncodeRequest, slot: Slot) => EncodedBatch | Promise<EncodedBatch>;

/** A sample that ends the run: its row in the batch and what is wrong. */
export class SampleError extends Error {
  readonly row: number;

  constructor(row: number, message: string) {
    super(message);
    this.row = row;
  }
}

type Elements = { [i: number]: number | bigint; fill(value: number | bigint, from?: number, to?: number): unknown };

export interface Writer {
  set(i: number, value: number): void;
  fill(value: number, from?: number, to?: number): void;
}

/** Sets elements of a field to numbers, whatever its type; undefined where the slot has no such field. */
export function writerOf(slot: Slot, name: string, axes: AxisLengths): Writer | undefined {
  const field = slot.layout.fields.find((one) => one.name === name);
  if (!field) return undefined;
  const data = slot.field(name, axes) as unknown as Elements;
  const element = isInt64(field.dtype) ? BigInt : Number;
  return {
    set(i, value) {
      data[i] = element(value);
    },
    fill(value, from, to) {
      data.fill(element(value), from, to);
    },
  };
}

/** Writes a class for each sample; rows behind the last sample repeat it. */
export function writeClasses(slot: Slot, name: string, values: ArrayLike<number>): void {
  const out = writerOf(slot, name, {});
  const last = values.length - 1;
  for (let b = 0; out && b < slot.batchSize; b++) out.set(b, values[Math.max(0, Math.min(b, last))] ?? 0);
}

/** Writes a row of numbers for each sample; rows behind the last sample repeat it. */
export function writeNumbers(slot: Slot, name: string, { values, width }: NumbersSlice): void {
  const out = writerOf(slot, name, {});
  const last = values.length / width - 1;
  for (let b = 0; out && b < slot.batchSize; b++)
    for (let k = 0; k < width; k++) out.set(b * width + k, values[Math.max(0, Math.min(b, last)) * width + k] ?? 0);
}

/** Writes the weight of each sample, 0 behind the last, and gives their sum. */
export function writeWeights(slot: Slot, name: string, weights: Float32Array): number {
  const out = writerOf(slot, name, {});
  for (let b = 0; out && b < slot.batchSize; b++) out.set(b, b < weights.length ? weights[b]! : 0);
  return weights.reduce((sum, weight) => sum + weight, 0);
}

/**
 * Writes `labels` [B], or [B, C] where the slot has a row for each sample, and `sample_weights` [B]: what
 * classification of anything reads. Gives the sum of the weights.
 */
export function writeLabels(slot: Slot, { slices, weights }: Pick<EncodeRequest, 'slices' | 'weights'>): number {
  const [label, held] = [ofKind(slices, 'label', 'class'), ofKind(slices, 'label', 'classes')];
  const width = slot.layout.fields.find(({ name }) => name === 'labels')?.shape[1];
  if (typeof width !== 'number') writeClasses(slot, 'labels', label?.values ?? []);
  else {
    const rows =
      ofKind(slices, targetsRole, 'numbers') ?? (held ? holding(held, width) : label && oneHot(label, width));
    if (rows) writeNumbers(slot, 'labels', rows);
  }
  return writeWeights(slot, 'sample_weights', weights);
}

/** Classes as rows of probabilities. */
function oneHot({ values: classes }: ClassSlice, width: number): NumbersSlice {
  const values = new Float32Array(classes.length * width);
  for (const [row, k] of classes.entries()) values[row * width + k] = 1;
  return { kind: 'numbers', values, width };
}

/** Lists of labels as rows with 1 for those that hold. */
function holding({ values: labels, offsets }: ClassesSlice, width: number): NumbersSlice {
  const rows = offsets.length - 1;
  const values = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++)
    for (let i = offsets[row]!; i < offsets[row + 1]!; i++) values[row * width + labels[i]!] = 1;
  return { kind: 'numbers', values, width };
}

/** Of some rows of a batch: those whose samples can be used. Pictures and tensors stay as they are. */
export function keptSlices(slices: Slices, kept: readonly number[]): Slices {
  const one = (slice: ColumnSlice): ColumnSlice =>
    slice.kind === 'picture' || slice.kind === 'tensor' ? slice : columnKind(slice).take(slice, kept, {});
  return Object.fromEntries(Object.entries(slices).map(([role, slice]) => [role, one(slice)]));
}
