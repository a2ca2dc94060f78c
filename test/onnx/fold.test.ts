import { describe, expect, it } from 'vitest';
import { fold, foldableOperators, foldLimit } from '#ortune/onnx/fold.js';
import type { Graph, Node } from '#ortune/onnx/graph.js';
import { inferTypes } from '#ortune/onnx/shapes.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { outputsOf } from './graphs.js';
import { describeCase, nodeOf, type OperatorCase, operatorCases, x } from './operator-cases.js';

function evaluate(c: OperatorCase): { graph: Graph; node: Node; results: Tensor[] | undefined } {
  const { graph, node } = nodeOf(c);
  const types = inferTypes(graph, node);
  graph.outputs = node.outputs.map((name, i) => ({ name, dtype: types[i]!.dtype, shape: undefined }));
  return { graph, node, results: fold(graph, node, types, (value) => graph.initializers.get(value)) };
}

const folded = operatorCases.filter((c) => evaluate(c).results);
const values = (c: OperatorCase) => evaluate(c).results?.map((t) => t.numbers());

describe('a folded constant', () => {
  it.each(folded.map((c) => [describeCase(c), c] as const))('has the bits the runtime computes: %s', async (_, c) => {
    const { graph, node, results } = evaluate(c);
    const expected = await outputsOf(graph, {});
    for (const [i, name] of node.outputs.entries()) {
      expect(results![i]!.dtype).toBe(expected.get(name)!.dtype);
      expect([...results![i]!.shape]).toEqual([...expected.get(name)!.shape]);
      expect(results![i]!.data()).toEqual(expected.get(name)!.data());
    }
  });

  it('is tested for every operator that is evaluated', () => {
    const tested = new Set(folded.map((c) => c.op));
    expect(foldableOperators.filter((op) => !tested.has(op))).toEqual([]);
  });

  it('keeps the ends of int64', () => {
    const max = 9223372036854775807n;
    const ends = Tensor.of('int64', [max, -max - 1n]);
    expect(evaluate({ op: 'Min', inputs: [ends, Tensor.of('int64', [5, 5])] }).results![0]!.data()).toEqual(
      BigInt64Array.of(5n, -max - 1n),
    );
    expect(evaluate({ op: 'Max', inputs: [ends, Tensor.of('int64', [5, 5])] }).results![0]!.data()).toEqual(
      BigInt64Array.of(max, 5n),
    );
  });

  it('may be float16 where elements only move', () => {
    const half = Tensor.of('float16', [1, 2, 3, 4, 5, 6], [2, 3]);
    expect(values({ op: 'Transpose', inputs: [half] })).toEqual([Tensor.of('float16', [1, 4, 2, 5, 3, 6]).numbers()]);
  });

  it('may be a shape of a value that is no constant', () => {
    const { graph, node } = evaluate({ op: 'Shape', inputs: [x(2, 3)] });
    expect(fold(graph, node, inferTypes(graph, node), () => undefined)![0]!.numbers()).toEqual([2, 3]);
  });
});

const half = Tensor.of('float16', [1, 2]);
const big = Tensor.of('int64', [2n ** 62n]);
const declined: [string, OperatorCase][] = [
  ['what is not correctly rounded everywhere', { op: 'Exp', inputs: [x(2)] }],
  ['a sum of floats', { op: 'ReduceSum', inputs: [x(2)] }],
  ['other powers', { op: 'Pow', inputs: [x(2), Tensor.scalar('float32', 3)] }],
  ['a root that is rounded', { op: 'Pow', inputs: [Tensor.of('float32', [4, 3]), Tensor.scalar('float32', 0.5)] }],
  ['a range of fractions', { op: 'Range', inputs: [0, 1, 0.25].map((v) => Tensor.scalar('float32', v)) }],
  ['a division by zero', { op: 'Div', inputs: [Tensor.of('int64', [1]), Tensor.of('int64', [0])] }],
  ['integers beyond 2^53', { op: 'Add', inputs: [big, Tensor.of('int64', [1])] }],
  ['an index outside', { op: 'Gather', inputs: [x(2), Tensor.of('int64', [2])] }],
  ['an index outside, element by element', { op: 'GatherElements', inputs: [x(2), Tensor.of('int64', [-3])] }],
  ['float16 arithmetic', { op: 'Add', inputs: [half, half] }],
  ['a float16 cast', { op: 'Cast', inputs: [half], attrs: { to: 1 } }],
  ['a cast to float16', { op: 'Cast', inputs: [x(2)], attrs: { to: 10 } }],
  ['a NaN that becomes an integer', { op: 'Cast', inputs: [Tensor.of('float32', [Number.NaN])], attrs: { to: 7 } }],
  ['other domains', { op: 'Gelu', domain: 'com.microsoft', inputs: [x(2)] }],
  ['large results', { op: 'ConstantOfShape', inputs: [Tensor.of('int64', [foldLimit + 1])] }],
];

describe('left to the runtime', () => {
  it.each(declined)('is %s', (_, c) => {
    expect(evaluate(c).results).toBeUndefined();
  });

  it('is a node with an input that is no constant', () => {
    const { graph, node } = evaluate({ op: 'Add', inputs: [x(2), x(2)] });
    const constant = (value: string) => (value === 'x0' ? graph.initializers.get(value) : undefined);
    expect(fold(graph, node, inferTypes(graph, node), constant)).toBeUndefined();
  });
});
