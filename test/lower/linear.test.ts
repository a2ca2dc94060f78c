// Layers as single matrix products: the same numbers before and after, and what an encoder's layer comes down to.

import { describe, expect, it } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { lowerLinear } from '#ortune/lower/linear.js';
import { Builder } from '#ortune/onnx/builder.js';
import { Graph, prune, type Value } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { runStock } from '../support/onnxruntime.js';

function start(inputs: Record<string, readonly number[]>): Builder {
  const graph = new Graph();
  for (const [name, shape] of Object.entries(inputs)) {
    graph.inputs.push({ name, dtype: 'float32', shape: [...shape] });
    graph.types.set(name, { dtype: 'float32', shape });
  }
  return new Builder(graph);
}

function finish(b: Builder, ...outputs: Value[]): void {
  b.graph.outputs = outputs.map((name) => ({ name, ...b.type(name), shape: [...b.shape(name)] }));
}

async function evaluate(graph: Graph) {
  const feeds = graph.inputs.map(({ name, shape }, i) => {
    const dims = shape as number[];
    return [
      name,
      Tensor.of(
        'float32',
        normals(
          3,
          i,
          dims.reduce((n, d) => n * d, 1),
        ),
        dims,
      ),
    ] as const;
  });
  const results = await runStock(graph, new Map(feeds));
  return graph.outputs.map(({ name }) => results.get(name)!.numbers());
}

/** Rewrites and checks that every output keeps its name and value. */
async function rewrite(b: Builder): Promise<string[]> {
  const before = await evaluate(b.graph);
  lowerLinear(b);
  prune(b.graph);
  const after = await evaluate(b.graph);
  for (const [i, values] of before.entries())
    for (const [j, v] of values.entries()) expect(after[i]![j]).toBeCloseTo(v, 5);
  return b.graph.nodes.map((n) => n.op);
}

describe('lowerLinear', () => {
  it.each([
    ['the bias second', ['xw', 'b']],
    ['the bias first', ['b', 'xw']],
  ])('makes a layer one Gemm, %s', async (_, order) => {
    const b = start({ x: [2, 3, 4], w: [4, 5], b: [5] });
    const values: Record<string, Value> = { xw: b.op('MatMul', ['x', 'w']), b: 'b' };
    finish(
      b,
      b.op('Tanh', [
        b.op(
          'Add',
          order.map((name) => values[name]!),
        ),
      ]),
    );
    expect(await rewrite(b)).toEqual(['Reshape', 'Gemm', 'Reshape', 'Tanh']);
  });

  it('needs no views around matrices, and reads a bias of one row', async () => {
    const b = start({ x: [3, 4], w: [4, 5], b: [1, 5] });
    finish(b, b.op('Tanh', [b.op('Add', [b.op('MatMul', ['x', 'w']), 'b'])]));
    expect(await rewrite(b)).toEqual(['Reshape', 'Gemm', 'Tanh']);
  });

  it('reads a transposed weight in place', async () => {
    const b = start({ x: [2, 3, 4], w: [5, 4], b: [5] });
    const w = b.op('Transpose', ['w'], { perm: [1, 0] });
    finish(b, b.op('Tanh', [b.op('Add', [b.op('MatMul', ['x', w]), 'b'])]));
    expect(await rewrite(b)).toEqual(['Reshape', 'Gemm', 'Reshape', 'Tanh']);
    expect(b.graph.nodes[1]!.inputs[1]).toBe('w');
  });

  it('reads a transposed matrix in place where there is no bias, too', async () => {
    const b = start({ x: [2, 3, 4], w: [5, 4] });
    finish(b, b.op('Tanh', [b.op('MatMul', ['x', b.op('Transpose', ['w'])])]));
    expect(await rewrite(b)).toEqual(['Reshape', 'Gemm', 'Reshape', 'Tanh']);
    expect(b.graph.nodes[1]!.inputs).toEqual([b.graph.nodes[0]!.outputs[0], 'w']);
  });

  it('keeps the name of an output that it rewrites', async () => {
    const b = start({ x: [2, 3, 4], w: [4, 5], b: [5] });
    finish(b, b.op('Add', [b.op('MatMul', ['x', 'w']), 'b'], {}, { name: 'logits' }));
    expect(await rewrite(b)).toEqual(['Reshape', 'Gemm', 'Reshape', 'Identity']);
    expect(b.graph.outputs[0]!.name).toBe('logits.y');
  });

  it('reads through views of views and transposes of transposes', async () => {
    const b = start({ x: [2, 3, 4] });
    const flat = b.op('Flatten', [b.op('Unsqueeze', ['x', b.ints([0])])], { axis: 3 });
    const turned = b.op('Transpose', [b.op('Transpose', ['x'], { perm: [0, 2, 1] })], { perm: [1, 0, 2] });
    const back = b.op('Transpose', [b.op('Transpose', ['x'])]);
    finish(b, b.op('Exp', [flat]), b.op('Exp', [turned]), b.op('Exp', [back]));
    expect((await rewrite(b)).toSorted()).toEqual(['Exp', 'Exp', 'Exp', 'Reshape', 'Transpose']);
  });

  it.each([
    ['the product has another reader', (b: Builder, xw: Value) => [b.op('Add', [xw, 'b']), b.op('Exp', [xw])]],
    ['the product is an output', (b: Builder, xw: Value) => [b.op('Add', [xw, 'b']), xw]],
    ['a whole tensor is added', (b: Builder, xw: Value) => [b.op('Add', [xw, 'all'])]],
    ['the sum is wider than the product', (b: Builder, xw: Value) => [b.op('Add', [xw, 'wide'])]],
  ])('leaves a MatMul alone where %s', async (_, outputs) => {
    const b = start({ x: [2, 3, 4], w: [4, 5], b: [5], all: [2, 3, 5], wide: [1, 1, 1, 5] });
    finish(b, ...outputs(b, b.op('MatMul', ['x', 'w'])));
    expect(await rewrite(b)).toContain('MatMul');
  });
});

it('takes one Gemm per gradient of a layer and no transposes for attention', () => {
  const [batch, time, heads, width] = [2, 3, 2, 4];
  const b = start({ x: [batch, time, 8], w: [8, 8], bias: [8], k: [batch, heads, width, time] });
  const layer = b.op('Add', [b.op('MatMul', ['x', 'w']), 'bias']);
  const split = b.op('Reshape', [layer, b.ints([batch, time, heads, width])]);
  const q = b.op('Transpose', [split], { perm: [0, 2, 1, 3] });
  const loss = b.op('ReduceSum', [b.op('Softmax', [b.op('MatMul', [q, 'k'])])], { keepdims: 0 });
  finish(b, loss);
  lowerLinear(b);
  prune(b.graph);
  const forward = b.graph.nodes.length;
  const gradients = backward(b, loss, ['x', 'w', 'bias', 'k']);
  finish(b, ...gradients.values());
  const added = b.graph.nodes.slice(forward).map((n) => n.op);
  const count = (op: string) => added.filter((o) => o === op).length;
  expect(b.graph.nodes.slice(0, forward).map((n) => n.op)).toEqual([
    ...['Reshape', 'Gemm', 'Reshape', 'Transpose', 'MatMul', 'Softmax', 'ReduceSum'],
  ]);
  expect(count('Gemm')).toBe(2);
  expect(count('FusedMatMul')).toBe(2);
  expect(count('Transpose')).toBe(1);
  expect(count('BiasGrad')).toBe(1);
  expect(count('SoftmaxGrad')).toBe(1);
  expect(count('MatMul')).toBe(0);
});
