// The floats that stored numbers of few bits stand for, computed here and not by the runtime: for tensors that become
// floats in the file.

import { convertFloat } from '../convert.js';
import { isFloat, isPacked } from '../dtype.js';
import { elementCount, Tensor } from '../tensor.js';

/** The element at each place, of 4 bits too. */
export function elementsOf(tensor: Tensor): (i: number) => number {
  const data = tensor.data();
  if (!isPacked(tensor.dtype)) return (i) => Number(data[i]);
  const signed = tensor.dtype === 'int4';
  return (i) => {
    const half = (Number(data[i >> 1]) >> (4 * (i & 1))) & 15;
    return signed && half > 7 ? half - 16 : half;
  };
}

export const floatsOf = (scales: Tensor): Float32Array => convertFloat(scales, 'float32').data() as Float32Array;

/** In the type of the scales. */
const inTypeOf = (scales: Tensor, shape: readonly number[], values: Float32Array): Tensor =>
  convertFloat(Tensor.view('float32', shape, values), scales.dtype);

/**
 * Whether scales and zero points fit the numbers, as the type rule of the operator will say again where they do not.
 */
export function fitsLinear(
  { shape }: Tensor,
  scales: Tensor,
  zeros: Tensor | undefined,
  { axis, block }: Scaled,
): boolean {
  const along = axis < 0 ? axis + shape.length : axis;
  const single = scales.size === 1;
  if (!single && shape[along] === undefined) return false;
  const expected = block > 0 ? shape.with(along, Math.ceil(shape[along]! / block)) : [shape[along]!];
  return (
    isFloat(scales.dtype) &&
    (single || scales.size === elementCount(expected)) &&
    (!zeros || zeros.size === scales.size || zeros.size === 1)
  );
}

/** The same of a MatMulNBits. */
export function fitsBlocks(
  [packed, scales, zeros]: readonly [Tensor, Tensor, Tensor | undefined],
  { bits, block, shape: [n, k] }: Blocked,
): boolean {
  const blocks = Math.ceil(k / block);
  const perRow = zeros?.dtype === 'uint8' ? Math.ceil((blocks * bits) / 8) : blocks;
  return (
    (bits === 4 || bits === 8) &&
    block > 0 &&
    packed.byteLength === (n * blocks * block * bits) / 8 &&
    isFloat(scales.dtype) &&
    scales.size === n * blocks &&
    (!zeros || zeros.size === n * perRow)
  );
}

/** Of weights [N, K] in blocks along K. */
export interface Blocked {
  bits: number;
  block: number;
  shape: readonly [number, number];
}

/** Where the scales of a tensor lie: each place along an axis has one, or each block along it. */
export interface Scaled {
  axis: number;
  block: number;
}

/** Which of `count` scales an element has. */
export function scaleOfEach(shape: readonly number[], count: number, { axis, block }: Scaled): (i: number) => number {
  if (count === 1) return () => 0;
  const along = axis < 0 ? axis + shape.length : axis;
  const [length, inner] = [shape[along] ?? 1, elementCount(shape.slice(along + 1))];
  const placeOf = (i: number): number => Math.floor(i / inner) % length;
  if (block === 0) return placeOf;
  const blocks = Math.ceil(length / block);
  return (i) => (Math.floor(i / (inner * length)) * blocks + Math.floor(placeOf(i) / block)) * inner + (i % inner);
}

/**
 * (q − zero) · scale, with one scale for all, for each place along an axis or for each block along it, as a
 * DequantizeLinear has them.
 */
export function linearValues(stored: Tensor, scales: Tensor, zeros: Tensor | undefined, scaled: Scaled): Tensor {
  const { shape, size } = stored;
  const [q, scale] = [elementsOf(stored), floatsOf(scales)];
  const zero = zeros ? elementsOf(zeros) : () => 0;
  const scaleAt = scaleOfEach(shape, scales.size, scaled);
  const values = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const at = scaleAt(i);
    values[i] = (q(i) - zero(zeros?.size === 1 ? 0 : at)) * scale[at]!;
  }
  return inTypeOf(scales, shape, values);
}

/** Of a MatMulNBits with weights [N, K]: the matrix [K, N] that rows are multiplied by. */
export function blockValues(
  [packed, scales, zeros]: readonly [Tensor, Tensor, Tensor | undefined],
  { bits, block, shape: [n, k] }: Blocked,
): Tensor {
  const blocks = Math.ceil(k / block);
  const dtype = bits === 4 ? 'uint4' : 'uint8';
  const [q, scale] = [elementsOf(packed.part(dtype, [n, blocks * block])), floatsOf(scales)];
  const perRow = bits === 4 ? 2 * Math.ceil(blocks / 2) : blocks;
  const middle = 2 ** (bits - 1);
  const ofBytes = zeros?.dtype === 'uint8' ? elementsOf(zeros.part(dtype, [n, perRow])) : undefined;
  const ofFloats = zeros && !ofBytes ? floatsOf(zeros) : undefined;
  const values = new Float32Array(k * n);
  for (let row = 0; row < n; row++)
    for (let column = 0; column < k; column++) {
      const part = Math.floor(column / block);
      const at = row * blocks + part;
      const zero = ofBytes ? ofBytes(row * perRow + part) : ofFloats ? ofFloats[at]! : middle;
      values[column * n + row] = (q(row * blocks * block + column) - zero) * scale[at]!;
    }
  return inTypeOf(scales, [k, n], values);
}
