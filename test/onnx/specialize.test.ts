import { describe, expect, it } from 'vitest';
import type { Builder } from '#ortune/onnx/builder.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import type { Graph } from '#ortune/onnx/graph.js';
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

  it('takes random numbers, which have no inputs', () => {
    const graph = specialized((b, x) => [b.op('Add', [x, b.op('RandomNormal', [], { shape: [3, 4] })])]);
    expect(operators(graph)).toEqual(['RandomNormal', 'Add']);
  });

  it('pads all axes where the file names some', () => {
    const { nodes, initializers } = specialized((b, x) => [
      b.op('Pad', [x, b.ints([1, 2]), b.scalar('float32', 5), b.ints([-1])]),
    ]);
    expect(nodes.map(({ op, inputs }) => [op, inputs.length])).toEqual([['Pad', 3]]);
    expect(initializers.get(nodes[0]!.inputs[1]!)!.numbers()).toEqual([0, 1, 0, 2]);
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
    ['a pad that shifts', (b, x) => b.op('Pad', [x, b.ints([1, 0, -1, 0])]), 'Pad'],
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

  it.each([
    ['the last axis', 2, ['Softmax']],
    ['two axes', 1, ['Flatten', 'Softmax', 'Reshape']],
  ])('joins a softmax of flattened rows over %s', (_, axis, expected) => {
    const graph = specialized((b, x) => {
      const scores = b.op('Exp', [b.op('Reshape', [x, b.ints([3, 2, 2])])]);
      const rows = b.op('Softmax', [b.op('Flatten', [scores], { axis })]);
      return [b.op('Relu', [b.op('Reshape', [rows, b.ints([3, 2, 2])])])];
    });
    expect(operators(graph).slice(2, -1)).toEqual(expected);
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

  it('drops what leaves the other operand as it is', () => {
    const graph = specialized((b, x) => {
      const nothing = b.constant(Tensor.of('float32', [0, 0, 0], [3, 1]), 'nothing');
      return [b.op('Relu', [b.op('Add', [nothing, b.op('Add', [x, nothing])])])];
    });
    expect(operators(graph)).toEqual(['Relu']);
  });

  it('keeps zeros that train or that broadcast', () => {
    const graph = specialized(
      (b, x) => {
        const bias = b.constant(Tensor.of('float32', [0]), 'bias');
        const wider = b.constant(Tensor.of('float32', [0, 0], [2, 1, 1]), 'wider');
        return [b.op('Relu', [b.op('Add', [b.op('Add', [x, bias]), wider])])];
      },
      { trainable: new Set(['bias']) },
    );
    expect(operators(graph)).toEqual(['Add', 'Add', 'Relu']);
  });

  it.each<[string, number[], number[], number[], number[], string[]]>([
    ['of merged axes', [2, 3, 5, 4], [6, 5, 4], [0, 2, 1], [2, 3, 4, 5], ['Transpose']],
    ['of merged axes as a whole', [2, 3, 4], [6, 4], [1, 0], [4, 2, 3], ['Transpose']],
    ['of heads that are split before it', [5, 2, 12], [5, 6, 4], [1, 0, 2], [2, 3, 5, 4], ['Reshape', 'Transpose']],
  ])('writes a transpose %s as one', async (_, from, merged, perm, to, ops) => {
    const { graph, b } = graphWith({ x: from });
    const flat = b.op('Transpose', [b.op('Reshape', ['x', b.ints(merged)])], { perm });
    const y = b.op('Relu', [b.op('Reshape', [flat, b.ints(to)])]);
    graph.outputs.push({ name: y, dtype: 'float32', shape: undefined });
    const count = from.reduce((n, d) => n * d, 1);
    const x = Tensor.of(
      'float32',
      Array.from({ length: count }, (_, i) => i),
      from,
    );
    const short = specialize(graph, {});
    expect(operators(short)).toEqual([...ops, 'Relu']);
    expect((await outputsOf(short, { x })).get(y)!.numbers()).toEqual(
      (await outputsOf(graph, { x })).get(y)!.numbers(),
    );
  });

  it('keeps a reshape that merges transposed axes', async () => {
    const { graph, b } = graphWith({ x: [2, 3, 4] });
    const flat = b.op('Transpose', [b.op('Reshape', ['x', b.ints([6, 4])])], { perm: [1, 0] });
    const y = b.op('Relu', [b.op('Reshape', [flat, b.ints([2, 12])])]);
    graph.outputs.push({ name: y, dtype: 'float32', shape: undefined });
    expect(operators(specialize(graph, {}))).toEqual(['Reshape', 'Transpose', 'Reshape', 'Relu']);
  });
});

describe('an input without elements', () => {
  const withCache = () => {
    const { graph, b } = graphWith({ x: [2, 3, 4], past: [2, 5, 4] });
    const all = b.op('Concat', ['past', 'x'], { axis: 1 });
    const y = b.op('Add', [all, b.op('Cast', [b.op('Shape', ['past'], { start: 1, end: 2 })], { to: 1 })]);
    graph.outputs.push({ name: y, ...graph.type(y), shape: undefined });
    for (const input of graph.inputs) input.shape = ['batch', input.name === 'x' ? 3 : 'past', 4];
    return graph;
  };

  it('is a constant, and what it is joined with is the other part', () => {
    const graph = specialize(withCache(), { x: [2, 3, 4], past: [2, 0, 4] });
    expect(graph.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(graph.nodes.map(({ op, inputs }) => [op, inputs[0]])).toEqual([['Add', 'x']]);
  });

  it('is refused where the batch would be empty, or the file has elements', () => {
    expect(() => specialize(withCache(), { x: [0, 3, 4], past: [0, 2, 4] })).toThrow(/must be positive integers/);
    expect(() => specialize(withCache(), { x: [2, 3, 4], past: [2, 2, 0] })).toThrow(/must be positive integers/);
  });
});
