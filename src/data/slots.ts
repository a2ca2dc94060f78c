// Batches live in slots: SharedArrayBuffers that a worker fills, the session host binds and the loop frees, without a
// copy or a transfer. A field's shape is made of named axes; a slot is sized for the largest length of each axis, and a
// batch of shorter ones uses the front of each field. The state is kept beside the data, and every step from one state
// to the next is checked in whichever thread takes it.

import { bytesPerElement, type DataType, type TypedArray, typedArrayOf } from '../onnx/dtype.js';
import { elementCount } from '../onnx/tensor.js';
import type { TensorView } from '../runtime/session.js';

/** A fixed length, a named axis ('batch', 'tokens'), or a product of these in one ('batch*targets', '2*batch'). */
export type Dim = number | string;

/** One input of the graph. */
export interface Field {
  name: string;
  dtype: DataType;
  shape: readonly Dim[];
}

/** The lengths that an axis may have, ascending. */
export interface Axis {
  buckets: readonly number[];
  /** Another axis: at its i-th bucket this one has its own i-th. */
  follows?: string | undefined;
}

/** Length of every named axis. */
export type AxisLengths = Readonly<Record<string, number>>;

/** Axis of the samples. It has one bucket; batches do not say it. */
export const batchAxis = 'batch';

export interface SlotLayout {
  axes: Readonly<Record<string, Axis>>;
  fields: (Field & { offset: number })[];
  byteLength: number;
}

export const batchSizeOf = ({ axes }: Pick<SlotLayout, 'axes'>): number => axes[batchAxis]!.buckets[0]!;

export const slotStates = ['free', 'filling', 'filled', 'bound', 'running'] as const;
export type SlotState = (typeof slotStates)[number];

const next: Record<SlotState, readonly SlotState[]> = {
  free: ['filling'],
  filling: ['filled', 'free'],
  filled: ['bound', 'free'],
  bound: ['running', 'free'],
  running: ['bound', 'free'],
};

const alignment = 64;

/** Places the fields one after the other, each 64-byte aligned, behind the state word. */
export function slotLayout(
  fields: readonly Field[],
  batchSize: number,
  axes: Readonly<Record<string, Axis>> = {},
): SlotLayout {
  const all = { [batchAxis]: { buckets: [batchSize] }, ...axes };
  const largest = Object.fromEntries(Object.entries(all).map(([name, { buckets }]) => [name, buckets.at(-1)!]));
  let byteLength = alignment;
  const placed = fields.map((field) => {
    const offset = byteLength;
    const elements = elementCount(shapeAt(field, largest));
    byteLength = offset + Math.ceil((elements * bytesPerElement(field.dtype)) / alignment) * alignment;
    return { ...field, offset };
  });
  return { axes: all, fields: placed, byteLength };
}

function lengthOf(dim: Dim, lengths: AxisLengths): number {
  if (typeof dim === 'number') return dim;
  return dim.split('*').reduce((product, axis) => {
    const length = /^\d+$/.test(axis) ? Number(axis) : lengths[axis];
    if (length === undefined) throw new Error(`axis '${axis}' has no length among ${Object.keys(lengths).join(', ')}`);
    return product * length;
  }, 1);
}

/** A field's shape where the axes, the batch's too, have these lengths. */
const shapeAt = ({ shape }: Field, lengths: AxisLengths): number[] => shape.map((dim) => lengthOf(dim, lengths));

/** Shape of each input of a model. */
export type InputShapes = Readonly<Record<string, readonly number[]>>;

/** Shapes of the named fields where the axes have these lengths; the batch its own unless `lengths` says another. */
export function shapesOf(layout: SlotLayout, names: readonly string[], lengths: AxisLengths): InputShapes {
  const fields = layout.fields.filter(({ name }) => names.includes(name));
  const all = { [batchAxis]: batchSizeOf(layout), ...lengths };
  return Object.fromEntries(fields.map((field) => [field.name, shapeAt(field, all)]));
}

/** All lengths that the axes of a batch can have together, the batch's left out; ascending, the last axis fastest. */
export function axisLengths({ axes }: Pick<SlotLayout, 'axes'>): AxisLengths[] {
  let all: AxisLengths[] = [{}];
  for (const [name, { buckets, follows }] of Object.entries(axes)) {
    if (name === batchAxis) continue;
    all = all.flatMap((lengths) =>
      follows === undefined
        ? buckets.map((length) => ({ ...lengths, [name]: length }))
        : [{ ...lengths, [name]: buckets[axes[follows]!.buckets.indexOf(lengths[follows]!)]! }],
    );
  }
  return all;
}

/** The lengths with those of the axes that follow others. */
export function withFollowers({ axes }: Pick<SlotLayout, 'axes'>, lengths: AxisLengths): AxisLengths {
  const followers = Object.entries(axes).flatMap(([name, { buckets, follows }]) =>
    follows === undefined ? [] : [[name, buckets[axes[follows]!.buckets.indexOf(lengths[follows]!)]!] as const],
  );
  return { ...lengths, ...Object.fromEntries(followers) };
}

/** The smallest bucket of an axis that holds `length`; the largest where none does. */
export const bucketFor = ({ buckets }: Axis, length: number): number =>
  buckets.find((bucket) => bucket >= length) ?? buckets.at(-1)!;

/** One text for the lengths of a batch, by which batches of equal shapes are known: 'tokens=128'. */
export const axesKey = (lengths: AxisLengths): string =>
  Object.entries(lengths)
    .map(([axis, length]) => `${axis}=${length}`)
    .join(' ');

export class Slot {
  readonly layout: SlotLayout;
  /** Shared with workers, which open it as another Slot. */
  readonly buffer: SharedArrayBuffer;
  #state: Int32Array;

  constructor(layout: SlotLayout, buffer = new SharedArrayBuffer(layout.byteLength)) {
    this.layout = layout;
    this.buffer = buffer;
    this.#state = new Int32Array(buffer, 0, 1);
  }

  get state(): SlotState {
    return slotStates[Atomics.load(this.#state, 0)]!;
  }

  get batchSize(): number {
    return batchSizeOf(this.layout);
  }

  /** Takes the slot to another state; throws when another thread moved it or the step is not allowed. */
  to(state: SlotState): void {
    const from = this.state;
    const moved =
      next[from].includes(state) &&
      Atomics.compareExchange(this.#state, 0, slotStates.indexOf(from), slotStates.indexOf(state)) ===
        slotStates.indexOf(from);
    if (!moved) throw new Error(`slot is '${from}' and cannot become '${state}'`);
  }

  /** Elements of the named field where the axes have these lengths; undefined where there is no such field. */
  field(name: string, lengths: AxisLengths = {}): TypedArray | undefined {
    const field = this.layout.fields.find((one) => one.name === name);
    return field && this.#view(field, lengths).data;
  }

  /** Every field as a tensor over the slot's memory. */
  views(lengths: AxisLengths): Map<string, TensorView> {
    return new Map(this.layout.fields.map((field) => [field.name, this.#view(field, lengths)]));
  }

  #view(field: SlotLayout['fields'][number], lengths: AxisLengths): TensorView & { data: TypedArray } {
    const shape = shapeAt(field, { [batchAxis]: this.batchSize, ...lengths });
    const data = new (typedArrayOf(field.dtype))(this.buffer, field.offset, elementCount(shape));
    return { dtype: field.dtype, shape, data };
  }
}
