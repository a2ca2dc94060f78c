// Which devices this machine has, found by trying each: it is opened and multiplies two matrices that lie in its memory.
// That tells more than a list of drivers, and tells a graphics card from a driver that computes on the CPU.

import { OrtuneError } from '../errors.js';
import { Builder } from '../onnx/builder.js';
import { encodeGraph } from '../onnx/encode.js';
import { Graph } from '../onnx/graph.js';
import { Arena, sharedTensor } from './arena.js';
import { examineMachine } from './doctor.js';
import { type Device, openDevice } from './session.js';

export interface DeviceReport {
  name: string;
  works: boolean;
  /** Why it does not work, as a sentence. */
  reason?: string;
  /** The same in a few words: the first thing that the doctor misses, else what the runtime says. */
  lacks?: string;
  /** Rate at a product of two square float32 matrices of `size` rows. */
  gflops?: number;
  size?: number;
}

/** What is tried, the fastest kind first. */
const candidates = ['cuda', 'webgpu', 'cpu'] as const;

/** A product of so many rows is timed first; a device that takes long for it is not asked for a large one. */
const [small, large] = [256, 2048];
const longMs = 20;
const repeats = 3;

/** Tries every device. Never rejects for one that does not work. */
export async function probeDevices(): Promise<DeviceReport[]> {
  const reports: DeviceReport[] = [];
  for (const name of candidates) reports.push(await probe(name));
  return reports;
}

async function probe(name: string): Promise<DeviceReport> {
  let device: Device | undefined;
  try {
    device = await openDevice(name);
    const first = await productMs(device, small);
    const size = first > longMs ? small : large;
    const ms = size === small ? first : await productMs(device, size);
    return { name: device.name, works: true, gflops: (2 * size ** 3) / ms / 1e6, size };
  } catch (error) {
    if (!(error instanceof OrtuneError)) throw error;
    return { name, works: false, reason: error.message, lacks: lackOf(name, error) };
  } finally {
    await device?.close();
  }
}

function lackOf(name: string, { message, cause }: Error): string {
  const missing = examineMachine().find((finding) => finding.device === name && !finding.ok);
  if (missing) return `${missing.what} is missing`;
  return cause instanceof Error ? cause.message : message;
}

/** Shortest time of x·w with both in the device's memory; one row of the result comes back. */
async function productMs(device: Device, size: number): Promise<number> {
  const graph = new Graph();
  const square = { dtype: 'float32' as const, shape: [size, size] };
  for (const name of ['x', 'w']) {
    graph.inputs.push({ name, ...square });
    graph.types.set(name, square);
  }
  const b = new Builder(graph);
  const y = b.op('Slice', [b.op('MatMul', ['x', 'w']), b.ints([0]), b.ints([1]), b.ints([0])]);
  graph.outputs.push({ name: y, dtype: 'float32', shape: [1, size] });
  const matrices = Arena.create(Arena.layout(['x', 'w'].map((name) => ({ name, shape: [size, size] }))));
  const placed = await device.place(matrices);
  const session = await device.createSession({
    model: encodeGraph(graph),
    bound: { inputs: new Map(['x', 'w'].map((name) => [name, placed.tensor(name)])), outputs: new Map() },
  });
  const row = new Map([[y, sharedTensor('float32', [1, size])]]);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= repeats; i++) {
    const started = performance.now();
    await session.run(new Map(), row);
    if (i > 0) best = Math.min(best, performance.now() - started);
  }
  await session.release();
  return best;
}

/** The fastest that works, and why: what `auto` stands for. */
export function chooseDevice(reports: readonly DeviceReport[]): { name: string; why: string } {
  const working = reports.filter((r) => r.works).sort((a, b) => b.gflops! - a.gflops!);
  const [best] = working;
  if (!best) throw new OrtuneError(`no device works: ${reports.map((r) => `${r.name}: ${r.reason}`).join('; ')}`);
  const rates = working.map(({ name, gflops }) => `${name} ${Math.round(gflops!)}`).join(', ');
  const broken = reports.filter((r) => !r.works).map(({ name, lacks }) => `; ${name} does not work here (${lacks})`);
  return { name: best.name, why: `the fastest at a matrix product (GFLOP/s: ${rates})${broken.join('')}` };
}
