// Rows of operators that the runtime has on CUDA alone, with what PyTorch's own functions make of the inputs
// (fixtures/ops/microsoft.py).

import { readFileSync } from 'node:fs';
import { type AttrInput, float } from '#ortune/onnx/builder.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { type DefinedRow, microsoft } from './defined-row.js';

interface Packed {
  dtype: 'float64' | 'int64';
  shape: number[];
  data: number[];
}

interface Golden {
  op: string;
  what?: string;
  attrs: Record<string, number | number[] | string | { float: number } | { floats: number[] }>;
  inputs: Packed[];
  outputs: Packed[];
}

const { cases } = JSON.parse(readFileSync(new URL('../fixtures/ops/microsoft.json', import.meta.url), 'utf8')) as {
  cases: Golden[];
};

const tensorOf = ({ dtype, shape, data }: Packed) => Tensor.of(dtype === 'float64' ? 'float32' : dtype, data, shape);
const attributeOf = (value: Golden['attrs'][string]): AttrInput =>
  typeof value !== 'object' || Array.isArray(value) ? value : float('float' in value ? value.float : value.floats);

export const goldenRows: readonly DefinedRow[] = cases.map(({ op, what, attrs, inputs, outputs }) =>
  microsoft(
    op,
    inputs.map(tensorOf),
    Object.fromEntries(Object.entries(attrs).map(([name, value]) => [name, attributeOf(value)])),
    {
      noKernel: 'the runtime has it on CUDA alone',
      expected: outputs.map(tensorOf),
      types: outputs.map(() => 'float32' as const),
      ...(what !== undefined && { what }),
    },
  ),
);
