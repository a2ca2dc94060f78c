// What the rows of gradient checks are made of: tensors of one float type by domain, index tensors, and the row itself.
// Values are drawn per table (a seed each), so that a new row in one table leaves the values of the others alone.

import type { AttrInput } from '#ortune/onnx/builder.js';
import { bytesOfElements, type DataType } from '#ortune/onnx/dtype.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals, uniform } from '#ortune/random.js';
import type { OperatorCase } from './graphs.js';

export type Float = 'float32' | 'float64';
export interface Row extends OperatorCase {
  /** What the row checks beyond the operator's plain form. */
  what?: string;
  /** Inputs that the gradient is not checked for, though they are floats: rounding bounds, masks. */
  unchecked?: readonly number[];
  /** Differences do not see its steps: what rounding moves an element by is held (check/piecewise.ts). */
  held?: boolean;
}

const size = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);
const from = (dtype: Float, shape: readonly number[], f: (i: number) => number) =>
  Tensor.of(
    dtype,
    Float64Array.from({ length: size(shape) }, (_, i) => f(i)),
    shape,
  );

/** Values of one float type, by domain; `seed` is the table's own. */
export const fillFor = (seed: number) => {
  let stream = 0;
  return (dtype: Float) => ({
    any: (...shape: number[]) => Tensor.of(dtype, normals(seed, ++stream, size(shape)), shape),
    /** Between 0.5 and 2. */
    positive: (...shape: number[]) => {
      const s = ++stream;
      return from(dtype, shape, (i) => 0.5 + 1.5 * uniform(seed, s, i));
    },
    /** A shuffle of values 0.2 apart, none nearer to 0 than 0.1: no ties and no kinks within a small step. */
    apart: (...shape: number[]) => {
      const s = ++stream;
      const order = Array.from({ length: size(shape) }, (_, i) => i).sort(
        (i, j) => uniform(seed, s, i) - uniform(seed, s, j),
      );
      return from(dtype, shape, (i) => 0.2 * (order[i]! - Math.floor(size(shape) / 2)) + 0.1);
    },
    scalar: (value: number) => Tensor.scalar(dtype, value),
  });
};

/** Stored numbers whose bytes are drawn; `seed` is the table's own. */
export const storedFor = (seed: number) => {
  let stream = 0;
  return (dtype: DataType, ...shape: number[]) => {
    const s = ++stream;
    const length = bytesOfElements(dtype, size(shape));
    return new Tensor(
      dtype,
      shape,
      Uint8Array.from({ length }, (_, i) => Math.floor(256 * uniform(seed, s, i))),
    );
  };
};
export const ints = (...values: number[]) => Tensor.of('int64', values);
export const index = (shape: number[], values: number[]) => Tensor.of('int64', values, shape);
export const bools = (shape: number[], values: number[]) => Tensor.of('bool', values, shape);
export const row = (
  op: string,
  inputs: Row['inputs'],
  attrs: Record<string, AttrInput> = {},
  more: Partial<Row> = {},
): Row => ({
  op,
  inputs,
  attrs,
  ...more,
});
export const microsoft = (
  op: string,
  inputs: Row['inputs'],
  attrs: Record<string, AttrInput> = {},
  more: Partial<Row> = {},
) => row(op, inputs, attrs, { domain: 'com.microsoft', ...more });
