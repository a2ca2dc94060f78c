import { expect, it } from 'vitest';
import { multiplyAdds } from '#ortune/lower/work.js';
import { Builder } from '#ortune/onnx/builder.js';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';

const built = (make: (b: Builder) => string): Graph => {
  const graph = new Graph();
  const b = new Builder(graph);
  b.output('y', make(b));
  return graph;
};

it.each<[string, number, (b: Builder) => string]>([
  [
    'a product in batches',
    5 * 2 * 3 * 4,
    (b) => b.op('MatMul', [b.input('x', 'float32', [5, 2, 3]), b.input('w', 'float32', [3, 4])]),
  ],
  [
    'a product of a transposed matrix, and additions',
    2 * 3 * 4,
    (b) => {
      const product = b.op('Gemm', [b.input('x', 'float32', [3, 2]), b.input('w', 'float32', [3, 4])], { transA: 1 });
      return b.op('Add', [product, product]);
    },
  ],
  [
    'a convolution',
    2 * 4 * 6 * 6 * (3 * 3 * 3),
    (b) => {
      const w = b.constant(Tensor.of('float32', new Float32Array(4 * 3 * 9), [4, 3, 3, 3]), 'w');
      return b.op('Conv', [b.input('x', 'float32', [2, 3, 8, 8]), w]);
    },
  ],
])('counts the multiply-adds of %s', (_, expected, make) => {
  const graph = built(make);
  const nodes = [...graph.nodes];
  expect(multiplyAdds(graph)).toBe(expected);
  expect(graph.nodes).toEqual(nodes);
});
