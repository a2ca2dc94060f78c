// What counts as attention and what does not, in forms written by hand; the fused graph computes the same through the
// stock runtime (by definition).

import { describe, expect, it } from 'vitest';
import { fuseAttention } from '#ortune/lower/attention.js';
import { lower } from '#ortune/lower/lower.js';
import { Builder, float } from '#ortune/onnx/builder.js';
import { attrFloat, attrInt, type Graph, prune, type Value } from '#ortune/onnx/graph.js';
import { recognisePatterns } from '#ortune/onnx/restore/restore.js';
import { elementCount, Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { addOutput, graphWith } from '../onnx/graphs.js';
import { runStock } from '../support/onnxruntime.js';

// 2 samples, 3 queries, 5 keys, 2 heads of 4 channels.
const sizes = { q: [2, 3, 8], k: [2, 5, 8], v: [2, 5, 8], mask: [2, 1, 1, 5], other: [1, 2, 3, 5] };
const lowest = -3.4028234663852886e38;

/** The parts of a hand-written attention; each may be written another way. */
interface Parts {
  scores: (b: Builder, q: Value, k: Value) => Value;
  bias: (b: Builder, scores: Value) => Value;
  weights: (b: Builder, softmax: Value) => Value;
  mix: (b: Builder, weights: Value, v: Value) => Value;
  finish: (b: Builder, mixed: Value) => Value;
  axis: number;
  also: (b: Builder, values: Record<'scores' | 'biased' | 'softmax' | 'mixed', Value>) => Value[];
}

const number = (b: Builder, value: number) => b.scalar(b.type('q').dtype, value);
const swap = (b: Builder, x: Value) => b.op('Transpose', [x], { perm: [0, 1, 3, 2] });
const split = (b: Builder, x: Value) => b.op('Reshape', [x, b.ints([0, -1, 2, 4])]);
const forward = (b: Builder, x: Value, perm = [0, 2, 1, 3]) => b.op('Transpose', [x], { perm });
const boolean = (b: Builder, x: Value) => b.op('Less', [x, number(b, 0)]);

const usual: Parts = {
  scores: (b, q, k) => b.op('MatMul', [b.op('Mul', [q, number(b, 0.5)]), swap(b, k)]),
  bias: (b, scores) => b.op('Add', [scores, 'mask']),
  weights: (_, softmax) => softmax,
  mix: (b, weights, v) => b.op('MatMul', [weights, v]),
  finish: (b, mixed) => b.op('Reshape', [forward(b, mixed), b.ints([2, 3, 8])]),
  axis: -1,
  also: () => [],
};

function written(parts: Partial<Parts>, dtype: 'float32' | 'float64' = 'float32') {
  const { scores, bias, weights, mix, finish, axis, also } = { ...usual, ...parts };
  const { graph, b } = graphWith(sizes, dtype);
  graph.inputs.push({ name: 'key', dtype: 'uint32', shape: [4] });
  graph.types.set('key', { dtype: 'uint32', shape: [4] });
  const [q, k, v] = ['q', 'k', 'v'].map((x) => forward(b, split(b, x))) as [Value, Value, Value];
  const product = scores(b, q, k);
  const biased = bias(b, product);
  const softmax = b.op('Softmax', [biased], { axis });
  const mixed = mix(b, weights(b, softmax), v);
  for (const y of [finish(b, mixed), ...also(b, { scores: product, biased, softmax, mixed })]) addOutput(graph, y);
  const outputs = graph.outputs;
  recognisePatterns(graph);
  graph.outputs = outputs;
  return graph;
}

/** Fuses and checks that the outputs stay; returns the number fused. */
async function fuse(graph: Graph, trained: Value[] = []): Promise<number> {
  const copy = graph.clone();
  const count = fuseAttention(new Builder(copy), new Set(trained));
  prune(copy);
  expect(copy.nodes.filter(({ op }) => op === 'Attention')).toHaveLength(count);
  const known = new Set([...copy.inputs.map(({ name }) => name), ...copy.initializers.keys(), '']);
  for (const node of copy.nodes) {
    for (const x of node.inputs) expect(known.has(x), `${x} before ${node.name}`).toBe(true);
    for (const y of node.outputs) known.add(y);
  }
  const feeds = new Map(
    Object.entries(sizes).map(([name, shape], i) => {
      const values = Array.from(normals(8, i, elementCount(shape)));
      return [name, Tensor.of(graph.type(name).dtype, values, shape)];
    }),
  );
  feeds.set('key', Tensor.of('uint32', [1, 2, 3, 4]));
  const [before, after] = [graph.clone(), copy];
  for (const g of [before, after]) lower(g, new Set());
  const [plain, fused] = [await runStock(before, feeds), await runStock(after, feeds)];
  for (const { name } of graph.outputs)
    for (const [i, x] of fused.get(name)!.numbers().entries()) expect(x).toBeCloseTo(plain.get(name)!.numbers()[i]!, 5);
  return count;
}

const drop = (b: Builder, x: Value) => b.op('Dropout', [x, 'key'], { ratio: float(0.25), id: 6 }, { domain: 'ortune' });

const cappedBy = (b: Builder, x: Value, cap: number) =>
  b.op('Mul', [b.op('Tanh', [b.op('Div', [x, number(b, cap)])]), number(b, cap)]);
const withSink = (b: Builder, scores: Value) => {
  const sink = b.op('Expand', [b.constant(Tensor.of('float32', [0.5, -1], [1, 2, 1, 1])), b.ints([2, 2, 3, 1])]);
  return b.op('Concat', [scores, sink], { axis: 3 });
};
const withoutSink = (b: Builder, softmax: Value) =>
  b.op('Slice', [softmax, b.ints([0]), b.ints([-1]), b.ints([3]), b.ints([1])]);
const withoutMaximum = (b: Builder, x: Value) =>
  b.op('Sub', [x, b.op('ReduceMax', [x, b.ints([-1])], { keepdims: 1 })]);

describe('attention is found with', () => {
  it.each<[string, Partial<Parts>]>([
    ['a scale on q', {}],
    [
      'a root of the scale on q and on k',
      {
        scores: (b, q, k) =>
          b.op('MatMul', [b.op('Mul', [q, number(b, 0.7)]), swap(b, b.op('Mul', [k, number(b, 0.7)]))]),
      },
    ],
    ['a division afterwards', { scores: (b, q, k) => b.op('Div', [b.op('MatMul', [q, swap(b, k)]), number(b, 2)]) }],
    ['no scale', { scores: (b, q, k) => b.op('MatMul', [q, swap(b, k)]) }],
    ['no mask', { bias: (_, scores) => scores }],
    ['the mask first', { bias: (b, scores) => b.op('Add', ['mask', scores]) }],
    ['two masks', { bias: (b, scores) => b.op('Add', [b.op('Add', ['other', scores]), 'mask']) }],
    [
      'a mask of lower rank',
      { bias: (b, scores) => b.op('Add', [scores, b.op('Reshape', ['other', b.ints([2, 3, 5])])]) },
    ],
    [
      'an expanded mask',
      { bias: (b, scores) => b.op('Add', [scores, b.op('Expand', ['mask', b.ints([2, 2, 3, 5])])]) },
    ],
    [
      'scores replaced where masked',
      { bias: (b, scores) => b.op('Where', [boolean(b, 'mask'), number(b, lowest), scores]) },
    ],
    [
      'scores kept where visible, by an expanded mask',
      {
        bias: (b, scores) => {
          const visible = b.op('Expand', [boolean(b, 'other'), b.ints([2, 2, 3, 5])]);
          return b.op('Add', [b.op('Where', [visible, scores, number(b, -1e38)]), 'mask']);
        },
      },
    ],
    [
      'scores replaced twice, all of them in some rows',
      {
        bias: (b, scores) => {
          const first = b.op('Where', [boolean(b, 'mask'), number(b, lowest), scores]);
          return b.op('Where', [boolean(b, 'other'), number(b, lowest), first]);
        },
      },
    ],
    ['dropout', { weights: drop }],
    [
      'the batch as second axis of the keys',
      {
        scores: (b, q) => {
          const keys = b.op('Neg', [forward(b, split(b, 'k'), [1, 0, 2, 3])]);
          return b.op('MatMul', [q, forward(b, keys, [1, 2, 3, 0])]);
        },
      },
    ],
    ['the batch as second axis of the result', { finish: (b, mixed) => forward(b, mixed, [2, 0, 1, 3]) }],
    ['mixed values that are read elsewhere too', { also: (b, { mixed }) => [b.op('Neg', [mixed])] }],
    ['a result whose heads stay in front', { finish: (b, mixed) => b.op('Neg', [mixed]) }],
    ['a result that is transposed otherwise', { finish: (b, mixed) => forward(b, mixed, [1, 0, 2, 3]) }],
    [
      'operands whose heads stand in front',
      {
        scores: (b, q, k) => b.op('MatMul', [b.op('Tanh', [q]), swap(b, b.op('Tanh', [k]))]),
        mix: (b, p) => b.op('MatMul', [p, b.op('Reshape', ['v', b.ints([2, 2, 5, 4])])]),
      },
    ],
    [
      'a cap',
      {
        scores: (b, q, k) => {
          const bent = b.op('Tanh', [b.op('Div', [usual.scores(b, q, k), number(b, 1.5)])]);
          return b.op('Mul', [bent, number(b, 1.5)]);
        },
      },
    ],
    [
      'a cap below a scale of its own',
      {
        scores: (b, q, k) => {
          const scaled = b.op('Mul', [b.op('Mul', [usual.scores(b, q, k), number(b, 0.5)]), number(b, 3)]);
          return b.op('Mul', [number(b, 0.7), b.op('Tanh', [scaled])]);
        },
      },
    ],
    ['a maximum that is taken off first', { bias: (b, scores) => withoutMaximum(b, b.op('Add', [scores, 'mask'])) }],
    ['sinks', { bias: (b, scores) => withSink(b, b.op('Add', [scores, 'mask'])), weights: withoutSink }],
    [
      'sinks, a maximum taken off first, and dropout',
      {
        bias: (b, scores) => withoutMaximum(b, withSink(b, scores)),
        weights: (b, softmax) => drop(b, withoutSink(b, softmax)),
      },
    ],
    [
      'a mask of windows, which are apart while it is added',
      {
        bias: (b, scores) => {
          const apart = b.op('Reshape', [scores, b.ints([1, 2, 2, 3, 5])]);
          const mask = b.op('Reshape', ['mask', b.ints([1, 2, 1, 1, 5])]);
          return b.op('Reshape', [b.op('Add', [apart, mask]), b.ints([2, 2, 3, 5])]);
        },
      },
    ],
    ['its result as rows', { finish: (b, mixed) => b.op('Reshape', [forward(b, mixed), b.ints([6, 8])]) }],
  ])('%s', async (_, parts) => {
    expect(await fuse(written(parts))).toBe(1);
  });
});

describe('attention stays in parts where', () => {
  it.each<[string, Partial<Parts>]>([
    ['the scores are read elsewhere', { also: (b, { scores }) => [b.op('Neg', [scores])] }],
    ['the biased scores are read elsewhere', { also: (b, { biased }) => [b.op('Neg', [biased])] }],
    ['the weights are an output', { also: (_, { softmax }) => [softmax] }],
    ['the softmax is over the queries', { axis: 2 }],
    ['the weights are scaled', { mix: (b, p, v) => b.op('Mul', [b.op('MatMul', [p, v]), number(b, 2)]) }],
    [
      'the weights are transposed',
      {
        scores: (b, q) => b.op('MatMul', [q, swap(b, q)]),
        bias: (_, scores) => scores,
        mix: (b, p) => b.op('MatMul', [swap(b, p), forward(b, split(b, 'q'))]),
      },
    ],
    ['the values are scaled', { mix: (b, p, v) => b.op('MatMul', [p, b.op('Mul', [v, number(b, 2)])]) }],
    [
      'queries and keys have other heads',
      {
        scores: (b, q) => b.op('MatMul', [q, swap(b, forward(b, b.op('Reshape', ['k', b.ints([2, 10, 1, 4])])))]),
        bias: (_, scores) => scores,
        mix: (b, p) => b.op('MatMul', [p, forward(b, b.op('Reshape', ['v', b.ints([2, 10, 1, 4])]))]),
      },
    ],
    [
      'the queries are no heads',
      {
        scores: (b, _, k) =>
          b.op('MatMul', [b.op('Expand', ['other', b.ints([2, 2, 3, 5])]), b.op('MatMul', [k, swap(b, k)])]),
      },
    ],
    [
      'a mask enlarges the scores',
      {
        scores: (b, q, k) => b.op('ReduceMax', [b.op('MatMul', [q, swap(b, k)]), b.ints([2])], { keepdims: 1 }),
        bias: (b, scores) => b.op('Add', [scores, 'other']),
      },
    ],
    ['a cap is negative', { scores: (b, q, k) => cappedBy(b, usual.scores(b, q, k), -1.5) }],
    [
      'the capped scores are read elsewhere',
      {
        scores: (b, q, k) => b.op('Tanh', [usual.scores(b, q, k)]),
        bias: (b, scores) => b.op('Mul', [scores, number(b, 2)]),
        also: (b, { scores }) => [b.op('Neg', [scores])],
      },
    ],
    [
      'more than a sink is cut off',
      {
        bias: withSink,
        weights: (b, softmax) => b.op('Slice', [softmax, b.ints([1]), b.ints([6]), b.ints([3])]),
      },
    ],
    [
      'another column than a sink stands beside the scores',
      {
        bias: (b, scores) =>
          b.op('Concat', [scores, b.op('Slice', [scores, b.ints([0]), b.ints([1]), b.ints([3])])], { axis: 3 }),
        weights: withoutSink,
      },
    ],
    ['the scores are their own bias', { bias: (b, scores) => b.op('Add', [scores, scores]) }],
    [
      'the number of masked scores is not low',
      { bias: (b, scores) => b.op('Where', [boolean(b, 'mask'), number(b, -10), scores]) },
    ],
    [
      'other scores stand in for masked ones',
      { bias: (b, scores) => b.op('Where', [boolean(b, 'mask'), 'other', scores]) },
    ],
  ])('%s', async (_, parts) => {
    expect(await fuse(written(parts))).toBe(0);
  });

  it('keys and values differ in length of heads', async () => {
    const narrow = (b: Builder, p: Value) => {
      const v = forward(b, b.op('Reshape', ['v', b.ints([2, 5, 4, 2])]));
      const half = b.op('Slice', [v, b.ints([0]), b.ints([2]), b.ints([1])]);
      return b.op('MatMul', [p, half]);
    };
    const finish = (b: Builder, mixed: Value) => b.op('Reshape', [forward(b, mixed), b.ints([2, 3, 4])]);
    expect(await fuse(written({ mix: narrow, finish }))).toBe(0);
  });

  it('it is computed in float64', async () => {
    expect(await fuse(written({}, 'float64'))).toBe(0);
  });
});

describe('a bias that is trained', () => {
  const inputsOf = (parts: Partial<Parts>, trained: Value[]) => {
    const graph = written(parts);
    fuseAttention(new Builder(graph), new Set(trained));
    return graph.nodes.find(({ op }) => op === 'Attention')?.inputs.slice(3);
  };

  it('is an input of its own', async () => {
    const parts = { bias: (b: Builder, scores: Value) => b.op('Add', [scores, b.op('Tanh', ['other'])]) };
    expect(await fuse(written(parts), ['other'])).toBe(1);
    expect(inputsOf(parts, ['other'])).toEqual(['', '', expect.stringContaining('Tanh')]);
    expect(inputsOf(parts, ['mask', 'q'])).toEqual([expect.stringContaining('Tanh')]);
  });

  it('is apart from the mask that a file adds to it first', async () => {
    const parts = { bias: (b: Builder, scores: Value) => b.op('Add', [b.op('Add', ['mask', 'other']), scores]) };
    expect(await fuse(written(parts), ['other'])).toBe(1);
    expect(inputsOf(parts, ['other'])).toEqual(['mask', '', 'other']);
  });

  it('is repeated where it broadcasts', async () => {
    const parts = { bias: (b: Builder, scores: Value) => b.op('Add', [scores, 'mask']) };
    expect(await fuse(written(parts), ['mask'])).toBe(1);
    expect(inputsOf(parts, ['mask'])).toEqual(['', '', expect.stringContaining('Expand')]);
  });
});

it('keys that something else reads transposed are found too', async () => {
  let keys = '';
  const scores = (b: Builder, q: Value) => {
    keys = forward(b, split(b, 'k'), [0, 2, 3, 1]);
    return b.op('MatMul', [q, keys]);
  };
  expect(await fuse(written({ scores, also: (b) => [b.op('Neg', [keys])] }))).toBe(1);
});

it('the fused node has the heads, the whole scale, and the mask of its dropout', () => {
  const graph = written({ weights: drop });
  fuseAttention(new Builder(graph), new Set());
  const node = graph.nodes.find(({ op }) => op === 'Attention')!;
  expect(['heads', 'id'].map((name) => attrInt(node, name, -1))).toEqual([2, 6]);
  expect(['scale', 'ratio'].map((name) => attrFloat(node, name, -1))).toEqual([0.5, 0.25]);
  expect(node.inputs.slice(3)).toEqual(['mask', 'key']);
});

it('layers share the sum of their masks', async () => {
  const graph = written({
    bias: (b, scores) => b.op('Add', [b.op('Add', ['other', scores]), 'mask']),
    also: (b) => {
      const [q, k, v] = ['q', 'k', 'v'].map((x) => forward(b, split(b, x))) as [Value, Value, Value];
      const scores = b.op('Add', [b.op('Add', ['other', usual.scores(b, q, k)]), 'mask']);
      return [usual.finish(b, usual.mix(b, b.op('Softmax', [scores], { axis: 3 }), v))];
    },
  });
  expect(await fuse(graph)).toBe(2);
  fuseAttention(new Builder(graph), new Set());
  const [one, two] = graph.nodes.filter(({ op }) => op === 'Attention');
  expect(one!.inputs[3]).toBe(two!.inputs[3]);
});
