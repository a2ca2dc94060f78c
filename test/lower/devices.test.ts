// What stands for an operator on a device, against the operator itself, both run by the stock runtime on the CPU; and
// graphs whose integers became 32 bits wide.

import { describe, expect, it } from 'vitest';
import { cudaForms } from '#ortune/lower/devices/cuda.js';
import { lowerForDevice } from '#ortune/lower/devices/forms.js';
import { useInt32 } from '#ortune/lower/devices/int32.js';
import { webgpuForms } from '#ortune/lower/devices/webgpu.js';
import { lower, useForms } from '#ortune/lower/lower.js';
import { type AttrInput, Builder, float } from '#ortune/onnx/builder.js';
import { Graph, type Value } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { runStock } from '../support/onnxruntime.js';

const size = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);
const floats = (stream: number, ...shape: number[]): Tensor =>
  Tensor.of('float32', normals(7, stream, size(shape)), shape);
const whole = (values: number[], shape = [values.length]): Tensor => Tensor.of('int64', values, shape);
const truth = (values: number[]): Tensor => Tensor.of('bool', values);

interface Case {
  op: string;
  name?: string;
  inputs: Tensor[];
  attrs?: Record<string, AttrInput>;
}

/** A graph of the one operator, fed with everything that is not said to be constant. */
function graphOf({ op, inputs, attrs = {} }: Case, constants: readonly number[] = []) {
  const [name, domain = ''] = op.split('.').reverse() as [string, string?];
  const graph = new Graph();
  const feeds = new Map<Value, Tensor>();
  const names = inputs.map((tensor, i) => {
    const { dtype, shape } = tensor;
    graph.types.set(`x${i}`, { dtype, shape });
    if (constants.includes(i)) graph.initializers.set(`x${i}`, tensor);
    else {
      graph.inputs.push({ name: `x${i}`, dtype, shape: [...shape] });
      feeds.set(`x${i}`, tensor);
    }
    return `x${i}`;
  });
  const b = new Builder(graph);
  const y = b.op(name, names, attrs, { domain });
  graph.outputs = [{ name: y, ...b.type(y), shape: [...b.shape(y)] }];
  return { graph, feeds, y };
}

const x = floats(1, 2, 3, 4);
const cases: (Case & { constants?: number[] })[] = [
  { op: 'Sum', inputs: [x, floats(2, 3, 4), floats(3, 4)] },
  { op: 'Max', inputs: [x, floats(2, 3, 4), floats(3, 4)] },
  { op: 'Min', inputs: [x, floats(2, 3, 4)] },
  { op: 'Sign', inputs: [Tensor.of('float32', [-2, -0.1, 0, 0.1, 2])] },
  { op: 'Mod', inputs: [whole([7, -7, 7, -7, 6, -6, 0]), whole([3, 3, -3, -3, 3, -3, 5])] },
  { op: 'LogSoftmax', inputs: [x], attrs: { axis: 1 } },
  { op: 'Softplus', inputs: [Tensor.of('float32', [-90, -1, 0, 1, 90])] },
  { op: 'Mish', inputs: [x] },
  { op: 'HardSwish', inputs: [Tensor.of('float32', [-4, -3, -1, 0, 1, 3, 4])] },
  { op: 'Or', inputs: [truth([0, 0, 1, 1]), truth([0, 1, 0, 1])] },
  { op: 'ConstantOfShape', inputs: [whole([2, 3])], constants: [0], attrs: { value: Tensor.of('float32', [2.5]) } },
  {
    op: 'OneHot',
    inputs: [whole([2, 0, -1, 1]), whole([3], []), Tensor.of('float32', [-1, 5])],
    constants: [1],
    attrs: { axis: 0 },
  },
  { op: 'GatherElements', inputs: [x, whole([0, -1, 2, 1, 0, 2], [2, 3, 1])], attrs: { axis: 1 } },
  {
    op: 'Slice',
    inputs: [whole([1, 2, 3, 4, 5, 6, 7, 8], [2, 4]), whole([3, 0]), whole([0, 1]), whole([1, 0]), whole([-2, 1])],
    constants: [1, 2, 3, 4],
  },
  { op: 'GatherND', inputs: [x, whole([1, 2, -1, 0], [2, 2])] },
  { op: 'GatherND', name: 'GatherND in batches', inputs: [x, whole([2, 1], [2, 1])], attrs: { batch_dims: 1 } },
  { op: 'GatherND', name: 'GatherND of single elements', inputs: [x, whole([1, 2, 3, 0, 0, 1], [2, 3])] },
];

const [image, filters] = [floats(5, 2, 4, 5, 6), floats(6, 4, 3, 3, 4)];
const ofCuda: typeof cases = [
  { op: 'Mean', inputs: [x, floats(2, 3, 4), floats(3, 4)] },
  { op: 'Mish', inputs: [x] },
  { op: 'Celu', inputs: [Tensor.of('float32', [-90, -1, -0.1, 0, 0.1, 90])], attrs: { alpha: float(1.5) } },
  { op: 'CastLike', inputs: [Tensor.of('float32', [-1.5, 0, 2.7]), whole([0])] },
  { op: 'GatherND', inputs: [x, whole([1, 2, -1, 0], [2, 2])] },
  { op: 'GroupNormalization', inputs: [image, floats(7, 4), floats(8, 4)], attrs: { num_groups: 2 } },
  {
    op: 'ConvTranspose',
    inputs: [image, filters, floats(9, 3)],
    attrs: { strides: [2, 3], pads: [1, 0, 0, 2], output_padding: [1, 2] },
  },
  {
    op: 'ConvTranspose',
    name: 'ConvTranspose in groups, of a wanted shape',
    inputs: [image, filters],
    attrs: { group: 2, strides: [2, 2], dilations: [2, 1], output_shape: [12, 11], auto_pad: 'SAME_UPPER' },
  },
];

describe('what stands for', () => {
  const forms = [
    ...cases.map((c) => ({ c, forms: webgpuForms, device: 'WebGPU' })),
    ...ofCuda.map((c) => ({ c, forms: cudaForms, device: 'CUDA' })),
  ];
  it.each(forms.map((row) => ({ ...row, what: row.c.name ?? row.c.op })))(
    '$what means the same on $device',
    async ({ c, forms }) => {
      const { graph, feeds, y } = graphOf(c, c.constants);
      const expected = (await runStock(graph, feeds)).get(y)!;
      useForms(graph, forms);
      if (c.op === 'ConvTranspose') expect(graph.nodes.map(({ op }) => op)).toEqual([c.op, 'Slice']);
      else expect(graph.nodes.some(({ op }) => op === c.op)).toBe(false);
      const found = (await runStock(graph, feeds)).get(y)!;
      expect(found.shape).toEqual(expected.shape);
      for (const [i, v] of found.numbers().entries()) expect(v).toBeCloseTo(expected.numbers()[i]!, 5);
    },
  );

  it('ConvTranspose with the same pads on both sides stays', () => {
    const { graph } = graphOf({ op: 'ConvTranspose', inputs: [image, filters], attrs: { pads: [1, 2, 1, 2] } });
    useForms(graph, cudaForms);
    expect(graph.nodes.map(({ op }) => op)).toEqual(['ConvTranspose']);
  });

  it('Slice of floats is Slice', () => {
    const c: Case = { op: 'Slice', inputs: [x, whole([1]), whole([2])] };
    const { graph } = graphOf(c, [1, 2]);
    useForms(graph, webgpuForms);
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Slice']);
  });

  it('EmbeddingGrad adds the rows of each index up, also where the matrix of equal indices is computed in parts', async () => {
    const rows = 5000; // rows² is above the elements that one part may have
    const index = Tensor.of(
      'int64',
      Array.from({ length: rows }, (_, i) => ((i * 7919) % 13) - 6),
    );
    const c: Case = { op: 'ortune.EmbeddingGrad', inputs: [floats(4, rows, 3), index], attrs: { rows: 9 } };
    const { graph, feeds, y } = graphOf(c);
    const standard = graph.clone();
    lower(standard, new Set());
    const expected = (await runStock(standard, feeds)).get(y)!.numbers();
    useForms(graph, webgpuForms);
    expect(graph.nodes.filter(({ op }) => op === 'MatMul').length).toBeGreaterThan(1);
    expect(graph.nodes.filter(({ op, attrs }) => op.startsWith('Scatter') && attrs.has('reduction'))).toEqual([]);
    for (const [i, v] of (await runStock(graph, feeds)).get(y)!.numbers().entries())
      expect(v).toBeCloseTo(expected[i]!, 3);
  });

  it.each([
    ['overlapping windows', [2, 3, 7, 6], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }],
    ['windows side by side', [1, 2, 6, 6], { kernel_shape: [2, 2], strides: [2, 2] }],
    ['windows with gaps', [1, 2, 9, 9], { kernel_shape: [2, 2], strides: [3, 4], dilations: [2, 1] }],
    ['windows that hang over', [1, 1, 6, 5], { kernel_shape: [3, 2], strides: [2, 3], ceil_mode: 1 }],
    ['one axis', [2, 2, 11], { kernel_shape: [4], strides: [1], pads: [2, 1] }],
  ] as const)('the gradient of MaxPool gives the first of equal maxima everything: %s', async (_, shape, attrs) => {
    // Rounded, so that many are equal.
    const image = Tensor.of(
      'float32',
      normals(9, 0, size(shape)).map((v) => Math.round(v)),
      [...shape],
    );
    const graph = new Graph();
    graph.types.set('x', { dtype: 'float32', shape });
    graph.inputs.push({ name: 'x', dtype: 'float32', shape: [...shape] });
    const b = new Builder(graph);
    const [y, places] = b.ops('MaxPool', ['x'], attrs as Record<string, AttrInput>, { outputs: 2 }) as [Value, Value];
    const dyShape = b.shape(y);
    graph.types.set('dy', { dtype: 'float32', shape: dyShape });
    graph.inputs.push({ name: 'dy', dtype: 'float32', shape: [...dyShape] });
    const axes = shape.length - 2;
    const window = {
      kernel_shape: attrs.kernel_shape,
      strides: attrs.strides,
      dilations: 'dilations' in attrs ? attrs.dilations : new Array(axes).fill(1),
      pads: 'pads' in attrs ? attrs.pads.slice(0, axes) : new Array(axes).fill(0),
    };
    const dx = b.op('MaxPoolScatter', ['dy', places, 'x', y], window, { domain: 'ortune' });
    graph.outputs = [{ name: dx, dtype: 'float32', shape: [...shape] }];
    const feeds = new Map([
      ['x', image],
      ['dy', floats(5, ...dyShape)],
    ]);
    const standard = graph.clone();
    lower(standard, new Set());
    const expected = (await runStock(standard, feeds)).get(dx)!.numbers();
    lowerForDevice(graph, 'webgpu');
    // The places are not asked for any more.
    expect(graph.nodes.find(({ op }) => op === 'MaxPool')!.outputs).toHaveLength(1);
    for (const [i, v] of (await runStock(graph, feeds)).get(dx)!.numbers().entries())
      expect(v).toBeCloseTo(expected[i]!, 5);
  });
});

describe('32-bit integers', () => {
  it('are everywhere but where shapes, axes and places are told', async () => {
    const graph = new Graph();
    graph.types.set('ids', { dtype: 'int64', shape: [2, 3] });
    graph.inputs.push({ name: 'ids', dtype: 'int64', shape: [2, 3] });
    const b = new Builder(graph);
    const shifted = b.op('Add', ['ids', b.scalar('int64', -1)]);
    const floating = b.op('Cast', [b.op('Equal', [shifted, b.scalar('int64', 3)])], { to: 1 });
    const flat = b.op('Reshape', [b.op('Cast', [floating], { to: 7 }), b.ints([6])]);
    const most = b.op('ArgMax', [flat], { axis: 0, keepdims: 0 });
    const y = b.op('Add', [most, b.op('Gather', [flat, b.scalar('int64', 2)])]);
    graph.outputs.push({ name: y, dtype: 'int64', shape: [] });
    const before = (await runStock(graph, new Map([['ids', whole([1, 2, 9, 4, 4, 0], [2, 3])]]))).get(y)!;
    useInt32(graph);
    const dtypes = new Set([...graph.types].filter(([, { dtype }]) => dtype === 'int64').map(([name]) => name));
    const readers = graph.nodes.filter((n) => n.inputs.some((input) => dtypes.has(input)));
    expect(readers.map(({ op }) => op).sort()).toEqual(['Cast', 'Reshape']);
    expect(graph.inputs[0]!.dtype).toBe('int32');
    const ids = Tensor.of('int32', [1, 2, 9, 4, 4, 0], [2, 3]);
    const after = (await runStock(graph, new Map([['ids', ids]]))).get(y)!;
    expect(after.dtype).toBe('int32');
    expect(after.numbers()).toEqual(before.numbers());
  });

  it('hold the ends of slices, which the standard puts at 2⁶³ − 1', () => {
    const graph = new Graph();
    graph.types.set('x', { dtype: 'int64', shape: [1] });
    graph.inputs.push({ name: 'x', dtype: 'int64', shape: [1] });
    const b = new Builder(graph);
    const huge = b.constant(Tensor.view('int64', [2], BigInt64Array.of(0x7fffffffffffffffn, -0x8000000000000000n)));
    const y = b.op('Add', ['x', huge]);
    graph.outputs.push({ name: y, dtype: 'int64', shape: [2] });
    useInt32(graph);
    const constant = graph.nodes[0]!.inputs[1]!;
    expect(graph.initializers.get(constant)!.numbers()).toEqual([0x7fffffff, -0x80000000]);
  });
});
