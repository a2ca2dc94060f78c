// Operators and their gradients against PyTorch (fixtures/ops, made by make.py there): also at ties and kinks, where
// central differences say nothing.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { lower } from '#ortune/lower/lower.js';
import { type AttrInput, Builder, float } from '#ortune/onnx/builder.js';
import { add, indices, mul, sum } from '#ortune/onnx/formulas.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { runStock } from '../support/onnxruntime.js';
import { operatorGraph } from './graphs.js';

interface Packed {
  dtype: 'float64' | 'int64' | 'bool';
  shape: number[];
  data: number[];
}

interface Golden {
  op: string;
  domain?: string;
  what?: string;
  /** Outputs of the node, where PyTorch has fewer. */
  names?: number;
  attrs: Record<string, number | number[] | string | { float: number }>;
  inputs: (Packed | null)[];
  constants: number[];
  outputs: Packed[];
  /** Of the first outputs; the others are no part of the loss. */
  dy: Packed[];
  gradients: Record<string, Packed>;
}

/** No float64 kernel in the stock runtime. */
const float32Only = new Set([
  ...['Erf', 'Gelu', 'Conv', 'ConvTranspose', 'InstanceNormalization', 'GroupNormalization', 'AveragePool', 'LpPool'],
  ...['GlobalAveragePool', 'GlobalMaxPool', 'Resize', 'HardSigmoid', 'HardSwish', 'LeakyRelu', 'Elu', 'Selu', 'PRelu'],
  ...['Celu', 'ThresholdedRelu', 'Shrink', 'LRN'],
  ...['Tan', 'Asin', 'Acos', 'Atan', 'Sinh', 'Cosh', 'Asinh', 'Acosh', 'Atanh'],
  ...['Softplus', 'Softsign', 'Mish', 'Col2Im'],
]);

const read = (file: string): Golden[] =>
  JSON.parse(readFileSync(new URL(`../fixtures/ops/${file}.json`, import.meta.url), 'utf8')).cases;

function relativeError(found: Tensor, expected: Packed): number {
  expect([...found.shape]).toEqual(expected.shape);
  const distance = Math.hypot(...found.numbers().map((v, i) => v - expected.data[i]!));
  return distance === 0 ? 0 : distance / Math.hypot(...expected.data);
}

async function evaluate(golden: Golden) {
  const real = float32Only.has(golden.op) ? 'float32' : 'float64';
  const tensor = ({ dtype, shape, data }: Packed) => Tensor.of(dtype === 'float64' ? real : dtype, data, shape);
  const attrs = Object.fromEntries(
    Object.entries(golden.attrs).map(([name, value]): [string, AttrInput] => [
      name,
      typeof value === 'object' && 'float' in value ? float(value.float) : value,
    ]),
  );
  const { graph, feeds, floats } = operatorGraph({
    ...golden,
    inputs: golden.inputs.map((x) => (x ? tensor(x) : undefined)),
    attrs,
    outputs: golden.names ?? golden.outputs.length,
  });
  const b = new Builder(graph);
  const terms = golden.dy.map((dy, i) => {
    const product = mul(b, graph.outputs[i]!.name, b.constant(tensor(dy)));
    return sum(b, product, indices(b.shape(product).length), false);
  });
  const loss = terms.reduce((x, y) => add(b, x, y));
  const gradients = backward(b, loss, [...floats.values()]);
  for (const name of gradients.values()) graph.outputs.push({ name, dtype: real, shape: [...b.shape(name)] });
  const outputs = graph.outputs.map((o) => o.name);
  lower(graph, new Set());
  const results = await runStock(graph, feeds);
  return {
    tolerance: real === 'float64' ? 1e-9 : 1e-6,
    values: golden.outputs.map((expected, i) => relativeError(results.get(outputs[i]!)!, expected)),
    gradients: [...floats].map(([i, x]) => relativeError(results.get(gradients.get(x)!)!, golden.gradients[i]!)),
  };
}

const files = [
  ...['elementwise', 'reductions', 'products', 'layouts', 'losses'],
  ...['convolutions', 'pools', 'activations', 'resamples', 'contractions', 'further', 'norms', 'rare', 'sampled'],
];

describe.each(files)('%s', (file) => {
  for (const [i, golden] of read(file).entries())
    it(`${golden.op}${golden.what ? ` ${golden.what}` : ''} equals PyTorch's (${i})`, async () => {
      const { tolerance, values, gradients } = await evaluate(golden);
      expect(gradients).toHaveLength(Object.keys(golden.gradients).length);
      for (const error of [...values, ...gradients]) expect(error).toBeLessThan(tolerance);
    });
});
