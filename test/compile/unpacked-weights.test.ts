// Which frozen weights the runtime reads where they are: those of large products that gradients pass through.

import { expect, it } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { unpackedWeights } from '#ortune/compile/unpacked-weights.js';
import { Builder } from '#ortune/onnx/builder.js';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';

/** x · below, an adapter's share added, · above: what is trained is between the two frozen weights. */
function layers(rows: number, gradients: boolean) {
  const b = new Builder(new Graph());
  const matrix = (name: string) => b.constant(Tensor.of('float32', Array<number>(16).fill(0.5), [4, 4]), name);
  const [below, above, learned] = ['below', 'above', 'learned'].map(matrix) as [string, string, string];
  const h = b.op('MatMul', [b.input('x', 'float32', [rows / 2, 2, 4]), below]);
  const y = b.op('MatMul', [b.op('Add', [h, b.op('MatMul', [h, learned])]), above]);
  const loss = b.op('ReduceSum', [y], { keepdims: 0 });
  if (gradients) backward(b, loss, [learned]);
  return { graph: b.graph, frozen: [below, above], above, trained: new Set([learned]) };
}

it.each([true, false])('those above what is trained, with gradients: %s', (gradients) => {
  const { graph, frozen, above, trained } = layers(512, gradients);
  expect([...unpackedWeights(graph, frozen, trained)]).toEqual([above]);
});

it('none of products with few rows, for which packed ones are faster', () => {
  const { graph, frozen, trained } = layers(510, true);
  expect(unpackedWeights(graph, frozen, trained).size).toBe(0);
});
