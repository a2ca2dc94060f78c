// Query, key and value of one linear layer, in the forms that exporters take them apart: each comes from a split of the
// layer's output, and is what it was.

import { describe, expect, it } from 'vitest';
import type { Builder } from '#ortune/onnx/builder.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { runStock } from '../support/onnxruntime.js';
import { addOutput, graphWith } from './graphs.js';

type Form = (b: Builder, packed: string) => string[];

/** 2 samples, 5 tokens, 3 parts of 2 heads of 4 channels, taken apart and told apart by an operator each. */
async function specialized(shape: number[], form: Form): Promise<string[]> {
  const { graph, b } = graphWith({ x: shape });
  const packed = b.op('Neg', ['x']);
  for (const [i, part] of form(b, packed).entries()) addOutput(graph, b.op(['Exp', 'Tanh', 'Sigmoid'][i]!, [part]));
  const short = specialize(graph, {});
  const count = shape.reduce((n, d) => n * d, 1);
  const values = Tensor.of(
    'float32',
    Array.from({ length: count }, (_, i) => Math.sin(i)),
    shape,
  );
  const [before, after] = [
    await runStock(graph, new Map([['x', values]])),
    await runStock(short, new Map([['x', values]])),
  ];
  for (const { name } of graph.outputs) expect(after.get(name)!.numbers()).toEqual(before.get(name)!.numbers());
  return short.nodes.map(({ op }) => op).filter((op) => !['Neg', 'Exp', 'Tanh', 'Sigmoid'].includes(op));
}

const heads = (b: Builder, x: string) =>
  b.op('Transpose', [b.op('Reshape', [x, b.ints([2, 5, 3, 2, 4])])], { perm: [2, 0, 3, 1, 4] });
const slice = (b: Builder, x: string, start: number, end: number) =>
  b.op('Slice', [x, b.ints([start]), b.ints([end]), b.ints([0])]);
const squeeze = (b: Builder, x: string) => b.op('Squeeze', [x, b.ints([0])]);

const expected = ['Split', 'Reshape', 'Transpose', 'Reshape', 'Transpose', 'Reshape', 'Transpose'];

describe('a packed projection is split before it is transposed', () => {
  it.each<[string, Form]>([
    ['Gather', (b, x) => [0, 1, -1].map((i) => b.op('Gather', [heads(b, x), b.scalar('int64', i)]))],
    ['Slice', (b, x) => [0, 1, 2].map((i) => squeeze(b, slice(b, heads(b, x), i, i + 1)))],
    ['Split', (b, x) => b.ops('Split', [heads(b, x)], { num_outputs: 3 }, { outputs: 3 }).map((y) => squeeze(b, y))],
  ])('when it is taken apart by %s', async (_, form) => {
    const ops = await specialized([2, 5, 24], form);
    expect(ops.toSorted()).toEqual(expected.toSorted());
  });

  it('with the batch as second axis, the parts behind it', async () => {
    const ops = await specialized([5, 2, 24], (b, x) => {
      const parts = b.op('Transpose', [b.op('Reshape', [x, b.ints([1, 5, 2, 3, 8])])], { perm: [3, 1, 2, 0, 4] });
      return [0, 1, 2].map((i) => b.op('Gather', [b.op('Squeeze', [parts, b.ints([3])]), b.scalar('int64', i)]));
    });
    expect(ops[0]).toBe('Split');
    expect(ops).not.toContain('Gather');
  });

  it('without a transpose', async () => {
    const ops = await specialized([2, 5, 16], (b, x) => {
      const parts = b.op('Reshape', [x, b.ints([2, 5, 2, 2, 4])]);
      return [0, 1].map((i) => b.op('Gather', [parts, b.scalar('int64', i)], { axis: 2 }));
    });
    expect(ops).toEqual(['Split', 'Reshape', 'Reshape']);
  });
});

describe('left as it is', () => {
  it.each<[string, number[], Form, string]>([
    [
      'is one of many tokens',
      [2, 20],
      (b, x) => [b.op('Gather', [b.op('Reshape', [x, b.ints([2, 5, 4])]), b.scalar('int64', 0)], { axis: 1 })],
      'Gather',
    ],
    ['is several positions at once', [2, 5, 24], (b, x) => [slice(b, heads(b, x), 1, 3)], 'Slice'],
    [
      'is a part of an axis that was there before',
      [3, 2, 5],
      (b, x) => [b.op('Gather', [b.op('Relu', [x]), b.scalar('int64', 0)])],
      'Gather',
    ],
  ])('what %s', async (_, shape, form, op) => {
    const ops = await specialized(shape, form);
    expect(ops).toContain(op);
    expect(ops).not.toContain('Split');
  });
});
