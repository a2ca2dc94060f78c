// Max-norm: which axis of a weight its units lie along, and what the constraint makes of weights, as Keras defines it:
// w·min(‖w‖, limit) / (10⁻⁷ + ‖w‖) over the weights that come into a unit.

import { describe, expect, it } from 'vitest';
import { Builder } from '#ortune/onnx/builder.js';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { constraintSession } from '#ortune/optim/constraints.js';
import { normals } from '#ortune/random.js';
import { Arena } from '#ortune/runtime/arena.js';
import { openDevice } from '#ortune/runtime/session.js';
import { unitAxis } from '#ortune/transfer/units.js';
import { describeWebgpu } from '../support/webgpu.js';

describe('the axis of the units', () => {
  /** Of a weight of this shape in the graph that `build` makes of it. */
  function axisIn(shape: readonly number[], build: (b: Builder, w: string) => void): number | undefined {
    const graph = new Graph();
    const b = new Builder(graph);
    graph.initializers.set('w', Tensor.of('float32', new Float32Array(shape.reduce((x, y) => x * y, 1)), shape));
    graph.types.set('w', { dtype: 'float32', shape: [...shape] });
    build(b, 'w');
    return unitAxis(graph, graph.consumers(), 'w');
  }
  const x = (b: Builder, ...shape: number[]): string => b.input(`x${shape.join('x')}`, 'float32', shape);

  it.each<[string, number | undefined, readonly number[], (b: Builder, w: string) => void]>([
    ['x·W', 1, [3, 5], (b, w) => b.op('MatMul', [x(b, 2, 3), w])],
    ['W·x', 0, [5, 3], (b, w) => b.op('MatMul', [w, x(b, 3, 2)])],
    ['x·Wᵀ', 0, [5, 3], (b, w) => b.op('MatMul', [x(b, 2, 3), b.op('Transpose', [w], { perm: [1, 0] })])],
    ['Gemm', 1, [3, 5], (b, w) => b.op('Gemm', [x(b, 2, 3), w])],
    ['Gemm with transB', 0, [5, 3], (b, w) => b.op('Gemm', [x(b, 2, 3), w], { transB: 1 })],
    ['Gemm of W', 0, [5, 3], (b, w) => b.op('Gemm', [w, x(b, 3, 2)])],
    ['Gemm of W with transA', 1, [3, 5], (b, w) => b.op('Gemm', [w, x(b, 3, 2)], { transA: 1 })],
    ['a convolution', 0, [4, 3, 3, 3], (b, w) => b.op('Conv', [x(b, 1, 3, 8, 8), w])],
    ['a transposed convolution', 1, [3, 4, 3, 3], (b, w) => b.op('ConvTranspose', [x(b, 1, 3, 8, 8), w])],
    ['a table that is looked up', undefined, [5, 3], (b, w) => b.op('Gather', [w, b.ints([1])])],
    ['a matrix that is added', undefined, [2, 3], (b, w) => b.op('Add', [x(b, 2, 3), w])],
    [
      'a square matrix that is read from both sides',
      undefined,
      [3, 3],
      (b, w) => b.op('MatMul', [b.op('MatMul', [x(b, 2, 3), w]), b.op('Transpose', [w], { perm: [1, 0] })]),
    ],
  ])('of %s is %s', (_, axis, shape, build) => {
    expect(axisIn(shape, build)).toBe(axis);
  });
});

/** What Keras's MaxNorm(limit, axis: all but unitAxis) makes of a tensor. */
function keras(w: Float32Array, shape: readonly number[], unitAxis: number, limit: number): Float64Array {
  const inner = shape.slice(unitAxis + 1).reduce((a, b) => a * b, 1);
  const unitOf = (i: number): number => Math.floor(i / inner) % shape[unitAxis]!;
  const squares = new Float64Array(shape[unitAxis]!);
  w.forEach((x, i) => {
    squares[unitOf(i)]! += x * x;
  });
  return Float64Array.from(w, (x, i) => {
    const norm = Math.sqrt(squares[unitOf(i)]!);
    return (x * Math.min(norm, limit)) / (1e-7 + norm);
  });
}

async function heldOn(on: 'cpu' | 'webgpu'): Promise<void> {
  const held = [
    { name: 'dense', shape: [37, 29], unitAxis: 1, limit: 5 },
    { name: 'linear', shape: [11, 130], unitAxis: 0, limit: 11.3 },
    { name: 'filters', shape: [6, 5, 3, 3], unitAxis: 0, limit: 1 },
  ];
  const device = await openDevice(on, { threads: 2 });
  const parameters = Arena.create(Arena.layout([...held, { name: 'free', shape: [7, 3] }]));
  for (const [i, { name, length }] of parameters.entries.entries()) parameters.array(name).set(normals(3, i, length));
  parameters.array('filters').fill(0, 0, 45);
  const before = parameters.like();
  before.data.set(parameters.data);
  const placed = await device.place(parameters);
  const constraints = await constraintSession(device, parameters, held);
  for (let run = 0; run < 2; run++) {
    await constraints!.run();
    await placed.download();
    for (const { name, shape, unitAxis, limit } of held) {
      const expected = keras(before.array(name), shape, unitAxis, limit);
      const found = parameters.array(name);
      for (const [i, x] of expected.entries()) expect(Math.abs(found[i]! - x), `${name} ${i}`).toBeLessThan(2e-6);
    }
    expect(parameters.array('free')).toEqual(before.array('free'));
  }
  await constraints!.session.release();
  await device.close();
}

it('holds weights to it, and once more changes nothing', () => heldOn('cpu'));

describeWebgpu('max-norm on a device', () => {
  it('holds weights to it, and once more changes nothing', () => heldOn('webgpu'));
});
