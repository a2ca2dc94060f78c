// Floating-point tensors in another floating-point type.

import { types } from 'node:util';
import type { DataType, TypedArray } from './dtype.js';
import { isFloat } from './dtype.js';
import { fromHalf, roundTo } from './half-bits.js';
import { Tensor } from './tensor.js';

/** The value of each float16, made on first use. */
let halves: Float32Array | undefined;

/** The elements as float32 or float64: the tensor's own array where it is one already. */
function decoded(tensor: Tensor): Float32Array | Float64Array {
  const data = tensor.data();
  if (types.isFloat32Array(data) || types.isFloat64Array(data)) return data;
  const out = new Float32Array(data.length);
  const bits = new Uint32Array(out.buffer);
  if (tensor.dtype === 'float16') {
    halves ??= Float32Array.from({ length: 65_536 }, (_, half) => fromHalf(half));
    for (let i = 0; i < out.length; i++) out[i] = halves[data[i] as number]!;
  } else for (let i = 0; i < out.length; i++) bits[i] = (data[i] as number) << 16;
  return out;
}

function encoded(values: Float32Array | Float64Array, dtype: DataType): TypedArray {
  if (dtype === 'float32') return Float32Array.from(values);
  if (dtype !== 'float16' && dtype !== 'bfloat16') return Float64Array.from(values);
  const round = roundTo(dtype);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = round(values[i]!);
  return out;
}

/** The tensor in another floating-point type; the tensor itself when it has that type. */
export function convertFloat(tensor: Tensor, dtype: DataType): Tensor {
  if (tensor.dtype === dtype) return tensor;
  if (!isFloat(tensor.dtype) || !isFloat(dtype)) throw new Error(`cannot convert ${tensor.dtype} to ${dtype}`);
  return Tensor.view(dtype, tensor.shape, encoded(decoded(tensor), dtype));
}

/** Index of the first finite element that became infinite or NaN on the way from `from` to `to`; -1 if none did. */
export function firstOverflow(from: Tensor, to: Tensor): number {
  if (from.dtype === to.dtype) return -1;
  const [a, b] = [decoded(from), decoded(to)];
  return a.findIndex((x: number, i: number) => Number.isFinite(x) && !Number.isFinite(b[i]!));
}
