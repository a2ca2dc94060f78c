// One flat float32 buffer for many tensors, each starting on a 64-byte boundary: parameters, their gradients and the
// optimizer's state are arenas of one layout, so optimizers, clipping and checkpoints are loops over ranges. The
// memory is a SharedArrayBuffer: sessions bind it in place and worker threads see the same bytes.

import { bytesPerElement, type DataType, type TypedArray, typedArrayOf } from '../onnx/dtype.js';
import { elementCount } from '../onnx/tensor.js';
import { addon } from './native.js';
import type { TensorView } from './session.js';

const alignmentBytes = 64;

/** A zeroed array over a SharedArrayBuffer whose first element lies on a 64-byte boundary. */
export function sharedArray(dtype: DataType, length: number): TypedArray {
  const array = typedArrayOf(dtype);
  const buffer = new SharedArrayBuffer(length * bytesPerElement(dtype) + alignmentBytes);
  const off = addon().misalignment(new Uint8Array(buffer));
  return new array(buffer, (alignmentBytes - off) % alignmentBytes, length);
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

/** What a worker thread needs to see the same arena; passes through postMessage. */
export interface SharedArena {
  readonly entries: readonly ArenaEntry[];
  readonly data: Float32Array;
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

  /** The arena that another thread shared. */
  static overShared(shared: SharedArena): Arena {
    return new Arena(shared.entries, shared.data);
  }

  shared(): SharedArena {
    return { entries: this.entries, data: this.data };
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

  /** All tensors by name, as a session binds them; `rename` gives the graph's names (default: the same). */
  views(rename: (name: string) => string = (name) => name): Map<string, TensorView> {
    return new Map(this.entries.map(({ name }) => [rename(name), this.view(name)]));
  }
}
