// Row-major strides and the one copy loop behind every constant that is transposed, sliced, expanded or broadcast:
// each of those is the same data read with other strides.

import type { TypedArray } from '../dtype.js';
import { elementCount, Tensor } from '../tensor.js';

/** Elements between neighbours along each axis of a contiguous tensor. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i]!;
  }
  return strides;
}

/** Strides that read a tensor of `shape` as one of the larger shape `to`: 0 along broadcast axes. */
export function broadcastStrides(shape: readonly number[], to: readonly number[]): number[] {
  const strides = stridesOf(shape);
  const lead = to.length - shape.length;
  return to.map((_, i) => (i < lead || shape[i - lead] === 1 ? 0 : strides[i - lead]!));
}

export const arrayLike = <T extends TypedArray>(data: T, length: number): T =>
  new (data.constructor as new (length: number) => T)(length);

/** Reads data[offset + Σ index·stride] for every index of `shape`, into a new array of the same type. */
export function readStrided<T extends TypedArray>(
  data: T,
  shape: readonly number[],
  strides: readonly number[],
  offset = 0,
): T {
  const out = arrayLike(data, elementCount(shape));
  if (shape.length === 0) {
    out[0] = data[offset]!;
    return out;
  }
  const inner = shape.at(-1)!;
  const innerStride = strides.at(-1)!;
  const index = new Array<number>(shape.length - 1).fill(0);
  let from = offset;
  for (let at = 0; at < out.length; ) {
    for (let i = 0; i < inner; i++) out[at++] = data[from + i * innerStride]!;
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** The elements data[indices[i]] as a tensor. */
export function take(tensor: Tensor, shape: readonly number[], indices: ArrayLike<number>): Tensor {
  const data = tensor.data();
  const out = arrayLike(data, indices.length);
  for (let i = 0; i < indices.length; i++) out[i] = data[indices[i]!]!;
  return Tensor.view(tensor.dtype, shape, out);
}
