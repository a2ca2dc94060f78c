// What the rows of operators that are spelled out are made of.

import type { AttrInput } from '#ortune/onnx/builder.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import type { Row } from '../autodiff/row-values.js';

export interface DefinedRow extends Row {
  /** The types of the outputs, '' for one that the node leaves out; default one float. */
  types?: readonly (DataType | '')[];
  /** Why the runtime has no kernel to compare with on this processor, and what the outputs are then. */
  noKernel?: string;
  expected?: readonly Tensor[];
  /** Opset of the default domain; default 21. */
  opset?: number;
}

export const row = (
  op: string,
  inputs: Row['inputs'],
  attrs: Record<string, AttrInput> = {},
  more: Partial<DefinedRow> = {},
): DefinedRow => ({ op, inputs, attrs, ...more });
export const microsoft: typeof row = (op, inputs, attrs, more) =>
  row(op, inputs, attrs, { domain: 'com.microsoft', ...more });

export const int32 = (shape: number[], values: number[]) => Tensor.of('int32', values, shape);

/** Sines and cosines of `places` angles for `pairs` pairs. */
export const angles = (...shape: number[]) =>
  [Math.cos, Math.sin].map((f) => {
    const pairs = shape.at(-1)!;
    const count = shape.reduce((n, d) => n * d, 1);
    return Tensor.of(
      'float32',
      Float64Array.from({ length: count }, (_, i) => f(Math.floor(i / pairs) / 3 ** (i % pairs))),
      shape,
    );
  }) as [Tensor, Tensor];
