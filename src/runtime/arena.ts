// One flat float32 buffer for many tensors, each starting on a 64-byte boundary: parameters, their gradients and the
// optimizer's state are arenas of one layout, so optimizers, clipping and checkpoints are loops over ranges. The
// memory is a SharedArrayBuffer: sessions bind it in place and worker threads see the same bytes.

import { bytesPerElement, type DataType, type TypedArray, typedArrayOf } from '../onnx/dtype.js';
import { elementCount } from '../onnx/tensor.js';
import { addon } from './native.js';
import type { TensorView } from './tensors.js';

const alignmentBytes = 64;

// Elements of a shared buffer from its first 64-byte boundary on. The boundary is the memory's, not the buffer's
// offset; every thread of the process finds the same one.
function alignedView(dtype: DataType, buffer: SharedArrayBuffer, length: number): TypedArray {
  const off = addon().misalignment(new Uint8Array(buffer));
  return new (typedArrayOf(dtype))(buffer, (alignmentBytes - off) % alignmentBytes, length);
}

/** A zeroed array over a SharedArrayBuffer whose first element lies on a 64-byte boundary. */
export function sharedArray(dtype: DataType, length: number): TypedArray {
  return alignedView(dtype, new SharedArrayBuffer(length * bytesPerElement(dtype) + alignmentBytes), length);
}

/** A zeroed tensor in shared memory, 64-byte aligned. */
export const sharedTensor = (dtype: DataType, shape: readonly number[]): TensorView => ({
  dtype,
  shape,
  data: sharedArray(dtype, elementCount(shape)),
});

export interface ArenaEntry {
  readonly name: string;
  readonly shape: readonly number[];
  /** In elements from the arena's start. */
  readonly offset: number;
  /** In elements, without the padding behind it. */
  readonly length: number;
}

export class Arena {
  readonly entries: readonly ArenaEntry[];
  /** The whole arena, padding included; padding stays zero unless somebody writes it. */
  readonly data: Float32Array;
  readonly #byName: ReadonlyMap<string, ArenaEntry>;

  private constructor(entries: readonly ArenaEntry[], data: Float32Array) {
    this.entries = entries;
    this.data = data;
    this.#byName = new Map(entries.map((entry) => [entry.name, entry]));
    if (this.#byName.size !== entries.length) throw new Error('an arena has two tensors of one name');
  }

  /** Offsets for these tensors in this order, each on a 64-byte boundary. */
  static layout(tensors: readonly { name: string; shape: readonly number[] }[]): ArenaEntry[] {
    const step = alignmentBytes / Float32Array.BYTES_PER_ELEMENT;
    let offset = 0;
    return tensors.map(({ name, shape }) => {
      const entry = { name, shape, offset, length: elementCount(shape) };
      offset += Math.ceil(entry.length / step) * step;
      return entry;
    });
  }

  /** Elements an arena of this layout has, the last tensor's padding included. */
  static size(entries: readonly ArenaEntry[]): number {
    const step = alignmentBytes / Float32Array.BYTES_PER_ELEMENT;
    const last = entries.at(-1);
    return last === undefined ? 0 : last.offset + Math.ceil(last.length / step) * step;
  }

  /** A zeroed arena of this layout. */
  static create(entries: readonly ArenaEntry[]): Arena {
    return new Arena(entries, sharedArray('float32', Arena.size(entries)) as Float32Array);
  }

  /** The arena of this layout in `buffer`, which another thread got from `Arena.create(entries).buffer`. */
  static over(entries: readonly ArenaEntry[], buffer: SharedArrayBuffer): Arena {
    return new Arena(entries, alignedView('float32', buffer, Arena.size(entries)) as Float32Array);
  }

  /** A zeroed arena of the same layout: gradients, optimizer state. */
  like(): Arena {
    return Arena.create(this.entries);
  }

  /** What to post to another thread, with the entries. */
  get buffer(): SharedArrayBuffer {
    return this.data.buffer as SharedArrayBuffer;
  }

  /** The whole arena as one tensor. */
  whole(): TensorView {
    return this.first(this.data.length);
  }

  /** So many of its elements as one tensor. */
  first(length: number): TensorView {
    return { dtype: 'float32', shape: [length], data: this.data.subarray(0, length) };
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  entry(name: string): ArenaEntry {
    const entry = this.#byName.get(name);
    if (!entry) throw new Error(`the arena has no tensor '${name}'`);
    return entry;
  }

  /** The tensor's elements in place. */
  array(name: string): Float32Array {
    const { offset, length } = this.entry(name);
    return this.data.subarray(offset, offset + length);
  }

  view(name: string): TensorView {
    return { dtype: 'float32', shape: this.entry(name).shape, data: this.array(name) };
  }
}
