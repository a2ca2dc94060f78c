// What one pass makes is made again for its gradient, whichever side of the loss the views of it stand on.

import { expect, it } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { lower } from '#ortune/lower/lower.js';
import { recomputeCheap } from '#ortune/lower/recompute-cheap.js';
import { Builder } from '#ortune/onnx/builder.js';
import { Graph, prune } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { runStock } from '../support/onnxruntime.js';

const shapes = { gate: [2, 3, 4], up: [2, 3, 4], w: [5, 4], v: [4, 5] } as const;

/** Σ (flat(h) · wᵀ)² + Σ (h · v)² of h = gate · sigmoid(gate) · up, and its gradients. */
function gradients(again: boolean) {
  const b = new Builder(new Graph());
  for (const [name, shape] of Object.entries(shapes)) b.input(name, 'float32', [...shape]);
  const h = b.op('SwiGlu', ['gate', 'up'], {}, { domain: 'ortune' });
  const flat = b.op('Reshape', [h, b.ints([6, 4])]);
  const squares = [
    b.op('Gemm', [flat, 'w'], { transB: 1 }),
    b.op('Reshape', [b.op('MatMul', [h, 'v']), b.ints([6, 5])]),
  ];
  const sums = squares.map((y) => b.op('ReduceSum', [b.op('Mul', [y, y])], { keepdims: 0 }));
  const loss = b.op('Add', sums);
  const forward = [...b.graph.nodes];
  const found = backward(b, loss, Object.keys(shapes));
  b.graph.outputs = [loss, ...found.values()].map((name) => ({ name, ...b.type(name), shape: [...b.shape(name)] }));
  if (again) recomputeCheap(b, forward);
  prune(b.graph);
  return { graph: b.graph, h, forward: new Set(forward.map(({ name }) => name)) };
}

it('of a value no reader behind the loss is left, and gradients are the same bits', async () => {
  const feeds = new Map(
    Object.entries(shapes).map(([name, shape], i) => [
      name,
      Tensor.view(
        'float32',
        shape,
        normals(
          1,
          i,
          shape.reduce<number>((n, d) => n * d, 1),
        ),
      ),
    ]),
  );
  const results = [];
  for (const again of [false, true]) {
    const { graph, h, forward } = gradients(again);
    const views = new Set([
      h,
      ...graph.nodes.filter(({ inputs }) => inputs[0] === h).map(({ outputs }) => outputs[0]!),
    ]);
    const late = graph.nodes.filter(({ name, inputs }) => !forward.has(name) && inputs.some((x) => views.has(x)));
    expect(late.length > 0).toBe(!again);
    lower(graph, new Set());
    const values = await runStock(graph, feeds);
    results.push(graph.outputs.map(({ name }) => values.get(name)!.numbers()));
  }
  expect(results[1]).toEqual(results[0]);
});
