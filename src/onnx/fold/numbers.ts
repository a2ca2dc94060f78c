// Constants as doubles and back. Integers beyond 2^53 have no exact double, so a result out there is refused (the
// node then stays in the graph), except the two ends of int64, which exporters use for 'to the end'.

import { types } from 'node:util';
import { type DataType, type TypedArray, typedArrayOf } from '../dtype.js';
import { Tensor } from '../tensor.js';

const low64 = -(2 ** 63);

/** The elements as doubles; undefined for float16 and bfloat16, whose arithmetic is left to the runtime. */
export function toNumbers(tensor: Tensor): Float64Array | undefined {
  const { dtype } = tensor;
  if (dtype === 'float16' || dtype === 'bfloat16') return undefined;
  const data = tensor.data();
  if (types.isFloat64Array(data)) return data;
  if (!types.isBigInt64Array(data) && !types.isBigUint64Array(data)) return Float64Array.from(data);
  // Halves instead of BigInt elements: this runs for every shape constant of a graph.
  const halves = new Uint32Array(data.buffer, data.byteOffset, data.length * 2);
  const signed = new Int32Array(data.buffer, data.byteOffset, data.length * 2);
  const high = dtype === 'int64' ? signed : halves;
  return Float64Array.from({ length: data.length }, (_, i) => high[2 * i + 1]! * 2 ** 32 + halves[2 * i]!);
}

/** A tensor of these values rounded to `dtype` once; undefined where that is not exact for an integer type. */
export function fromNumbers(dtype: DataType, shape: readonly number[], values: Float64Array): Tensor | undefined {
  if (dtype === 'float16' || dtype === 'bfloat16') return undefined;
  if (dtype === 'float64') return Tensor.view(dtype, shape, values);
  if (dtype !== 'float32' && dtype !== 'bool')
    for (const v of values)
      if (!Number.isSafeInteger(v) && !(dtype === 'int64' && (v === low64 || v === -low64))) return undefined;
  if (dtype !== 'int64' && dtype !== 'uint64') {
    const array = new (typedArrayOf(dtype))(values.length) as Exclude<TypedArray, BigInt64Array | BigUint64Array>;
    array.set(values);
    return Tensor.view(dtype, shape, array);
  }
  const halves = new Int32Array(values.length * 2);
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    const top = v === -low64;
    halves[2 * i] = top ? -1 : v;
    halves[2 * i + 1] = top ? 0x7fffffff : Math.floor(v / 2 ** 32);
  }
  return Tensor.view(dtype, shape, new BigInt64Array(halves.buffer));
}
