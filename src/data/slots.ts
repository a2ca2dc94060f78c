// Batches live in slots: SharedArrayBuffers that a worker fills, the session host binds and the loop frees, without a
// copy or a transfer. A slot is sized for the largest batch; a batch of shorter rows uses the front of each field.
// The state is kept beside the data, and every step from one state to the next is checked in whichever thread takes it.

import { bytesPerElement, type DataType, type TypedArray, typedArrayOf } from '../onnx/dtype.js';
import { elementCount } from '../onnx/tensor.js';
import type { TensorView } from '../runtime/session.js';
import { targetCount } from './masking.js';

/**
 * One input of the graph: per token [batchSize, length], per sample [batchSize] or, with the shape of a row, [batchSize,
 * ...row], per target [batchSize * targets a row].
 */
export interface Field {
  name: string;
  dtype: DataType;
  per: 'token' | 'sample' | 'target';
  row?: readonly number[] | undefined;
}

export interface SlotLayout {
  batchSize: number;
  /** Longest row, in tokens. */
  maxLength: number;
  /** Share of a row's tokens that are targets (masked-LM); 0 where there are none. */
  targetShare: number;
  fields: (Field & { offset: number })[];
  byteLength: number;
}

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
  maxLength: number,
  targetShare = 0,
): SlotLayout {
  let byteLength = alignment;
  const placed = fields.map((field) => {
    const offset = byteLength;
    const elements = batchSize * perRow(field, maxLength, targetShare);
    byteLength = offset + Math.ceil((elements * bytesPerElement(field.dtype)) / alignment) * alignment;
    return { ...field, offset };
  });
  return { batchSize, maxLength, targetShare, fields: placed, byteLength };
}

/** Elements of a field for each row of `length` tokens. */
function perRow({ per, row = [] }: Field, length: number, targetShare: number): number {
  return per === 'token' ? length : per === 'sample' ? elementCount(row) : targetCount(length, targetShare);
}

/** Shape of each input of a model. */
export type InputShapes = Readonly<Record<string, readonly number[]>>;

/** A field's shape for rows of `length` tokens. */
function shapeOf({ batchSize, targetShare }: SlotLayout, field: Field, length: number): number[] {
  const { per, row = [] } = field;
  if (per === 'target') return [batchSize * perRow(field, length, targetShare)];
  return [batchSize, ...(per === 'token' ? [length] : row)];
}

/** Shapes of the named fields for rows of `length` tokens. */
export function shapesOf(layout: SlotLayout, names: readonly string[], length: number): InputShapes {
  const fields = layout.fields.filter(({ name }) => names.includes(name));
  return Object.fromEntries(fields.map((field) => [field.name, shapeOf(layout, field, length)]));
}

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

  /** Takes the slot to another state; throws when another thread moved it or the step is not allowed. */
  to(state: SlotState): void {
    const from = this.state;
    const moved =
      next[from].includes(state) &&
      Atomics.compareExchange(this.#state, 0, slotStates.indexOf(from), slotStates.indexOf(state)) ===
        slotStates.indexOf(from);
    if (!moved) throw new Error(`slot is '${from}' and cannot become '${state}'`);
  }

  /** All elements that a field needs for rows of `length` tokens. */
  data(field: SlotLayout['fields'][number], length: number): TypedArray {
    const { batchSize, targetShare } = this.layout;
    const elements = batchSize * perRow(field, length, targetShare);
    return new (typedArrayOf(field.dtype))(this.buffer, field.offset, elements);
  }

  /** Every field as a tensor over the slot's memory, for rows of `length` tokens. */
  views(length: number): Map<string, TensorView> {
    return new Map(
      this.layout.fields.map((field) => {
        const shape = shapeOf(this.layout, field, length);
        return [field.name, { dtype: field.dtype, shape, data: this.data(field, length) }];
      }),
    );
  }
}
