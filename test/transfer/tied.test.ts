// Tensors that an exporter made of a weight follow it in training: its transpose, and 1 − w.

import { expect, it } from 'vitest';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { derivedTensor, tieDerived } from '#ortune/transfer/tied.js';

const made = (shape: number[], f: (i: number) => number): Tensor =>
  Tensor.of(
    'float32',
    Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => f(i)),
    shape,
  );
const wave = (i: number): number => Math.fround(Math.sin(1 + i * i));

/** Each tensor is added to a value of its own; `looked` are rows that are looked up. */
function graphOf(tensors: Record<string, Tensor>, looked: readonly string[] = []): Graph {
  const graph = new Graph();
  for (const [name, tensor] of Object.entries(tensors)) {
    graph.initializers.set(name, tensor);
    const op = looked.includes(name) ? 'Gather' : 'Add';
    graph.nodes.push({ name: '', op, domain: '', inputs: [name, 'x'], outputs: [`${name}.y`], attrs: new Map() });
  }
  return graph;
}

const tied = (graph: Graph) => Object.fromEntries(tieDerived(graph, [...graph.initializers.keys()]));

it('the swapped last axes of a weight, which saving writes', () => {
  const weight = made([2, 5, 4], wave);
  const swapped = derivedTensor(weight, 'transposed');
  expect(swapped.shape).toEqual([2, 4, 5]);
  expect(swapped.numbers()[20 + 5 * 3 + 2]).toBe(weight.numbers()[20 + 4 * 2 + 3]);
  const graph = graphOf({ 'onnx::Mean_7': swapped, w: weight });
  expect(tied(graph)).toEqual({ w: [{ name: 'onnx::Mean_7', form: 'transposed' }] });
  const [node] = graph.nodes;
  expect(node).toMatchObject({ op: 'Transpose', inputs: ['w'], outputs: ['onnx::Mean_7'] });
  expect(node!.attrs.get('perm')).toEqual({ kind: 'ints', value: [0, 2, 1] });
  expect(graph.initializers.has('onnx::Mean_7')).toBe(false);
});

it('1 − w, where the tensor has no name of its own', () => {
  const weight = made([20], wave);
  const rest = derivedTensor(weight, 'complement');
  const graph = graphOf({ 'onnx::Mul_3': rest, mix: weight });
  expect(tied(graph)).toEqual({ mix: [{ name: 'onnx::Mul_3', form: 'complement' }] });
  expect(graph.nodes[0]).toMatchObject({ op: 'Sub', inputs: ['/tied/float32/one', 'mix'], outputs: ['onnx::Mul_3'] });
  expect(graph.initializers.get('/tied/float32/one')!.numbers()).toEqual([1]);
  expect(tied(graphOf({ rest, mix: weight }))).toEqual({});
});

it('a table of words comes first, and holds for a projection of any values', () => {
  const table = made([3, 2], (i) => i % 2);
  const graph = graphOf({ 'onnx::MatMul_1': derivedTensor(table, 'transposed'), table }, ['table']);
  expect(tied(graph)).toEqual({ table: [{ name: 'onnx::MatMul_1', form: 'transposed' }] });
});

it('equal by chance: identities, ones beside zeros, and what differs in one element', () => {
  const identity = () => made([5, 5], (i) => Number(i % 6 === 0));
  const other = derivedTensor(made([5, 4], wave), 'transposed').numbers();
  other[7]! += 1e-6;
  const tensors = { a: identity(), b: identity(), one: made([30], () => 1), 'onnx::Add_1': made([30], () => 0) };
  expect(tied(graphOf({ ...tensors, w: made([5, 4], wave), other: made([4, 5], (i) => other[i]!) }))).toEqual({});
});
