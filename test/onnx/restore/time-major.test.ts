// Recurrent layers with their batch first, against those with their steps first.

import { expect, it } from 'vitest';
import { recognisePatterns } from '#ortune/onnx/restore/restore.js';
import type { Tensor } from '#ortune/onnx/tensor.js';
import { operatorGraph } from '../../autodiff/graphs.js';
import { runStock } from '../../support/onnxruntime.js';
import { caseOf, type RecurrentForm } from '../../support/recurrent.js';

/** Axes in the given order. */
async function transposed(tensor: Tensor, perm: readonly number[]): Promise<Tensor> {
  const { graph, feeds } = operatorGraph({ op: 'Transpose', inputs: [tensor], attrs: { perm } });
  return (await runStock(graph, feeds)).get(graph.outputs[0]!.name)!;
}

it.each(['LSTM', 'GRU', 'RNN'] as const)('%s of another layout is the same between transposes', async (op) => {
  const form: RecurrentForm = { op, what: '', attrs: { direction: 'bidirectional', layout: 1 }, states: true };
  const swapped = caseOf(form);
  const { graph, feeds } = operatorGraph(swapped);
  recognisePatterns(graph);
  expect(graph.nodes.filter((node) => node.op === op).map(({ attrs }) => attrs.has('layout'))).toEqual([false]);
  const found = await runStock(graph, feeds);

  const inputs = await Promise.all(
    swapped.inputs.map((x, i) => (x && [0, 5, 6].includes(i) ? transposed(x, [1, 0, 2]) : x)),
  );
  const plain = operatorGraph({ ...swapped, inputs, attrs: { ...swapped.attrs, layout: 0 } });
  const expected = await runStock(plain.graph, plain.feeds);
  for (const [i, { name, shape }] of graph.outputs.entries()) {
    expect([...found.get(name)!.shape]).toEqual(shape);
    const y = await transposed(expected.get(plain.graph.outputs[i]!.name)!, i === 0 ? [2, 0, 1, 3] : [1, 0, 2]);
    expect(found.get(name)!.numbers()).toEqual(y.numbers());
  }
});
