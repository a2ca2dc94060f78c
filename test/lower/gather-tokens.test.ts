import { expect, test } from 'vitest';
import { gatherTokens } from '#ortune/lower/gather-tokens.js';
import { Builder, float } from '#ortune/onnx/builder.js';
import { Graph, prune, type Value } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { runStock } from '../support/onnxruntime.js';

const positions = [1, 3, 3, 5];

/** A graph over x [batch, length, width], and what `build` makes of it. */
function graphOf(build: (b: Builder, x: Value, weight: (...shape: number[]) => Value) => Value, shape = [2, 3, 4]) {
  const graph = new Graph();
  const input = (name: string, dtype: 'float32' | 'int64', dims: number[]) => {
    graph.inputs.push({ name, dtype, shape: dims });
    graph.types.set(name, { dtype, shape: dims });
  };
  input('x', 'float32', shape);
  input('positions', 'int64', [positions.length]);
  const b = new Builder(graph);
  let stream = 0;
  const weight = (...dims: number[]): Value =>
    b.constant(
      Tensor.view(
        'float32',
        dims,
        normals(
          1,
          stream++,
          dims.reduce((n, d) => n * d, 1),
        ),
      ),
      'weight',
    );
  const value = build(b, 'x', weight);
  graph.outputs = [{ name: value, ...b.type(value), shape: [...b.shape(value)] }];
  return { b, graph, value };
}

async function valuesOf(graph: Graph, name: Value, shape = [2, 3, 4]) {
  prune(graph);
  const inputs = new Map([
    [
      'x',
      Tensor.view(
        'float32',
        shape,
        normals(
          9,
          0,
          shape.reduce((n, d) => n * d, 1),
        ),
      ),
    ],
    ['positions', Tensor.of('int64', positions)],
  ]);
  return (await runStock(graph, inputs)).get(name)!;
}

/** The narrowed value against the rows of the whole one; returns the rewritten graph. */
async function compare(build: Parameters<typeof graphOf>[0], shape = [2, 3, 4]): Promise<Graph> {
  const whole = graphOf(build, shape);
  const all = (await valuesOf(whole.graph, whole.value, shape)).numbers();
  const { b, graph, value } = graphOf(build, shape);
  const narrowed = gatherTokens(b, value, 'positions');
  const width = b.shape(narrowed)[1]!;
  expect(b.shape(narrowed)).toEqual([positions.length, width]);
  const found = (await valuesOf(graph, narrowed, shape)).numbers();
  const expected = positions.flatMap((p) => all.slice(p * width, (p + 1) * width));
  for (const [i, e] of expected.entries()) expect(found[i]).toBeCloseTo(e, 5);
  return graph;
}

const shapes = (graph: Graph, op: string) =>
  graph.nodes.filter((node) => node.op === op).map((node) => graph.shape(node.outputs[0]!).join());

test('a head is computed at the positions alone', async () => {
  const graph = await compare((b, x, weight) => {
    const dense = b.op('Add', [weight(5), b.op('MatMul', [x, weight(4, 5)])]);
    const active = b.op('Gelu', [dense]);
    const norm = b.op('LayerNormalization', [active, weight(5), weight(5)], { axis: -1, epsilon: float(1e-5) });
    const decoder = b.op('Transpose', [weight(7, 5)], { perm: [1, 0] });
    return b.op('Add', [b.op('MatMul', [norm, decoder]), weight(1, 1, 7)]);
  });
  expect(shapes(graph, 'Gather')).toEqual(['4,4']);
  expect(shapes(graph, 'MatMul')).toEqual(['4,5', '4,7']);
  expect(shapes(graph, 'LayerNormalization')).toEqual(['4,5']);
});

test('both operands of a residual are', async () => {
  const graph = await compare((b, x, weight) => {
    const before = b.op('Softmax', [x], { axis: 1 });
    return b.op('Add', [b.op('MatMul', [before, weight(4, 4)]), before]);
  });
  expect(shapes(graph, 'Softmax')).toEqual(['2,3,4']);
  expect(shapes(graph, 'Gather')).toEqual(['4,4']);
});

test('rows that an exporter laid out as a matrix are', async () => {
  const graph = await compare((b, x, weight) => {
    const rows = b.op('Reshape', [x, b.ints([6, 4])]);
    const product = b.op('Gemm', [rows, weight(5, 4), weight(5)], { transB: 1 });
    return b.op('Reshape', [product, b.ints([2, 3, 5])]);
  });
  expect(shapes(graph, 'Gemm')).toEqual(['4,5']);
});

test('a normalisation whose axis is counted from the front is', async () => {
  const graph = await compare((b, x, weight) => {
    const norm = b.op('LayerNormalization', [x, weight(4)], { axis: 2, epsilon: float(1e-5) });
    return b.op('MatMul', [norm, weight(4, 3)]);
  });
  expect(shapes(graph, 'LayerNormalization')).toEqual(['4,4']);
});

test('what others read in full stays whole', async () => {
  const graph = await compare((b, x, weight) => {
    const dense = b.op('MatMul', [x, weight(4, 4)]);
    const mean = b.op('ReduceMean', [dense, b.ints([1])]);
    return b.op('Mul', [b.op('Relu', [dense]), b.op('Add', [mean, b.op('Softmax', [dense], { axis: 1 })])]);
  });
  expect(shapes(graph, 'MatMul')).toEqual(['2,3,4']);
});

test('a weight with as many rows as there are tokens is not taken for tokens', async () => {
  const graph = await compare(
    (b, x, weight) => b.op('MatMul', [x, b.op('Transpose', [weight(7, 6)], { perm: [1, 0] })]),
    [2, 3, 6],
  );
  expect(shapes(graph, 'Gather')).toEqual(['4,6']);
  expect(shapes(graph, 'MatMul')).toEqual(['4,7']);
});

test('logits that no operator by token makes are gathered', async () => {
  const graph = await compare((b, x) => b.op('Softmax', [x], { axis: 1 }));
  expect(shapes(graph, 'Gather')).toEqual(['4,4']);
});

test('a head that is stored in 4 bits is computed for the chosen tokens', async () => {
  const attrs = { K: 32, N: 5, bits: 4, block_size: 32 };
  const bytes = Uint8Array.from({ length: 5 * 16 }, (_, i) => (i * 37) % 256);
  const graph = await compare(
    (b, x) => {
      const numbers = b.constant(new Tensor('uint8', [5, 1, 16], bytes), 'numbers');
      const scales = b.constant(
        Tensor.of(
          'float32',
          [1, 2, 3, 4, 5].map((v) => 0.1 * v),
        ),
        'scales',
      );
      return b.op('MatMulNBits', [x, numbers, scales], attrs, { domain: 'com.microsoft' });
    },
    [2, 3, 32],
  );
  expect(graph.nodes.map(({ op }) => op)).toEqual(['Reshape', 'Gather', 'MatMulNBits']);
});
