import { describe, expect, it } from 'vitest';
import type { Builder } from '#ortune/onnx/builder.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { Graph } from '#ortune/onnx/graph.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { fixtures, readGolden } from '../golden.js';
import { encoderFeeds, graphWith, largestDifference, outputsOf } from './graphs.js';

const operators = (graph: Graph) => graph.nodes.map((n) => n.op);

describe.each(fixtures)('$family from the $exporter exporter', (fixture) => {
  const source = toGraph(openModel(readGolden(fixture).file));

  it.each([
    [2, 8],
    [3, 13],
  ])('has the types the runtime finds for every value, and the same output, at %i x %i', async (batch, length) => {
    const feeds = encoderFeeds(source, batch, length);
    const shapes = Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, t.shape]));
    const graph = specialize(source, shapes);
    const traced = graph.clone();
    for (const node of traced.nodes)
      for (const name of node.outputs)
        if (name && !traced.outputs.some((o) => o.name === name))
          traced.outputs.push({ name, ...graph.type(name), shape: undefined });
    const found = await outputsOf(traced, feeds);
    expect(found.size).toBeGreaterThanOrEqual(graph.nodes.length);
    for (const [name, { dtype, shape }] of found) expect({ dtype, shape: [...shape] }, name).toEqual(graph.type(name));
    const expected = await outputsOf(source, feeds);
    expect(largestDifference(found.get('logits')!, expected.get('logits')!)).toBe(0);
  });

  it('keeps no shape arithmetic', () => {
    const graph = specialize(source, Object.fromEntries(source.inputs.map((i) => [i.name, [2, 8]])));
    expect(operators(graph).filter((op) => /^(Shape|Size|Range|ConstantOfShape|Squeeze|Identity)$/.test(op))).toEqual(
      [],
    );
    expect(graph.nodes.length).toBeLessThan(0.8 * source.nodes.length);
  });

  it('keeps trainable tensors whole', () => {
    const trainable = new Set(
      [...source.initializers].filter(([, t]) => t.dtype === 'float32' && t.size > 1).map(([name]) => name),
    );
    const graph = specialize(source, Object.fromEntries(source.inputs.map((i) => [i.name, [2, 8]])), { trainable });
    expect([...trainable].filter((name) => !graph.initializers.has(name))).toEqual([]);
  });
});

/** A graph of symbolic input x [batch, 4] written by `write`, specialised to batch 3. */
function specialized(
  write: (b: Builder, x: string) => string[],
  options?: Parameters<typeof specialize>[2],
  dtype: DataType = 'float32',
): Graph {
  const { graph, b } = graphWith({ x: [3, 4] }, dtype);
  for (const name of write(b, 'x')) graph.outputs.push({ name, ...graph.type(name), shape: undefined });
  graph.inputs[0]!.shape = ['batch', 4];
  graph.types.clear();
  return specialize(graph, { x: [3, 4] }, options);
}

describe('specialising', () => {
  it('leaves the source graph alone', () => {
    const { graph, b } = graphWith({ x: [3, 4] });
    const y = b.op('Relu', [b.op('Identity', ['x'])]);
    graph.outputs.push({ name: y, dtype: 'float32', shape: [null, null] });
    graph.inputs[0]!.shape = ['batch', 4];
    const copy = specialize(graph, { x: [2, 4] });
    expect(graph.inputs[0]!.shape).toEqual(['batch', 4]);
    expect(operators(graph)).toEqual(['Identity', 'Relu']);
    expect(copy.outputs).toEqual([{ name: y, dtype: 'float32', shape: [2, 4] }]);
  });

  it.each<[string, (b: Builder, x: string) => string]>([
    ['Identity', (b, x) => b.op('Identity', [x])],
    ['a cast to the same type', (b, x) => b.op('Cast', [x], { to: 1 })],
    ['a reshape to the same shape', (b, x) => b.op('Reshape', [x, b.ints([-1, 4])])],
    ['a reshape there and back', (b, x) => b.op('Reshape', [b.op('Reshape', [x, b.ints([2, 6])]), b.ints([3, 4])])],
    ['an expand to the same shape', (b, x) => b.op('Expand', [x, b.ints([1, 4])])],
    ['a tile by one', (b, x) => b.op('Tile', [x, b.ints([1, 1])])],
    ['a whole slice', (b, x) => b.op('Slice', [x, b.ints([0]), b.ints([99]), b.ints([1])])],
    ['padding with nothing', (b, x) => b.op('Pad', [x, b.ints([0, 0, 0, 0])])],
    ['a concatenation of one', (b, x) => b.op('Concat', [x], { axis: 0 })],
    ['two transposes', (b, x) => b.op('Transpose', [b.op('Transpose', [x])])],
    ['dropout outside training', (b, x) => b.op('Dropout', [x])],
  ])('removes %s', (_, write) => {
    expect(operators(specialized((b, x) => [b.op('Relu', [write(b, x)])]))).toEqual(['Relu']);
  });

  it.each<[string, (b: Builder, x: string) => string, string]>([
    [
      'a slice that reverses',
      (b, x) => b.op('Slice', [x, b.ints([-1]), b.ints([-99]), b.ints([1]), b.ints([-1])]),
      'Slice',
    ],
    [
      'a transpose of a square',
      (b, x) => b.op('Transpose', [b.op('MatMul', [x, b.op('Transpose', [x])])]),
      'Transpose',
    ],
    [
      'dropout in training',
      (b, x) => b.op('Dropout', [x, b.scalar('float32', 0.5), b.constant(Tensor.of('bool', [1], []))]),
      'Dropout',
    ],
    [
      'dropout whose mask is read',
      (b, x) => b.op('Where', [b.ops('Dropout', [x], {}, { outputs: 2 })[1]!, x, x]),
      'Dropout',
    ],
  ])('keeps %s', (_, write, op) => {
    expect(operators(specialized((b, x) => [b.op('Relu', [write(b, x)])]))).toContain(op);
  });

  it('removes And with a constant that is always true, on either side', () => {
    const graph = specialized(
      (b, x) => {
        const yes = b.constant(Tensor.of('bool', [1, 1, 1, 1]));
        return [b.op('Not', [b.op('And', [yes, b.op('And', [x, yes])])])];
      },
      undefined,
      'bool',
    );
    expect(operators(graph)).toEqual(['Not']);
  });

  it('computes once what two nodes compute, but not random draws', () => {
    const twice = (op: string) =>
      operators(specialized((b, x) => [b.op('Add', [b.op(op, [b.op('Relu', [x])]), b.op(op, [b.op('Relu', [x])])])]));
    expect(twice('Tanh')).toEqual(['Relu', 'Tanh', 'Add']);
    expect(twice('RandomNormalLike')).toEqual(['Relu', 'RandomNormalLike', 'RandomNormalLike', 'Add']);
  });

  it('merges equal constants, but not trainable ones', () => {
    const write = (b: Builder, x: string) => {
      for (const name of ['p', 'q']) {
        b.graph.initializers.set(name, Tensor.of('float32', [1, 2, 3, 4]));
        b.graph.types.set(name, { dtype: 'float32', shape: [4] });
      }
      return [b.op('Mul', [b.op('Add', [x, 'p']), b.op('Add', [x, 'q'])])];
    };
    expect([...specialized(write).initializers.keys()]).toEqual(['p']);
    expect([...specialized(write, { trainable: new Set(['p', 'q']) }).initializers.keys()]).toEqual(['p', 'q']);
  });

  it('folds the shape of a trainable tensor, never its values', () => {
    const graph = specialized(
      (b, x) => {
        const w = b.constant(Tensor.of('float32', [1, 2, 3, 4]), 'w');
        const size = b.op('Shape', [w]);
        return [b.op('Add', [b.op('Add', [x, b.op('Neg', [w])]), b.op('Cast', [size], { to: 1 })])];
      },
      { trainable: new Set(['w']) },
    );
    expect(operators(graph)).toEqual(['Neg', 'Add', 'Add']);
  });

  it('keeps the node of a graph output, so that its name stays', () => {
    const graph = specialized((b, x) => [b.op('Shape', [x]), b.op('Reshape', [x, b.ints([3, 4])])]);
    expect(operators(graph)).toEqual(['Shape', 'Reshape']);
  });

  it('writes a transpose between merged axes as one', async () => {
    const { graph, b } = graphWith({ x: [2, 5, 3, 4] });
    const heads = b.op('Transpose', ['x'], { perm: [0, 2, 1, 3] });
    const flat = b.op('Transpose', [b.op('Reshape', [heads, b.ints([6, 5, 4])])], { perm: [0, 2, 1] });
    const y = b.op('Relu', [b.op('Reshape', [flat, b.ints([2, 3, 4, 5])])]);
    graph.outputs.push({ name: y, dtype: 'float32', shape: undefined });
    const x = Tensor.of(
      'float32',
      Array.from({ length: 120 }, (_, i) => i),
      [2, 5, 3, 4],
    );
    const short = specialize(graph, {});
    expect(operators(short)).toEqual(['Transpose', 'Relu']);
    expect((await outputsOf(short, { x })).get(y)!.numbers()).toEqual(
      (await outputsOf(graph, { x })).get(y)!.numbers(),
    );
  });

  it('keeps a transpose that mixes the merged axes', async () => {
    const { graph, b } = graphWith({ x: [2, 3, 4] });
    const flat = b.op('Transpose', [b.op('Reshape', ['x', b.ints([6, 4])])], { perm: [1, 0] });
    const y = b.op('Relu', [b.op('Reshape', [flat, b.ints([4, 2, 3])])]);
    graph.outputs.push({ name: y, dtype: 'float32', shape: undefined });
    expect(operators(specialize(graph, {}))).toEqual(['Reshape', 'Transpose', 'Reshape', 'Relu']);
  });
});

describe('input shapes', () => {
  const source = () => {
    const { graph, b } = graphWith({ a: [2, 3], c: [2, 3], fixed: [3] });
    const y = b.op('Add', [b.op('Add', ['a', 'c']), 'fixed']);
    graph.outputs.push({ name: y, dtype: 'float32', shape: undefined });
    graph.inputs[0]!.shape = ['batch', 3];
    graph.inputs[1]!.shape = ['batch', null];
    return graph;
  };

  it('need not be given where the model fixes them', () => {
    expect(specialize(source(), { a: [5, 3], c: [5, 3] }).shape('fixed')).toEqual([3]);
  });

  it('may be given where the model says nothing', () => {
    const graph = source();
    graph.inputs[1]!.shape = undefined;
    expect(specialize(graph, { a: [5, 3], c: [5, 3] }).shape('c')).toEqual([5, 3]);
  });

  it.each<[string, Record<string, number[]>, RegExp]>([
    ['missing', { a: [2, 3] }, /input 'c' \[batch, \?\] has no shape/],
    ['for no input', { a: [2, 3], c: [2, 3], d: [1] }, /no input 'd'; its inputs are 'a', 'c', 'fixed'/],
    [
      'of another rank',
      { a: [2], c: [2, 3] },
      /'a' is \[batch, 3\], so it cannot be \[2\]: expected 2 dimensions, found 1/,
    ],
    ['against a fixed dimension', { a: [2, 4], c: [2, 3] }, /cannot be \[2, 4\]: dimension 1 is 3/],
    ['that disagree', { a: [2, 3], c: [4, 3] }, /'batch' is 2 in input 'a' but 4 in input 'c'/],
    ['of fractions', { a: [2.5, 3], c: [2, 3] }, /positive integers/],
    ['of nothing', { a: [0, 3], c: [0, 3] }, /positive integers/],
  ])('are refused when %s', (_, shapes, message) => {
    expect(() => specialize(source(), shapes)).toThrow(message);
    expect(() => specialize(source(), shapes)).toThrow(expect.objectContaining({ name: 'UsageError', exitCode: 2 }));
  });
});

it('operators that are not known are named all at once, before anything else is looked at', () => {
  const graph = new Graph();
  graph.inputs = [{ name: 'x', dtype: 'float32', shape: ['n'] }];
  const node = (name: string, op: string, domain: string, x: string, y: string) =>
    graph.nodes.push({ name, op, domain, inputs: [x], outputs: [y], attrs: new Map() });
  node('first', 'Det', '', 'x', 'a');
  node('second', 'Relu', '', 'a', 'b');
  node('third', 'Magic', 'acme', 'b', 'c');
  graph.outputs = [{ name: 'c', dtype: 'float32', shape: undefined }];
  expect(() => specialize(graph, {})).toThrow(
    "2 operators are not supported:\n  Det (node 'first')\n  acme.Magic (node 'third')\nExport the model",
  );
});
