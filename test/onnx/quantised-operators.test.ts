// Operators of com.microsoft that compute with whole numbers, each in a small file with a float weight in front of it
// or behind: what training computes is what the stock runtime computes of the file, and the weight's gradient, straight
// through what rounds, is measured by differences that hold each rounding where it is.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gradcheckModel } from '#ortune/commands/gradcheck.js';
import { lower } from '#ortune/lower/lower.js';
import { type AttrInput, float } from '#ortune/onnx/builder.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { specialize } from '#ortune/onnx/specialize.js';
import { elementCount, Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { runStock } from '../support/onnxruntime.js';
import { temporaryDirectory } from '../support/temporary.js';
import { initializer, modelProto, node, run, value, writeModel } from './support.js';

const directory = temporaryDirectory();
const domain = 'com.microsoft';

const random = (stream: number, ...shape: number[]) =>
  Tensor.of('float32', Array.from(normals(5, stream, elementCount(shape))), shape);
const whole = (dtype: 'int8' | 'uint8', stream: number, ...shape: number[]) => {
  const values = Array.from(normals(5, stream, elementCount(shape)), (v) => Math.round(30 * v));
  return Tensor.of(
    dtype,
    values.map((v) => Math.max(-128, Math.min(127, v)) + (dtype === 'uint8' ? 128 : 0)),
    shape,
  );
};
const scalar = (v: number) => Tensor.scalar('float32', v);
const byte = (v: number) => Tensor.scalar('uint8', v);
const signed = (v: number) => Tensor.scalar('int8', v);

interface Case {
  what: string;
  op: string;
  /** Of the float input x; h = x · g is rounded to `q` with the scale s and the zero point z. */
  shape: number[];
  inputs: string[];
  attrs?: Record<string, AttrInput>;
  tensors?: Record<string, Tensor>;
  /** Whether the output is rounded, by the scale t and the zero point u; default yes. */
  rounded?: boolean;
}

const x = ['q', 's', 'z'];
const y = ['t', 'u'];
const cases: Case[] = [
  { what: '', op: 'QLinearLeakyRelu', shape: [2, 3, 4], inputs: [...x, ...y], attrs: { alpha: float(0.1) } },
  { what: '', op: 'QLinearSigmoid', shape: [2, 3, 4], inputs: [...x, ...y] },
  {
    what: 'along the last axis',
    op: 'QLinearSoftmax',
    shape: [2, 3, 4],
    inputs: [...x, ...y],
    attrs: { axis: -1, opset: 13 },
    tensors: { t: scalar(1 / 256), u: byte(0) },
  },
  {
    what: 'with stored numbers of another scale',
    op: 'QLinearConcat',
    shape: [2, 3, 4],
    inputs: [...y, ...x, 'w', 'ws', 'wz'],
    attrs: { axis: 1 },
    tensors: { w: whole('uint8', 3, 2, 2, 4), ws: scalar(0.03), wz: byte(120) },
  },
  {
    what: 'of stored numbers and x',
    op: 'QLinearWhere',
    shape: [2, 3, 4],
    inputs: ['c', ...x, 'w', 'ws', 'wz', ...y],
    tensors: { c: Tensor.of('bool', [1, 0, 0, 1]), w: whole('uint8', 3, 3, 4), ws: scalar(0.03), wz: byte(120) },
  },
  {
    what: 'with a bias',
    op: 'QGemm',
    shape: [5, 4],
    inputs: [...x, 'w', 'ws', 'wz', 'b', ...y],
    tensors: {
      w: whole('int8', 3, 4, 6),
      ws: scalar(0.01),
      wz: signed(0),
      b: Tensor.of('int32', [100, -200, 50, 0, 300, 20]),
    },
  },
  {
    what: 'by rows, with a scale for each, to floats',
    op: 'QGemm',
    shape: [5, 4],
    inputs: [...x, 'w', 'ws', 'wz'],
    attrs: { transB: 1 },
    tensors: { w: whole('int8', 3, 3, 4), ws: random(9, 3), wz: Tensor.of('int8', [0, 0, 0]) },
    rounded: false,
  },
  ...[
    scalar(0.01),
    Tensor.of(
      'float32',
      Array.from({ length: 24 }, (_, i) => 0.005 + i / 2000),
    ),
  ].map((ws, i) => ({
    what: i === 0 ? 'with a mask' : 'with scales of columns, causal',
    op: 'QAttention',
    shape: [2, 3, 8],
    inputs: ['q', 'w', 'b', 's', 'ws', i === 0 ? 'm' : '', 'z', 'wz'],
    attrs: { num_heads: 2, unidirectional: i },
    tensors: {
      w: whole('int8', 3, 8, 24),
      b: random(4, 24),
      ws,
      m: Tensor.of('int32', [1, 1, 0, 1, 1, 1], [2, 3]),
      wz: i === 0 ? signed(3) : Tensor.of('int8', new Array(24).fill(0)),
    },
    rounded: false,
  })),
];

/** A file with the nodes, written; x is its input, y its output. */
function file(
  name: string,
  shape: number[],
  tensors: Record<string, Tensor>,
  nodes: ReturnType<typeof node>[],
): string {
  const used = new Set(nodes.flatMap(({ input }) => input));
  const proto = modelProto({
    nodes,
    inputs: [value('x', 'float32', shape)],
    outputs: [value('y', 'float32', undefined)],
    initializers: Object.entries(tensors).flatMap(([key, tensor]) => (used.has(key) ? [initializer(key, tensor)] : [])),
  });
  return writeModel(join(directory, `${name}.onnx`), proto);
}

/** The differences of training's outputs from the runtime's. */
async function differences(path: string, feeds: Record<string, Tensor>): Promise<number[]> {
  const expected = (await run(path, feeds)).y!;
  const shapes = Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, shape]));
  const graph = specialize(toGraph(openModel(path)), shapes);
  lower(graph, new Set());
  const found = (await runStock(graph, new Map(Object.entries(feeds)))).get('y')!;
  expect(found.shape).toEqual(expected.dims);
  return found.numbers().map((v, i) => Math.abs(v - expected.data[i]!));
}

describe('as the runtime computes it, straight through in gradients:', () => {
  it.each(cases)('$op $what', async ({ op, shape, inputs, attrs = {}, tensors = {}, rounded = true }) => {
    const all = {
      g: random(2, shape.at(-1)!),
      s: scalar(0.02),
      z: byte(128),
      t: scalar(0.021),
      u: byte(115),
      ...tensors,
    };
    const path = file(op, shape, all, [
      node('Mul', ['x', 'g'], ['h']),
      node('QuantizeLinear', ['h', 's', 'z'], ['q']),
      node(op, inputs, [rounded ? 'r' : 'y'], attrs, { domain }),
      ...(rounded ? [node('DequantizeLinear', ['r', 't', 'u'], ['y'])] : []),
    ]);
    const apart = await differences(path, { x: random(1, ...shape) });
    // Of two numbers that are as near, each may take another.
    const equal = apart.filter((d) => d < 1e-5);
    expect(equal.length).toBeGreaterThanOrEqual(0.95 * apart.length);
    if (rounded) expect(Math.max(...apart)).toBeLessThan(1.01 * all.t.numbers()[0]!);
    else expect(equal.length).toBe(apart.length);
    const { checked, failed, notMeasurable } = await gradcheckModel(path, { seed: 3 });
    expect(checked).toBeGreaterThan(0);
    expect({ failed, notMeasurable }).toEqual({ failed: 0, notMeasurable: 0 });
  });
});

it('QEmbedLayerNormalization looks rows of rounded tables up, and a layer behind it trains', async () => {
  const names = ['word', 'position', 'segment', 'gamma', 'beta'];
  const tables = [whole('uint8', 3, 9, 8), whole('uint8', 4, 6, 8), whole('uint8', 5, 2, 8)];
  const tensors = {
    ids: Tensor.of('int32', [1, 8, 3, 0, 2, 2], [2, 3]),
    segments: Tensor.of('int32', [0, 1, 1, 0, 0, 1], [2, 3]),
    ...Object.fromEntries([...tables, whole('uint8', 6, 8), whole('uint8', 7, 8)].map((t, i) => [names[i], t])),
    ...Object.fromEntries(names.map((name, i) => [`${name}_scale`, scalar(0.01 + i / 500)])),
    ...Object.fromEntries(names.map((name, i) => [`${name}_zero`, byte(126 + i)])),
  };
  const inputs = ['ids', 'segments', ...names, '', ...names.map((n) => `${n}_scale`), ...names.map((n) => `${n}_zero`)];
  const path = file('embed', [2, 3, 8], tensors, [
    node('QEmbedLayerNormalization', inputs, ['e', 'mask'], {}, { domain }),
    node('Mul', ['e', 'x'], ['y']),
  ]);
  expect(Math.max(...(await differences(path, { x: random(1, 2, 3, 8) })))).toBeLessThan(1e-5);
  expect(toGraph(openModel(path)).nodes.map(({ op }) => op)).toContain('EmbedLayerNormalization');
});

describe('DynamicQuantizeLSTM', () => {
  const [steps, batch, size, hidden] = [4, 2, 5, 3];
  const layer = (directions: number, scales: Tensor, zeros: Tensor) => {
    const tensors = {
      g: random(2, size),
      w: whole('int8', 3, directions, size, 4 * hidden),
      r: whole('int8', 4, directions, hidden, 4 * hidden),
      b: random(5, directions, 8 * hidden),
      ws: scales,
      wz: zeros,
    };
    const attrs = { hidden_size: hidden, ...(directions === 2 && { direction: 'bidirectional' }) };
    return file(`lstm${directions}`, [steps, batch, size], tensors, [
      node('Mul', ['x', 'g'], ['h']),
      node('DynamicQuantizeLSTM', ['h', 'w', 'r', 'b', '', '', '', '', 'ws', 'wz', 'ws', 'wz'], ['y'], attrs, {
        domain,
      }),
    ]);
  };
  const columns = Tensor.of(
    'float32',
    Array.from({ length: 4 * hidden }, (_, i) => 0.006 + i / 4000),
    [1, 4 * hidden],
  );
  it.each([
    ['of both directions', layer(2, Tensor.of('float32', [0.01, 0.012]), Tensor.of('int8', [0, 0]))],
    ['with scales of columns', layer(1, columns, Tensor.of('int8', new Array(4 * hidden).fill(0), [1, 4 * hidden]))],
  ])('%s rounds its input, and not its states, as the runtime does', async (_, path) => {
    const apart = await differences(path, { x: random(1, steps, batch, size) });

    expect(Math.max(...apart)).toBeLessThan(5e-4);
    const { checked, failed, notMeasurable } = await gradcheckModel(path, { seed: 3 });
    expect(checked).toBe(2);
    expect({ failed, notMeasurable }).toEqual({ failed: 0, notMeasurable: 0 });
  });

  it('with a scale for each gate of both directions is refused by name', () => {
    const scales = Tensor.of('float32', new Array(8 * hidden).fill(0.01), [2, 4 * hidden]);
    const zeros = Tensor.of('int8', new Array(8 * hidden).fill(0), [2, 4 * hidden]);
    expect(() => toGraph(openModel(layer(2, scales, zeros)))).toThrow(
      /is com\.microsoft\.DynamicQuantizeLSTM, with a scale for each gate of both directions/,
    );
  });
});
