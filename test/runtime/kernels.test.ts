// Every kernel of the domain, run by the device, against the operator's definition on a stock session and against a
// float64 reference (the definition again, in float64); the same bits for any number of threads.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { float } from '#ortune/onnx/builder.js';
import { elementCount, Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { type OperatorCase, operatorGraph } from '../autodiff/graphs.js';
import { bits, define, expectClose, inFloat64, longs, random, runOn, unchecked } from './kernels.js';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

const integers = (dtype: 'int64' | 'int32', stream: number, shape: number[], low: number, high: number): Tensor =>
  Tensor.of(
    dtype,
    Array.from(normals(9, stream, elementCount(shape)), (v) => low + (Math.floor(Math.abs(v) * 1e4) % (high - low))),
    shape,
  );
const softmaxRows = (stream: number, shape: number[], logarithm: boolean): Tensor => {
  const columns = shape.at(-1)!;
  const e = Array.from(normals(9, stream, elementCount(shape)), Math.exp);
  const totals = e.map((_, i) => {
    const row = i - (i % columns);
    return e.slice(row, row + columns).reduce((a, v) => a + v, 0);
  });
  return Tensor.of(
    'float32',
    e.map((v, i) => (logarithm ? Math.log(v / totals[i]!) : v / totals[i]!)),
    shape,
  );
};

interface KernelCase extends OperatorCase {
  name: string;
  /** Erf has no float64 kernel on the stock session. */
  single?: boolean;
}

const wide = [3, 70, 33];
const labels = Tensor.of(
  'int64',
  Array.from({ length: 50 }, (_, i) => (i % 6 === 4 ? -100 : (i * 5) % 17)),
);
const logits = random(30, [50, 17], (v) => 3 * v);
const sampleWeights = random(31, [50], Math.abs);
const classWeights = random(32, [17], Math.abs);
const smoothing = { label_smoothing: float(0.1) };

const cases: KernelCase[] = [
  { name: 'GeluGrad', op: 'GeluGrad', inputs: [random(1, wide), random(2, wide)], single: true },
  {
    name: 'GeluGrad tanh',
    op: 'GeluGrad',
    inputs: [random(1, wide), random(2, wide)],
    attrs: { approximate: 'tanh' },
  },
  { name: 'BiasGelu', op: 'BiasGelu', inputs: [random(1, wide), random(2, [33])], single: true },
  { name: 'BiasGelu tanh', op: 'BiasGelu', inputs: [random(1, wide), random(2, [33])], attrs: { approximate: 'tanh' } },
  {
    name: 'BiasGeluGrad',
    op: 'BiasGeluGrad',
    inputs: [random(1, wide), random(2, wide), random(3, [33])],
    outputs: 2,
    single: true,
  },
  {
    name: 'BiasGeluGrad tanh',
    op: 'BiasGeluGrad',
    inputs: [random(1, wide), random(2, wide), random(3, [33])],
    attrs: { approximate: 'tanh' },
    outputs: 2,
  },
  { name: 'Gemm', op: 'Gemm', inputs: [random(4, [70, 133]), random(5, [133, 45]), random(6, [45])] },
  {
    name: 'Gemm of transposed operands',
    op: 'Gemm',
    inputs: [random(4, [700, 33]), random(5, [45, 700])],
    attrs: { transA: 1, transB: 1 },
  },
  {
    name: 'Gemm of many rows',
    op: 'Gemm',
    inputs: [random(4, [701, 33]), random(5, [45, 33]), random(6, [45])],
    attrs: { transB: 1 },
  },
  { name: 'Transpose', op: 'Transpose', inputs: [random(4, [70, 133])] },
  {
    name: 'LayerNormalizationGrad',
    op: 'LayerNormalizationGrad',
    inputs: [random(3, wide), random(4, wide), random(5, [33])],
    attrs: { epsilon: float(1e-12) },
    outputs: 3,
  },
  {
    name: 'LayerNormalizationGrad over two axes',
    op: 'LayerNormalizationGrad',
    inputs: [random(3, wide), random(4, wide), random(5, [70, 33])],
    attrs: { axis: 1 },
    outputs: 3,
  },
  {
    name: 'SoftmaxGrad',
    op: 'SoftmaxGrad',
    inputs: [random(6, wide), softmaxRows(7, wide, false)],
    attrs: { scale: float(0.125) },
  },
  { name: 'LogSoftmaxGrad', op: 'LogSoftmaxGrad', inputs: [random(6, wide), softmaxRows(7, wide, true)] },
  { name: 'BiasGrad', op: 'BiasGrad', inputs: [random(8, wide)] },
  { name: 'BiasGrad of one row', op: 'BiasGrad', inputs: [random(8, [33])] },
  {
    name: 'EmbeddingGrad',
    op: 'EmbeddingGrad',
    inputs: [random(9, [4, 50, 70]), integers('int64', 10, [4, 50], -11, 11)],
    attrs: { rows: 11 },
  },
  {
    name: 'EmbeddingGrad of int32 indices',
    op: 'EmbeddingGrad',
    inputs: [random(9, [200, 5]), integers('int32', 10, [200], 0, 2)],
    attrs: { rows: 2 },
  },
  {
    name: 'Dropout',
    op: 'Dropout',
    inputs: [random(11, wide), Tensor.of('uint32', [7, 4_000_000_000, 1, 0])],
    attrs: { ratio: float(0.1), id: 12 },
  },
  { name: 'CrossEntropy', op: 'CrossEntropy', inputs: [logits, labels], outputs: 2 },
  {
    name: 'CrossEntropy with every option',
    op: 'CrossEntropy',
    inputs: [logits, labels, sampleWeights, classWeights],
    attrs: smoothing,
    outputs: 2,
  },
  {
    name: 'CrossEntropy that ignores a class',
    op: 'CrossEntropy',
    inputs: [logits, integers('int64', 34, [50], 0, 17), undefined, classWeights],
    attrs: { ignore_index: 3 },
    outputs: 2,
  },
  {
    name: 'CrossEntropyGrad',
    op: 'CrossEntropyGrad',
    inputs: [Tensor.scalar('float32', 0.3), logits, random(33, [50], (v) => v + 6), labels],
  },
  {
    name: 'CrossEntropyGrad with every option',
    op: 'CrossEntropyGrad',
    inputs: [
      Tensor.scalar('float32', 0.3),
      logits,
      random(33, [50], (v) => v + 6),
      labels,
      sampleWeights,
      classWeights,
    ],
    attrs: smoothing,
  },
];

describe.each(cases)('the kernel of $name', (kernelCase) => {
  it('computes what the definition says', async () => {
    const { graph, feeds } = operatorGraph({ ...kernelCase, domain: 'ortune' });
    expect(device.kernels.has(`ortune.${kernelCase.op}`)).toBe(true);
    const { outputs } = await runOn(device, graph, feeds);
    const exact = kernelCase.single ? [] : await define(inFloat64(kernelCase));
    const defined = await define(kernelCase);
    for (const [i, found] of outputs.entries()) {
      expectClose(found, defined[i]!, 3e-6);
      if (exact[i]) expectClose(found, exact[i], 1e-6);
    }
    if (kernelCase.op === 'Dropout') expect(Array.from(outputs[0]!)).toEqual(defined[0]);
  });

  it('works in place of an input that nobody else reads', async () => {
    const { graph, feeds } = operatorGraph({ ...kernelCase, domain: 'ortune' });
    const plain = await runOn(device, graph, feeds);
    for (const [value, { dtype, shape }] of feeds) {
      graph.types.set(`${value}.read`, { dtype, shape });
      graph.nodes.unshift(
        {
          name: `${value}.once`,
          op: 'Neg',
          domain: '',
          inputs: [value],
          outputs: [`${value}.minus`],
          attrs: new Map(),
        },
        {
          name: `${value}.twice`,
          op: 'Neg',
          domain: '',
          inputs: [`${value}.minus`],
          outputs: [`${value}.read`],
          attrs: new Map(),
        },
      );
    }
    const node = graph.nodes.at(-1)!;
    node.inputs = node.inputs.map((x) => (feeds.has(x) ? `${x}.read` : x));
    expect(bits((await runOn(device, graph, feeds)).outputs)).toEqual(bits(plain.outputs));
  });
});

describe('kernels', () => {
  const rows = 5000;
  const large: KernelCase[] = [
    { name: 'GeluGrad', op: 'GeluGrad', inputs: [random(1, [rows, 40]), random(2, [rows, 40])] },
    { name: 'SoftmaxGrad', op: 'SoftmaxGrad', inputs: [random(1, [rows, 40]), random(2, [rows, 40])] },
    {
      name: 'LayerNormalizationGrad',
      op: 'LayerNormalizationGrad',
      inputs: [random(1, [rows, 40]), random(2, [rows, 40]), random(3, [40])],
      outputs: 3,
    },
    { name: 'BiasGrad', op: 'BiasGrad', inputs: [random(1, [rows, 40])] },
    {
      name: 'EmbeddingGrad',
      op: 'EmbeddingGrad',
      inputs: [random(1, [rows, 200]), integers('int64', 2, [rows], 0, 300)],
      attrs: { rows: 300 },
    },
    {
      name: 'CrossEntropy',
      op: 'CrossEntropy',
      inputs: [random(1, [rows, 40]), integers('int64', 2, [rows], 0, 40)],
      outputs: 2,
    },
  ];

  it.each(large)('give the same bits with one, two and three threads: $name', async (kernelCase) => {
    const { graph, feeds } = operatorGraph({ ...kernelCase, domain: 'ortune' });
    const { outputs } = await runOn(device, graph, feeds);
    for (const threads of [1, 3]) {
      const other = await openDevice('cpu', { threads });
      expect(bits((await runOn(other, graph, feeds)).outputs)).toEqual(bits(outputs));
      await other.close();
    }
  });

  it('run when some outputs are not wanted', async () => {
    const inputs = [random(3, wide), random(4, wide), random(5, [33])];
    const all = operatorGraph({ op: 'LayerNormalizationGrad', domain: 'ortune', inputs, outputs: 3 });
    const { outputs } = await runOn(device, all.graph, all.feeds);
    for (const wanted of [0, 1, 2]) {
      const { graph, feeds } = operatorGraph({ op: 'LayerNormalizationGrad', domain: 'ortune', inputs, outputs: 3 });
      const node = graph.nodes[0]!;
      node.outputs = node.outputs.map((y, i) => (i === wanted ? y : ''));
      while (node.outputs.at(-1) === '') node.outputs.pop();
      graph.outputs = [graph.outputs[wanted]!];
      expect((await runOn(device, graph, feeds)).outputs).toEqual([outputs[wanted]]);
    }
    const loss = operatorGraph({ op: 'CrossEntropy', domain: 'ortune', inputs: [logits, labels], outputs: 2 });
    const both = await runOn(device, loss.graph, loss.feeds);
    loss.graph.nodes[0]!.outputs.pop();
    loss.graph.outputs.pop();
    expect((await runOn(device, loss.graph, loss.feeds)).outputs).toEqual(both.outputs.slice(0, 1));
  });
});

describe('the updates', () => {
  const length = 40_000;
  const ranges = longs([0, 1, 16, 39_000], [2, 2]);

  it.each([
    ['AdamW', [0.01, 0.9, 0.999, 1e-8, 0.1, 0.1, 0.001, 0], 2],
    ['Sgd', [0.01, 0.9, 0, 1, 0.1, 0, 0, 0], 1],
  ] as const)('of %s change the bound arenas in place, inside the ranges', async (op, hyper, states) => {
    const start = random(1, [length]);
    const inputs = [start, random(2, [length])];
    for (let i = 0; i < states; i++) inputs.push(Tensor.of('float32', new Float32Array(length)));
    inputs.push(ranges, Tensor.of('float32', [...hyper, ...hyper], [2, 8]), Tensor.of('float32', [0]));
    const { graph, feeds } = unchecked(op, inputs, {}, [1]);
    const run = await runOn(device, graph, feeds);
    const p = run.inputs.get('x0')!.data as Float32Array;
    const [before, g] = [start.numbers(), feeds.get('x1')!.numbers()];
    let [square, worst] = [0, 0];
    for (let i = 0; i < length; i++) {
      const inside = i < 1 || (i >= 16 && i < 39_000);
      if (inside) square += g[i]! ** 2;
      const decayed = g[i]! + 0.1 * before[i]!;
      const moved =
        op === 'AdamW'
          ? before[i]! * (1 - 0.01 * 0.1) - (0.01 * g[i]!) / (Math.abs(g[i]!) + 1e-8)
          : before[i]! - 0.01 * 1.9 * decayed;
      worst = Math.max(worst, Math.abs(p[i]! - (inside ? moved : before[i]!)));
    }
    expect(worst).toBeLessThan(1e-6);
    expect(run.outputs[0]![0]).toBeCloseTo(Math.sqrt(square), 3);
  });
});
