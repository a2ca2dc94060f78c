// Images in channels-last: what follows a convolution there, where transposes are needed, and that a graph computes the
// same.

import { describe, expect, it } from 'vitest';
import { fuseActivations } from '#ortune/lower/activations.js';
import { useChannelsLast } from '#ortune/lower/channels-last/layout.js';
import { definitions, lower } from '#ortune/lower/lower.js';
import { Builder, float } from '#ortune/onnx/builder.js';
import { type Graph, operatorKey, prune, type Value } from '#ortune/onnx/graph.js';
import { elementCount, Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { addOutput, graphWith } from '../onnx/graphs.js';
import { runStock } from '../support/onnxruntime.js';

const kernels = new Set(definitions.keys());
const random = (stream: number, shape: readonly number[]) =>
  Tensor.of('float32', normals(3, stream, elementCount(shape)), shape);

/** A graph over an image x [2, 3, 8, 6]; `write` gives its outputs. */
function written(write: (b: Builder, weight: (...shape: number[]) => Value) => Value[]): Graph {
  const { graph, b } = graphWith({ x: [2, 3, 8, 6] });
  let stream = 0;
  const weight = (...shape: number[]) => b.constant(random(++stream, shape), 'weight');
  for (const y of write(b, weight)) addOutput(graph, y);
  return graph;
}

/** Operators after the rewriting, whose outputs are those of the graph before. */
async function rewritten(graph: Graph): Promise<string[]> {
  const feeds = new Map(graph.inputs.map(({ name, shape }) => [name, random(99, shape as number[])]));
  const expected = await runStock(graph, feeds);
  const copy = graph.clone();
  const b = new Builder(copy);
  useChannelsLast(b, kernels);
  fuseActivations(b, kernels);
  prune(copy);
  const operators = copy.nodes.map(operatorKey);
  lower(copy, new Set());
  const found = await runStock(copy, feeds);
  for (const [name, tensor] of expected) {
    expect(found.get(name)!.shape).toEqual(tensor.shape);
    const numbers = found.get(name)!.numbers();
    for (const [i, v] of tensor.numbers().entries()) expect(numbers[i]).toBeCloseTo(v, 4);
  }
  return operators;
}

const count = (operators: readonly string[], op: string) => operators.filter((o) => o === op).length;
const same = { pads: [1, 1, 1, 1] };
const given = (b: Builder, x: Value, channels: number): Value => {
  const vector = (seed: number, map = (v: number) => v) =>
    b.constant(Tensor.of('float32', [...normals(4, seed, channels)].map(map), [channels]), 'vector');
  const inputs = [x, vector(1), vector(2), vector(3), vector(4, (v) => 1 + v * v)];
  return b.op('BatchNormalization', inputs, { epsilon: float(1e-3) });
};

describe('an image stays channels-last', () => {
  it('through convolution, normalisation, activation, pooling and the sum of a residual', async () => {
    const graph = written((b, w) => {
      const stem = b.op('Relu', [given(b, b.op('Conv', ['x', w(8, 3, 3, 3), w(8)], { ...same, strides: [2, 2] }), 8)]);
      const pooled = b.op('MaxPool', [stem], { kernel_shape: [2, 2], pads: [1, 1, 0, 0] });
      const inner = given(b, b.op('Conv', [pooled, w(8, 1, 3, 3)], { ...same, group: 8 }), 8);
      const sum = b.op('Relu', [b.op('Add', [inner, pooled])]);
      const mean = b.op('GlobalAveragePool', [b.op('AveragePool', [sum], { kernel_shape: [2, 2] })]);
      return [b.op('Gemm', [b.op('Flatten', [mean]), w(8, 5)])];
    });
    const operators = await rewritten(graph);
    expect(count(operators, 'Transpose')).toBe(1);
    expect(operators.filter((op) => op.startsWith('ortune.'))).toEqual([
      ...['ortune.Conv', 'ortune.BatchNorm', 'ortune.MaxPool', 'ortune.Conv', 'ortune.BatchNorm'],
      ...['ortune.Activation', 'ortune.AveragePool'],
    ]);
  });

  it('through squeeze and excitation, concatenation, pads and per-channel operands', async () => {
    const graph = written((b, w) => {
      const y = b.op('Conv', ['x', w(6, 3, 1, 1)]);
      const gate = b.op('Sigmoid', [b.op('Conv', [b.op('ReduceMean', [y, b.ints([-1, -2])]), w(6, 6, 1, 1), w(6)])]);
      const scaled = b.op('Mul', [b.op('Mul', [y, gate]), w(6, 1, 1)]);
      const padded = b.op('Pad', [b.op('Concat', [scaled, y], { axis: 1 }), b.ints([0, 0, 1, 0, 0, 0, 2, 1])]);
      return [b.op('ReduceMean', [padded, b.ints([2, 3])], { keepdims: 0 })];
    });
    expect(count(await rewritten(graph), 'Transpose')).toBe(1);
  });

  it('into the tokens of a transformer', async () => {
    const graph = written((b, w) => {
      const patches = b.op('Conv', ['x', w(5, 3, 2, 2)], { strides: [2, 2] });
      return [b.op('Transpose', [b.op('Reshape', [patches, b.ints([2, 5, 12])])], { perm: [0, 2, 1] })];
    });
    const operators = await rewritten(graph);
    expect(operators.slice(0, 3)).toEqual(['Transpose', 'ortune.Conv', 'Reshape']);
  });

  it('in an export that is channels-last itself: its transposes go', async () => {
    const { graph, b } = graphWith({ x: [2, 8, 6, 3] });
    const w = b.constant(random(1, [4, 3, 3, 3]));
    const first = b.op('Conv', [b.op('Transpose', ['x'], { perm: [0, 3, 1, 2] }), w], same);
    addOutput(graph, b.op('Exp', [b.op('Neg', [b.op('Transpose', [first], { perm: [0, 2, 3, 1] })])]));
    expect(await rewritten(graph)).toEqual(['ortune.Conv', 'Neg', 'Exp']);
  });
});

describe('an image goes back to channels-first', () => {
  it('for an operator that means an axis, and for an output of the graph', async () => {
    const graph = written((b, w) => {
      const y = b.op('Conv', ['x', w(4, 3, 3, 3)], same);
      return [y, b.op('Softmax', [y], { axis: 1 }), b.op('Relu', [y])];
    });
    const operators = await rewritten(graph);
    expect(count(operators, 'Transpose')).toBe(2);
  });

  it('where averages count pads that windows hang over', async () => {
    const graph = written((b, w) => {
      const y = b.op('Conv', ['x', w(4, 3, 1, 1)]);
      const attrs = { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1, count_include_pad: 1, pads: [0, 0, 1, 0] };
      return [b.op('AveragePool', [y], attrs)];
    });
    expect(await rewritten(graph)).toContain('AveragePool');
  });
});

it('a graph of float64, and one without convolutions, is left alone', async () => {
  const { graph, b } = graphWith({ x: [2, 3, 4, 4] }, 'float64');
  addOutput(
    graph,
    b.op('GlobalAveragePool', [b.op('Conv', ['x', b.constant(Tensor.of('float64', normals(1, 1, 12), [4, 3, 1, 1]))])]),
  );
  useChannelsLast(b, kernels);
  expect(graph.nodes.map(operatorKey)).toEqual(['Conv', 'GlobalAveragePool']);
  const plain = graphWith({ x: [2, 3, 4, 4] });
  addOutput(plain.graph, plain.b.op('GlobalAveragePool', ['x']));
  useChannelsLast(plain.b, kernels);
  expect(plain.graph.nodes.map(operatorKey)).toEqual(['GlobalAveragePool']);
});

describe('an activation is found', () => {
  const six = (b: Builder, x: Value) => b.op('Clip', [x, b.scalar('float32', 0), b.scalar('float32', 6)]);
  const hard = (b: Builder, x: Value) => b.op('HardSigmoid', [x], { alpha: float(1 / 6), beta: float(0.5) });
  const forms: [string, (b: Builder, x: Value) => Value][] = [
    ['Relu', (b, x) => b.op('Relu', [x])],
    ['Relu6', six],
    ['HardSigmoid', hard],
    ['HardSwish', (b, x) => b.op('HardSwish', [x])],
    ['HardSwish', (b, x) => b.op('Mul', [hard(b, x), x])],
    ['Swish', (b, x) => b.op('Mul', [x, b.op('Sigmoid', [x])])],
  ];

  it.each(forms)('%s, and moves into the BatchNorm before it', async (name, form) => {
    const graph = written((b, w) => [form(b, given(b, b.op('Conv', ['x', w(4, 3, 1, 1)]), 4))]);
    const copy = graph.clone();
    const b = new Builder(copy);
    useChannelsLast(b, kernels);
    fuseActivations(b, kernels);
    prune(copy);
    const norm = copy.nodes.find(({ op }) => op === 'BatchNorm')!;
    expect(norm.attrs.get('activation')?.value).toBe(name);
    await rewritten(graph);
  });

  it('but not where something else reads its parts', async () => {
    const graph = written((b, w) => {
      const y = given(b, b.op('Conv', ['x', w(4, 3, 1, 1)]), 4);
      const gate = b.op('Sigmoid', [y]);
      return [b.op('Mul', [y, gate]), b.op('Neg', [gate]), b.op('Relu', [y])];
    });
    const operators = await rewritten(graph);
    expect(operators).toContain('Sigmoid');
    expect(count(operators, 'ortune.Activation')).toBe(1);
  });
});
