// Times one large matrix product on a device, with both matrices in its memory: what its arithmetic reaches on this
// machine, through the same runtime that trains.

import { Builder } from '../onnx/builder.js';
import { encodeGraph } from '../onnx/encode.js';
import { Graph } from '../onnx/graph.js';
import { Arena, sharedTensor } from './arena.js';
import type { Device } from './device.js';

/** Rows of the large product. */
export const largeProduct = 2048;

/**
 * A product of so many rows is timed first, then ever larger ones, until one takes a device long enough to be timed.
 */
const smallProduct = 256;
const longMs = 20;

const warmUps = 2;

/** Milliseconds of x·w, float32 matrices of `size` rows and columns, in `runs` runs after two that warm up. */
export async function timeProduct(device: Device, size: number, runs: number): Promise<number[]> {
  const graph = new Graph();
  const b = new Builder(graph);
  for (const name of ['x', 'w']) b.input(name, 'float32', [size, size]);
  // One row of the result comes back.
  const y = b.op('Slice', [b.op('MatMul', ['x', 'w']), b.ints([0]), b.ints([1]), b.ints([0])]);
  b.output(y);
  const matrices = Arena.create(Arena.layout(['x', 'w'].map((name) => ({ name, shape: [size, size] }))));
  for (let i = 0; i < matrices.data.length; i++) matrices.data[i] = (i % 1013) / 1013;
  const placed = await device.place(matrices);
  const session = await device.createSession({
    model: encodeGraph(graph),
    bound: { inputs: new Map(['x', 'w'].map((name) => [name, placed.tensor(name)])), outputs: new Map() },
  });
  const row = new Map([[y, sharedTensor('float32', [1, size])]]);
  const ms: number[] = [];
  for (let run = 0; run < warmUps + runs; run++) {
    const started = performance.now();
    await session.run(new Map(), row);
    if (run >= warmUps) ms.push(performance.now() - started);
  }
  await session.release();
  return ms;
}

/** The same with as many rows as the device is fast enough for: twice as many at a time, up to the large product. */
export async function timeFittingProduct(device: Device, runs: number): Promise<{ ms: number[]; size: number }> {
  for (let size = smallProduct; ; size *= 2) {
    const ms = await timeProduct(device, size, runs);
    if (size >= largeProduct || Math.min(...ms) > longMs) return { ms, size };
  }
}

/** GFLOP/s of a product of so many rows that takes so long. */
export const productGflops = (size: number, ms: number): number => (2 * size ** 3) / ms / 1e6;
