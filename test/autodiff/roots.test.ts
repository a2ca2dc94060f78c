// Roots at 0: 0 where a function of PyTorch that exporters write so gives 0 (values of torch 2.13), and the infinite
// slope of the root where it is written out.

import { describe, expect, it } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { lower } from '#ortune/lower/lower.js';
import { Builder } from '#ortune/onnx/builder.js';
import { add, div, mean, mul, pow, sqrt, sub, sum } from '#ortune/onnx/formulas.js';
import { Graph, type Value } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { runStock } from '../support/onnxruntime.js';

/** d Σ f(x) / dx for rows x. */
async function gradient(rows: number[][], f: (b: Builder, x: Value) => Value): Promise<number[]> {
  const graph = new Graph();
  const b = new Builder(graph);
  const x = b.input('x', 'float64', [rows.length, rows[0]!.length]);
  const y = f(b, x);
  const dx = backward(b, y, [x]).get(x)!;
  graph.outputs = [{ name: dx, ...b.type(dx), shape: [...b.shape(dx)] }];
  lower(graph, new Set());
  const found = await runStock(
    graph,
    new Map([[x, Tensor.of('float64', rows.flat(), [rows.length, rows[0]!.length])]]),
  );
  return found
    .get(dx)!
    .numbers()
    .map((v) => Math.round(v * 1e12) / 1e12);
}

const variance = (b: Builder, x: Value): Value => {
  const centred = sub(b, x, mean(b, x, [1]));
  return mean(b, mul(b, centred, centred), [1], false);
};
const powers = (b: Builder, x: Value): Value => sum(b, pow(b, x, 2), [1]);

describe('the gradient at 0 of', () => {
  const dead = [
    [2, 2, 2],
    [0, 2, 1],
  ];
  it('a standard deviation is 0', async () => {
    const std = (b: Builder, x: Value) => sqrt(b, div(b, mul(b, variance(b, x), 3), 2));
    expect(await gradient(dead, std)).toEqual([0, 0, 0, -0.5, 0.5, 0]);
  });

  it('a cosine similarity is that of the product over its bound', async () => {
    const other = (b: Builder) => b.constant(Tensor.of('float64', [3, 4], [1, 2]));
    const cosine = (b: Builder, x: Value): Value => {
      const sizes = mul(b, sum(b, mul(b, x, x), [1]), sum(b, mul(b, other(b), other(b)), [1]));
      return div(b, sum(b, mul(b, x, other(b)), [1]), b.op('Max', [sqrt(b, sizes), b.scalar('float64', 0.5)]));
    };
    expect(await gradient([[0, 0]], cosine)).toEqual([6, 8]);
  });

  it('a distance written as a power is 0', async () => {
    const distance = (b: Builder, x: Value) => pow(b, powers(b, x), 0.5);
    expect(
      await gradient(
        [
          [0, 0],
          [3, 4],
        ],
        distance,
      ),
    ).toEqual([0, 0, 0.6, 0.8]);
  });

  it('a norm over windows, with its sign and ReLU, is 0', async () => {
    const pooled = (b: Builder, x: Value): Value => {
      const windows = b.op('Reshape', [pow(b, x, 2), b.ints([1, 1, 4])]);
      const average = b.op('ReduceMean', [b.op('Reshape', [windows, b.ints([2, 2])]), b.ints([1])]);
      const signed = mul(b, b.op('Sign', [average]), b.op('Relu', [b.op('Abs', [average])]));
      return pow(b, mul(b, signed, 2), 0.5);
    };
    expect(await gradient([[0, 0, 3, 4]], pooled)).toEqual([0, 0, 0.6, 0.8]);
  });

  it('a root that is written out has no number, as in PyTorch', async () => {
    expect(await gradient([[0, 0]], (b, x) => sqrt(b, powers(b, x)))).toEqual([Number.NaN, Number.NaN]);
    expect(await gradient([[0]], (b, x) => sqrt(b, add(b, x, 0)))).toEqual([Infinity]);
    expect(await gradient([[0]], (b, x) => pow(b, x, 0.5))).toEqual([Infinity]);
  });
});
