// What operator cases are made of: the case itself and tensors by element type and domain.

import type { AttrInput } from '#ortune/onnx/builder.js';
import { Tensor } from '#ortune/onnx/tensor.js';

export interface OperatorCase {
  op: string;
  /** Omitted inputs are undefined. */
  inputs: (Tensor | undefined)[];
  attrs?: Record<string, AttrInput>;
  outputs?: number;
  domain?: string;
}

const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
export const fill = (dtype: 'float32' | 'int64' | 'int32' | 'uint32', shape: number[], f: (i: number) => number) =>
  Tensor.of(
    dtype,
    Array.from({ length: count(shape) }, (_, i) => f(i)),
    shape,
  );

/** Positive and negative floats, none of them 0. */
export const x = (...shape: number[]) => fill('float32', shape, (i) => Math.fround(((i * 37) % 23) / 7 - 1.5 + 0.01));
export const positive = (...shape: number[]) => fill('float32', shape, (i) => Math.fround(((i * 37) % 23) / 7 + 0.1));
export const ints = (...values: number[]) => Tensor.of('int64', values);
export const scalar = (value: number) => Tensor.scalar('int64', value);
export const int = (...shape: number[]) => fill('int64', shape, (i) => ((i * 29) % 17) - 8);
export const natural = (...shape: number[]) => fill('int64', shape, (i) => ((i * 29) % 17) + 1);
export const bools = (...shape: number[]) =>
  Tensor.of(
    'bool',
    Array.from({ length: count(shape) }, (_, i) => ((i * 5) % 3) & 1),
    shape,
  );
export const INT64_MAX = 9223372036854775807n;

export const row = (
  op: string,
  inputs: (Tensor | undefined)[],
  attrs: Record<string, AttrInput> = {},
  outputs = 1,
): OperatorCase => ({ op, inputs, attrs, outputs });
export const each = (ops: string, make: (op: string) => OperatorCase[]) => ops.split(' ').flatMap(make);
export const microsoft = (c: OperatorCase): OperatorCase => ({ ...c, domain: 'com.microsoft' });
