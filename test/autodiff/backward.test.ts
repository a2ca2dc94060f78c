// What the walk does for all rules: paths, fan-out, broadcasting, names, and the one report of missing rules.

import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { rules } from '#ortune/autodiff/rules.js';
import { ModelError } from '#ortune/errors.js';
import { lower } from '#ortune/lower/lower.js';
import { type AttrInput, Builder } from '#ortune/onnx/builder.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { Graph, prune, type Value } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { runStock } from '../support/onnxruntime.js';

/** A graph with these inputs, all float32 unless said otherwise. */
function start(inputs: Record<string, readonly number[]>, dtypes: Record<string, DataType> = {}): Builder {
  const graph = new Graph();
  for (const [name, shape] of Object.entries(inputs)) {
    const dtype = dtypes[name] ?? 'float32';
    graph.inputs.push({ name, dtype, shape: [...shape] });
    graph.types.set(name, { dtype, shape });
  }
  return new Builder(graph);
}

const total = (b: Builder, x: Value): Value => b.op('ReduceSum', [x], { keepdims: 0 });

async function evaluate(b: Builder, outputs: Iterable<Value>, feeds: Record<string, number[]>) {
  b.graph.outputs = [...outputs].map((name) => ({ name, ...b.type(name), shape: [...b.shape(name)] }));
  lower(b.graph, new Set());
  const tensors = Object.entries(feeds).map(
    ([name, data]) => [name, Tensor.of(b.type(name).dtype, data, b.shape(name))] as const,
  );
  const results = await runStock(b.graph, new Map(tensors));
  return new Map([...results].map(([name, tensor]) => [name, tensor.numbers()]));
}

const ops = (b: Builder, from = 0) => b.graph.nodes.slice(from).map((n) => n.op);

it('adds up the gradients of a value that is read several times', async () => {
  const b = start({ x: [2] });
  const square = b.op('Mul', ['x', 'x']);
  const loss = total(b, b.op('Add', [b.op('Add', [square, 'x']), 'x']));
  const dx = backward(b, loss, ['x']).get('x')!;
  expect(ops(b)).toContain('Sum');
  expect((await evaluate(b, [dx], { x: [3, -1] })).get(dx)).toEqual([8, 0]);
});

it.each([
  ['Slice', (b: Builder, x: Value) => b.op('Slice', [x, b.ints([1]), b.ints([3]), b.ints([3])])],
  ['Gather', (b: Builder, x: Value) => b.op('Gather', [x, b.constant(Tensor.scalar('int64', 2))], { axis: 1 })],
  ['Pad', (b: Builder, x: Value) => b.op('Pad', [x, b.ints([0, 0, -1, 0, 0, 0, 2, 0])])],
])('pads no axes by name in the gradient of %s, which the transposes around it would mix up', async (_, write) => {
  const b = start({ x: [2, 3, 4, 5] });
  const part = write(b, b.op('Transpose', ['x'], { perm: [0, 2, 3, 1] }));
  const dx = backward(b, total(b, b.op('Mul', [part, part])), ['x']).get('x')!;
  b.graph.outputs = [{ name: dx, ...b.type(dx), shape: [2, 3, 4, 5] }];
  lower(b.graph, new Set());
  const x = Tensor.of(
    'float32',
    Float32Array.from({ length: 120 }, (_, i) => i),
    [2, 3, 4, 5],
  );
  const session = await InferenceSession.create(encodeGraph(b.graph), { logSeverityLevel: 4 });
  const optimized = await session.run({ x: new OrtTensor('float32', x.data() as Float32Array, x.shape) });
  const plain = await runStock(b.graph, new Map([['x', x]]));
  expect(optimized[dx]!.data).toEqual(plain.get(dx)!.data());
  await session.release();
});

it('gives every value a gradient of its own under its name', async () => {
  const b = start({ x: [2], y: [2] });
  const gradients = backward(b, total(b, b.op('Add', ['x', 'y'])), ['x', 'y', 'x']);
  expect([...gradients]).toEqual([
    ['x', 'grad.x'],
    ['y', 'grad.y'],
  ]);
  const results = await evaluate(b, gradients.values(), { x: [1, 2], y: [3, 4] });
  expect([...results.values()]).toEqual([
    [1, 1],
    [1, 1],
  ]);
  expect(b.graph.nodes.every((n) => !n.name.startsWith('grad.') || n.outputs.every((y) => y.startsWith('grad.')))).toBe(
    true,
  );
  expect(b.prefix).toBe('');
});

it('gives zeros for a value that does not reach the loss', async () => {
  const b = start({ x: [2], unused: [2, 2], stepped: [2] });
  const step = b.op('Mul', [b.op('Floor', ['stepped']), 'x']);
  const gradients = backward(b, total(b, step), ['unused', 'stepped']);
  const results = await evaluate(b, gradients.values(), { x: [1, 2], unused: [1, 1, 1, 1], stepped: [3, 4] });
  expect(results.get(gradients.get('unused')!)).toEqual([0, 0, 0, 0]);
  expect(results.get(gradients.get('stepped')!)).toEqual([0, 0]);
});

it('gives the gradient of the loss with respect to itself', async () => {
  const b = start({ x: [2] });
  const loss = total(b, 'x');
  const dloss = backward(b, loss, [loss]).get(loss)!;
  expect((await evaluate(b, [dloss], { x: [1, 2] })).get(dloss)).toEqual([1]);
});

it('starts from the given seed', async () => {
  const b = start({ x: [2], seed: [2] });
  const dx = backward(b, b.op('Exp', ['x']), ['x'], { seed: 'seed' }).get('x')!;
  expect((await evaluate(b, [dx], { x: [0, 0], seed: [5, -2] })).get(dx)).toEqual([5, -2]);
});

it('differentiates with respect to an intermediate value', async () => {
  const b = start({ x: [2] });
  const middle = b.op('Exp', ['x']);
  const gradients = backward(b, total(b, b.op('Mul', [middle, middle])), [middle, 'x']);
  const results = await evaluate(b, gradients.values(), { x: [0, 0] });
  expect([...results.values()]).toEqual([
    [2, 2],
    [2, 2],
  ]);
});

it('builds no gradient that nobody asks for', () => {
  const b = start({ x: [4, 8], w: [8, 2], scale: [8], bias: [8] });
  const normalised = b.op('LayerNormalization', ['x', 'scale', 'bias']);
  const loss = total(b, b.op('MatMul', [normalised, 'w']));
  const forward = b.graph.nodes.length;
  backward(b, loss, ['scale']);
  const added = b.graph.nodes.slice(forward);
  expect(added.filter((n) => n.op === 'Gemm')).toHaveLength(1);
  const grad = added.find((n) => n.op === 'LayerNormalizationGrad')!;
  expect(grad.outputs).toEqual(['', 'grad.scale']);
});

it('ends at values that are not floats', async () => {
  const b = start({ x: [2, 3], i: [2] }, { i: 'int64' });
  const chosen = b.op('Gather', ['x', b.op('Cast', [b.op('Cast', ['i'], { to: 1 })], { to: 7 })], { axis: 1 });
  const dx = backward(b, total(b, chosen), ['x']).get('x')!;
  expect((await evaluate(b, [dx], { x: [1, 2, 3, 4, 5, 6], i: [2, 2] })).get(dx)).toEqual([0, 0, 2, 0, 0, 2]);
});

it('sums repeated rows with one BiasGrad and other broadcasts with one ReduceSum', () => {
  const b = start({ x: [2, 3, 4], row: [4], plane: [1, 3, 4], column: [2, 1, 1] });
  const y = ['row', 'plane', 'column'].reduce((sum, name) => b.op('Add', [sum, name]), 'x');
  const loss = total(b, b.op('Exp', [y]));
  const forward = b.graph.nodes.length;
  backward(b, loss, ['row', 'plane', 'column']);
  const counts = ops(b, forward).filter((op) => op === 'BiasGrad' || op === 'ReduceSum');
  expect(counts.toSorted()).toEqual(['BiasGrad', 'BiasGrad', 'ReduceSum']);
});

it('fills in zeros for a part of a split that does not reach the loss', async () => {
  const b = start({ x: [4] });
  const [first] = b.ops('Split', ['x'], { num_outputs: 2 }, { outputs: 2 });
  const dx = backward(b, total(b, first!), ['x']).get('x')!;
  b.graph.outputs = [{ name: dx, ...b.type(dx), shape: [4] }];
  prune(b.graph);
  expect((await evaluate(b, [dx], { x: [1, 2, 3, 4] })).get(dx)).toEqual([1, 1, 0, 0]);
});

it.each([
  ['both outputs', [0, 3]],
  ['the sum alone', [3]],
])('reaches a SkipLayerNormalization through %s', async (_, used) => {
  const b = start({ x: [1, 2], skip: [1, 2], gamma: [2] });
  const y = b.ops('SkipLayerNormalization', ['x', 'skip', 'gamma'], {}, { domain: 'com.microsoft', outputs: 4 });
  const loss = used.map((i) => total(b, b.op('Mul', [y[i]!, y[i]!]))).reduce((p, q) => b.op('Add', [p, q]));
  const gradients = backward(b, loss, ['x', 'skip', 'gamma']);
  const results = await evaluate(b, gradients.values(), { x: [1, 2], skip: [2, 5], gamma: [1, 1] });
  const [dx, dskip, dgamma] = ['x', 'skip', 'gamma'].map((name) => results.get(gradients.get(name)!)!);
  // The squares of two normalised values are 1 each: no slope there, 2 (x + skip) through the sum.
  expect(dx![0]).toBeCloseTo(6, 4);
  expect(dx![1]).toBeCloseTo(14, 4);
  expect(dskip).toEqual(dx);
  expect(dgamma![0]).toBeCloseTo(used.includes(0) ? 2 : 0, 4);
});

it('applies the mask of a Dropout in training mode', async () => {
  const b = start({ x: [64] });
  const inputs = ['x', b.scalar('float32', 0.25), b.constant(Tensor.of('bool', [1], []))];
  const y = b.op('Dropout', inputs, { seed: 3 });
  const dx = backward(b, total(b, y), ['x']).get('x')!;
  const ones = Array.from({ length: 64 }, () => 1);
  const results = await evaluate(b, [y, dx], { x: ones });
  expect(results.get(dx)).toEqual(results.get(y));
  expect(results.get(dx)).toContain(0);
});

it('names every operator without a rule on a path, and what to do', () => {
  const b = start({ x: [2, 4], frozen: [4] });
  // Of gradients there are no gradients.
  b.op('SoftmaxGrad', ['frozen', 'frozen'], {}, { domain: 'ortune', name: 'off the path' });
  const first = b.op('SoftmaxGrad', ['x', 'frozen'], {}, { domain: 'ortune', name: 'first' });
  const y = b.op('GeluGrad', [first, 'frozen'], {}, { domain: 'ortune', name: 'second' });
  const normal = b.ops(
    'BatchNormalization',
    [y, 'frozen', 'frozen', 'frozen', 'frozen'],
    {},
    { outputs: 2, name: 'third' },
  );
  const loss = total(b, b.op('Add', normal));
  const fail = () => backward(b, loss, ['x']);
  expect(fail).toThrow(ModelError);
  expect(fail).toThrow(
    "no gradient rule for 3 operators between the trainable parameters and the loss:\n  ortune.SoftmaxGrad (node 'first')\n" +
      "  ortune.GeluGrad (node 'second')\n  BatchNormalization (node 'third', through its output 1)\nFreeze every parameter below",
  );
});

it('refuses batch axes that a FusedMatMul transposes', () => {
  const b = start({ x: [3, 2, 4], y: [2, 4, 5] });
  const product = b.op('FusedMatMul', ['x', 'y'], { transBatchA: 1 }, { domain: 'com.microsoft', name: 'odd' });
  expect(() => backward(b, total(b, product), ['y'])).toThrow(/node 'odd' .* transposes batch axes/);
});

const image = { x: [1, 4, 6, 6], c: [4] };
it.each<[string, string, Value[], Record<string, AttrInput>, RegExp]>([
  [
    'batch statistics',
    'BatchNormalization',
    ['x', 'c', 'c', 'c', 'c'],
    { training_mode: 1 },
    /statistics of the batch/,
  ],
  ['places counted by columns', 'MaxPool', ['x'], { kernel_shape: [2, 2], storage_order: 1 }, /storage_order 1/],
  [
    'another way to scatter',
    'ScatterElements',
    ['x', 'places', 'x'],
    { reduction: 'mean' },
    /reduction 'mean' is none of/,
  ],
  ['cropping', 'Resize', ['x', '', '', 'sizes'], { coordinate_transformation_mode: 'tf_crop_and_resize' }, /tf_crop/],
  ['an unknown interpolation', 'Resize', ['x', '', '', 'sizes'], { mode: 'lanczos' }, /mode 'lanczos' is not known/],
  ['an unknown rounding', 'Resize', ['x', '', '', 'sizes'], { nearest_mode: 'up' }, /nearest_mode 'up'/],
  ['an unknown padding', 'Pad', ['x', 'pads'], { mode: 'mirror' }, /mode 'mirror' is not known/],
])('refuses %s by the node', (_, op, inputs, attrs, message) => {
  const b = start(image);
  const constants: Record<string, Value> = {
    sizes: b.ints([1, 4, 9, 9]),
    pads: b.ints([0, 0, 1, 1, 0, 0, 1, 1]),
    places: b.constant(Tensor.of('int64', new Array(144).fill(0), [1, 4, 6, 6])),
  };
  const y = b.op(
    op,
    inputs.map((name) => constants[name] ?? name),
    attrs,
    { name: 'odd' },
  );
  expect(() => backward(b, total(b, y), ['x'])).toThrow(message);
  expect(() => backward(b, total(b, y), ['x'])).toThrow(/node 'odd'/);
});

it('differentiates float values only', () => {
  const b = start({ x: [2], i: [2] }, { i: 'int64' });
  expect(() => backward(b, total(b, 'x'), ['i'])).toThrow("'i' is int64");
});

it('says explicitly which operators pass no gradient', () => {
  for (const op of ['Equal', 'And', 'Shape', 'IsNaN', 'ConstantOfShape', 'Range', 'ArgMax'])
    expect(rules.get(op)).toBeNull();
});
