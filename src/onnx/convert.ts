// Floating-point tensors in another floating-point type, rounded to nearest, ties to even. float16 and bfloat16 are
// bit patterns in JavaScript, so both ways go through the bits of a float32.

import type { DataType, TypedArray } from './dtype.js';
import { isFloat } from './dtype.js';
import { Tensor } from './tensor.js';

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** float32 bits → float16 bits. */
function toHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65520 and up round to infinity
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  // Below 2^-14 the result counts steps of 2^-24; 1024 steps are the smallest normal number's bits.
  u32[0] = magnitude;
  const steps = f32[0]! * 2 ** 24;
  const floor = Math.floor(steps);
  const up = steps - floor > 0.5 || (steps - floor === 0.5 && floor % 2 === 1);
  return sign | (up ? floor + 1 : floor);
}

/** float16 bits → number. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** float32 bits → bfloat16 bits. */
function toBrain(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) & 0x8000) | 0x7fc0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** The value of each float16, made on first use. */
let halves: Float32Array | undefined;

/** The elements as float32 or float64: the tensor's own array where it is one already. */
function decoded(tensor: Tensor): Float32Array | Float64Array {
  const data = tensor.data();
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
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
  if (dtype === 'float64') return Float64Array.from(values);
  const convert = dtype === 'float16' ? toHalf : toBrain;
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) {
    f32[0] = values[i]!;
    out[i] = convert(u32[0]!);
  }
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
