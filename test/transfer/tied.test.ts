// Tensors that an exporter made of a weight follow it in training: its transpose, multiples, 1 − w, rows of norm 1.

import { describe, expect, it } from 'vitest';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { apartNotes, derivedTensor, tieDerived } from '#ortune/transfer/tied.js';
import { outputsOf } from '../onnx/graphs.js';

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

const tied = (graph: Graph) => Object.fromEntries(tieDerived(graph, [...graph.initializers.keys()]).derived);
const apart = (graph: Graph) => tieDerived(graph, [...graph.initializers.keys()]).apart;

const swapped = { transposed: true };
const complement = { arithmetic: { op: 'affine', factor: -1, shift: 1 }, transposed: false } as const;

it('the swapped last axes of a weight, which saving writes', () => {
  const weight = made([2, 5, 4], wave);
  const turned = derivedTensor(weight, swapped);
  expect(turned.shape).toEqual([2, 4, 5]);
  expect(turned.numbers()[20 + 5 * 3 + 2]).toBe(weight.numbers()[20 + 4 * 2 + 3]);
  const graph = graphOf({ 'onnx::Mean_7': turned, w: weight });
  expect(tied(graph)).toEqual({ w: [{ name: 'onnx::Mean_7', transposed: true }] });
  const [node] = graph.nodes;
  expect(node).toMatchObject({ op: 'Transpose', inputs: ['w'], outputs: ['onnx::Mean_7'] });
  expect(node!.attrs.get('perm')).toEqual({ kind: 'ints', value: [0, 2, 1] });
  expect(graph.initializers.has('onnx::Mean_7')).toBe(false);
});

it('1 − w, where the tensor has no name of its own', () => {
  const weight = made([20], wave);
  const rest = derivedTensor(weight, complement);
  const graph = graphOf({ 'onnx::Mul_3': rest, mix: weight });
  expect(tied(graph)).toEqual({ mix: [{ name: 'onnx::Mul_3', ...complement }] });
  expect(graph.nodes.slice(0, 2).map(({ op }) => op)).toEqual(['Mul', 'Add']);
  expect(tied(graphOf({ rest, mix: weight }))).toEqual({});
});

it('a table of words comes first, and holds for a projection of any values', () => {
  const table = made([3, 2], (i) => i % 2);
  const graph = graphOf({ 'onnx::MatMul_1': derivedTensor(table, swapped), table }, ['table']);
  expect(tied(graph)).toEqual({ table: [{ name: 'onnx::MatMul_1', transposed: true }] });
});

it('equal by chance: identities, ones beside zeros, and what differs in one element', () => {
  const identity = () => made([5, 5], (i) => Number(i % 6 === 0));
  const other = derivedTensor(made([5, 4], wave), swapped).numbers();
  other[7]! += 1e-6;
  const tensors = { a: identity(), b: identity(), one: made([30], () => 1), 'onnx::Add_1': made([30], () => 0) };
  expect(tied(graphOf({ ...tensors, w: made([5, 4], wave), other: made([4, 5], (i) => other[i]!) }))).toEqual({});
});

/** As an exporter computes it: sums in float32, one after the other. */
function sum32(values: readonly number[]): number {
  return values.reduce((sum, v) => Math.fround(sum + v), 0);
}

/** Rows of x along `axis` of a matrix, each changed by `f`, in float32. */
function byRows(x: Tensor, axis: 0 | 1, f: (row: number[]) => number[]): Tensor {
  const [rows, columns] = x.shape as [number, number];
  const [count, length] = axis === 1 ? [rows, columns] : [columns, rows];
  const place = (r: number, i: number): number => (axis === 1 ? r * columns + i : i * columns + r);
  const [from, to] = [x.numbers(), new Float32Array(x.size)];
  for (let r = 0; r < count; r++)
    for (const [i, v] of f(Array.from({ length }, (_, i) => from[place(r, i)]!)).entries()) to[place(r, i)] = v;
  return Tensor.view('float32', x.shape, to);
}

const unit = (row: number[]): number[] => {
  const norm = Math.fround(Math.sqrt(sum32(row.map((v) => Math.fround(v * v)))));
  return row.map((v) => v / norm);
};
const standard = (epsilon: number, gain: number) => (row: number[]) => {
  const mean = Math.fround(sum32(row) / row.length);
  const square = sum32(row.map((v) => Math.fround((v - mean) ** 2))) / row.length;
  return row.map((v) => (gain * (v - mean)) / Math.sqrt(square + epsilon));
};

describe('what is computed of a matrix of 7 x 24 follows it, and saving computes the same', () => {
  const w = made([7, 24], (i) => wave(i) * (1 + (i % 7)) + 0.1);
  const normalised = { op: 'normalised', centred: false, epsilon: 0 };
  const cases = [
    ['a multiple', byRows(w, 1, (row) => row.map((v) => v * 0.3)), { op: 'affine', shift: 0 }],
    ['rows of norm 1', byRows(w, 1, unit), { ...normalised, axes: [1], gain: 1 / Math.sqrt(24) }],
    ['columns of norm 1', byRows(w, 0, unit), { ...normalised, axes: [0], gain: 1 / Math.sqrt(7) }],
    ['standardised rows', byRows(w, 1, standard(0, 1)), { op: 'normalised', axes: [1], centred: true, gain: 1 }],
    [
      'and with an epsilon and a gain',
      byRows(w, 1, standard(0.5, 1.7)),
      { op: 'normalised', axes: [1], centred: true },
    ],
  ] as const;
  it.each(cases)('%s', async (_, made, wanted) => {
    for (const transposed of [false, true]) {
      const copy = transposed ? derivedTensor(made, swapped) : made;
      const graph = graphOf({ 'onnx::MatMul_9': copy, w });
      const [form] = tied(graph).w!;
      expect(form).toMatchObject({ name: 'onnx::MatMul_9', transposed, arithmetic: wanted });
      const saved = derivedTensor(w, form!).numbers();
      for (const [i, v] of copy.numbers().entries()) expect(Math.abs(saved[i]! - v)).toBeLessThan(1e-5);
      graph.nodes = graph.nodes.filter(({ name }) => name.startsWith('/tied/'));
      graph.outputs = [{ name: 'onnx::MatMul_9', dtype: 'float32', shape: [...copy.shape] }];
      const computed = (await outputsOf(graph, {})).get('onnx::MatMul_9');
      for (const [i, v] of computed!.numbers().entries()) expect(Math.abs(saved[i]! - v)).toBeLessThan(2e-6);
    }
  });

  it.each([
    [[7, 24], false],
    [[24, 7], true],
    [[1, 7, 24], false],
  ] as const)('those of a filter in the shape %j', async (shape, transposed) => {
    const filter = Tensor.view('float32', [7, 2, 4, 3], w.data());
    const rows = Tensor.view('float32', transposed ? [7, 24] : shape, byRows(w, 1, unit).data());
    const copy = transposed ? derivedTensor(rows, swapped) : rows;
    const graph = graphOf({ 'onnx::MatMul_9': copy, w: filter });
    const [form] = tied(graph).w!;
    expect(form).toMatchObject({ transposed, shape: rows.shape, arithmetic: { axes: [1, 2, 3] } });
    const saved = derivedTensor(filter, form!);
    expect(saved.shape).toEqual(copy.shape);
    for (const [i, v] of copy.numbers().entries()) expect(Math.abs(saved.numbers()[i]! - v)).toBeLessThan(1e-5);
    graph.nodes = graph.nodes.filter(({ name }) => name.startsWith('/tied/'));
    graph.outputs = [{ name: 'onnx::MatMul_9', dtype: 'float32', shape: [...copy.shape] }];
    const computed = (await outputsOf(graph, {})).get('onnx::MatMul_9')!;
    expect(computed.shape).toEqual(copy.shape);
    for (const [i, v] of computed.numbers().entries()) expect(Math.abs(saved.numbers()[i]! - v)).toBeLessThan(2e-6);
  });

  it('those of a filter: rows of all but its first axis', () => {
    const filter = Tensor.view('float32', [7, 2, 4, 3], w.data());
    const copy = Tensor.view('float32', [7, 2, 4, 3], byRows(w, 1, unit).data());
    expect(tied(graphOf({ 'onnx::Conv_2': copy, w: filter })).w).toMatchObject([{ arithmetic: { axes: [1, 2, 3] } }]);
  });
});

it('multiples of rows that follow no law, and copies that have a name, stay apart, which is said', () => {
  const w = made([7, 24], wave);
  let row = 0;
  const scaled = byRows(w, 1, (values) => ((factor) => values.map((v) => v * factor))(2 + wave(++row)));
  const folded = graphOf({ 'onnx::Conv_1': scaled, w });
  expect(tied(folded)).toEqual({});
  expect(apart(folded)).toEqual([{ name: 'onnx::Conv_1', weight: 'w' }]);
  expect(apartNotes(apart(folded))[0]).toMatch(
    /'onnx::Conv_1' looks as if it was computed of 'w'; they are trained apart/,
  );
  const named = graphOf({ w, 'head.weight': byRows(w, 1, unit) });
  expect(tied(named)).toEqual({});
  expect(apart(named)).toEqual([{ name: 'head.weight', weight: 'w' }]);
  const other = graphOf({
    w,
    'onnx::MatMul_1': made([7, 24], (i) => wave(i + 1000)),
    v: made([7, 24], (i) => 1 + wave(i + 99) / 100),
  });
  expect([tied(other), apart(other)]).toEqual([{}, []]);
});

it('a weight in another shape follows it where it has no name; an equal one of the same shape stays apart', () => {
  const w = made([7, 24], wave);
  const flat = Tensor.view('float32', [1, 168], w.data());
  expect(tied(graphOf({ 'onnx::Mul_1': flat, w })).w).toEqual([
    { name: 'onnx::Mul_1', shape: [1, 168], transposed: false },
  ]);
  expect(apart(graphOf({ flat, w }))).toEqual([{ name: 'w', weight: 'flat' }]);
  const layers = graphOf({ 'onnx::MatMul_1': made([7, 24], wave), 'onnx::MatMul_2': w });
  expect(tied(layers)).toEqual({});
  expect(apart(layers)).toEqual([{ name: 'onnx::MatMul_2', weight: 'onnx::MatMul_1' }]);
});
