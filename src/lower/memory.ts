// How many bytes of values a run of a static graph holds at once, found without running it: the order in which the
// runtime takes the nodes, the memory that it plans for their outputs, and on WebGPU the pool that this comes from. It
// is what the runtime's planner does, as far as memory shows it; scratch of kernels and what allocators lose are not in
// it. Measured beside real sessions: docs/devices.md.

import { bytesOf, type Graph, type Node, operatorKey, type Value } from '../onnx/graph.js';
import { traitsOf } from '../onnx/operators.js';
import { elementCount } from '../onnx/tensor.js';
import type { DeviceKind } from './target.js';

/**
 * Memory that one value after another lies in: from the node that makes the first to the last that reads one of them.
 */
interface Buffer {
  bytes: number;
  from: number;
  to: number;
  /** Reads still to come, while planning. */
  reads: number;
}

/** A graph, and what its session is bound to and brings its own memory: parameters, gradients. */
export interface Counted {
  graph: Graph;
  bound: ReadonlySet<Value>;
}

/**
 * Bytes that sessions of these graphs, kept beside each other and run one at a time, hold at most beside what they are
 * bound to. On the CPU they share one arena. WebGPU's buffers are pooled for all sessions, by their size. On CUDA each
 * session keeps its own, and two are kept (runtime/cache.ts).
 */
export function bytesTogether(counted: readonly Counted[], kind: DeviceKind): number {
  const planned = counted.map(({ graph }) => planBuffers(withoutRepeats(graph), kind));
  if (kind === 'cpu') return Math.max(...planned.map(mostAtOnce));
  const fed = counted.map(fedBytes);
  if (kind === 'webgpu') return pooled(planned.map(poolOf)) + Math.max(...fed);
  const each = planned.map((buffers, i) => mostAtOnce(buffers) + fed[i]!).sort((a, b) => b - a);
  return each.slice(0, 2).reduce((sum, bytes) => sum + bytes, 0);
}

/** Inputs and outputs have copies on a device. */
const fedBytes = ({ graph, bound }: Counted): number =>
  [...graph.inputs, ...graph.outputs].reduce((sum, { name }) => sum + (bound.has(name) ? 0 : bytesOf(graph, name)), 0);

/**
 * The nodes as the runtime takes them: depth first from those that nobody reads, the last in the file first, and of a
 * node's inputs those that are made last in the file first.
 */
export function runOrder(graph: Graph): Node[] {
  const { nodes } = graph;
  const producer = new Map(nodes.flatMap(({ outputs }, i) => outputs.map((out) => [out, i] as const)));
  producer.delete('');
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const stack = [...nodes.keys()].filter((i) => nodes[i]!.outputs.every((out) => !read.has(out)));
  const seen = new Set<number>();
  const order: Node[] = [];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    // -1 - i: all that node i reads has been taken.
    if (top < 0) order.push(nodes[-1 - top]!);
    if (top < 0 || seen.has(top)) continue;
    seen.add(top);
    const before = nodes[top]!.inputs.flatMap((x) => producer.get(x) ?? []);
    stack.push(-1 - top, ...before.filter((i) => !seen.has(i)).sort((a, b) => a - b));
  }
  return order;
}

/**
 * The graph with one node where several compute the same: the runtime merges them, and the value then lives for all
 * readers.
 */
function withoutRepeats(graph: Graph): Graph {
  const same = sameConstants(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const known = new Map<string, Node>();
  const inputsOf = new Map<Node, Value[]>();
  for (const node of runOrder(graph)) {
    const inputs = node.inputs.map((x) => same.get(x) ?? x);
    const attrs = [...node.attrs].map(([name, { value }]) => [name, plain(value)]).sort();
    const key = JSON.stringify([operatorKey(node), inputs, attrs, node.outputs.map(Boolean)]);
    const first = known.get(key);
    if (first && !node.outputs.some((out) => outputs.has(out)))
      for (const [i, out] of node.outputs.entries()) same.set(out, first.outputs[i]!);
    else inputsOf.set(node, inputs);
    if (!first) known.set(key, node);
  }
  const merged = graph.clone();
  merged.nodes = graph.nodes.flatMap((node) => (inputsOf.has(node) ? [{ ...node, inputs: inputsOf.get(node)! }] : []));
  return merged;
}

/** Constants of one element that are equal are one, too: for each of the others the first. */
function sameConstants({ initializers }: Graph): Map<Value, Value> {
  const first = new Map<string, Value>();
  const same = new Map<Value, Value>();
  for (const [name, tensor] of initializers) {
    if (elementCount(tensor.shape) !== 1) continue;
    const key = `${tensor.dtype} [${tensor.shape}] ${plain(tensor)}`;
    const known = first.get(key);
    if (known === undefined) first.set(key, name);
    else same.set(name, known);
  }
  return same;
}

const plain = (value: unknown): string =>
  typeof value === 'object' && value !== null && 'bytes' in value
    ? (value as { bytes(): Uint8Array }).bytes().join()
    : String(value);

/** Whose output is its input's memory under another shape; on a device an Identity is a copy. */
const isView = (node: Node, kind: DeviceKind): boolean =>
  traitsOf(node).view || (node.op === 'Identity' && node.domain === '' && kind === 'cpu');

/**
 * The memory of all values but those that a session is given: an output goes where its node's view or a value of the
 * same size that nobody reads any more lies, the latest of them first, else into memory of its own.
 */
function planBuffers(graph: Graph, kind: DeviceKind): Buffer[] {
  const given = new Set(graph.outputs.map(({ name }) => name));
  const order = runOrder(graph);
  const reads = new Map<Value, number>();
  for (const { inputs } of order) for (const x of inputs) reads.set(x, (reads.get(x) ?? 0) + 1);
  const made = new Set(order.flatMap(({ outputs }) => outputs));
  const buffers: Buffer[] = [];
  const bufferOf = new Map<Value, Buffer>();
  const free: Buffer[] = [];
  for (const [at, node] of order.entries()) {
    for (const [i, out] of node.outputs.entries()) {
      if (!out || given.has(out)) continue;
      const [x] = node.inputs;
      const view = i === 0 && isView(node, kind);
      // A view of a parameter takes nothing.
      if (view && !(made.has(x!) && bufferOf.has(x!))) continue;
      const buffer = view ? bufferOf.get(x!)! : takeFree(free, bytesOf(graph, out));
      if (buffer.to < 0) {
        buffer.from = at;
        buffers.push(buffer);
      }
      buffer.reads += reads.get(out) ?? 0;
      bufferOf.set(out, buffer);
    }
    for (const x of [...node.inputs, ...node.outputs]) {
      const buffer = bufferOf.get(x);
      if (!buffer) continue;
      buffer.to = at;
      if (node.inputs.includes(x)) buffer.reads--;
      if (buffer.reads === 0 && !free.includes(buffer)) free.unshift(buffer);
    }
  }
  return buffers;
}

function takeFree(free: Buffer[], bytes: number): Buffer {
  const i = free.findIndex((buffer) => buffer.bytes === bytes);
  return i < 0 ? { bytes, from: 0, to: -1, reads: 0 } : free.splice(i, 1)[0]!;
}

/** The buffers that come and go at each node, in their order. */
function* changes(buffers: readonly Buffer[]): Generator<{ made: Buffer[]; left: Buffer[] }> {
  const steps = Math.max(0, ...buffers.map(({ to }) => to + 1));
  const all = Array.from({ length: steps }, () => ({ made: [] as Buffer[], left: [] as Buffer[] }));
  for (const buffer of buffers) {
    all[buffer.from]!.made.push(buffer);
    all[buffer.to]!.left.push(buffer);
  }
  yield* all;
}

/** Where memory that is free serves any size. */
function mostAtOnce(buffers: readonly Buffer[]): number {
  let [now, most] = [0, 0];
  for (const { made, left } of changes(buffers)) {
    now += total(made);
    most = Math.max(most, now);
    now -= total(left);
  }
  return most;
}

const total = (buffers: readonly Buffer[]): number => buffers.reduce((sum, { bytes }) => sum + bytes, 0);

/** Buffers by their size in bytes. */
type Pool = ReadonlyMap<number, number>;

/** Where memory that is free serves its own size only, and is kept: how many of each size there come to be. */
function poolOf(buffers: readonly Buffer[]): Pool {
  const inUse = new Map<number, number>();
  const most = new Map<number, number>();
  const count = (size: number, more: number): void => {
    const now = (inUse.get(size) ?? 0) + more;
    inUse.set(size, now);
    most.set(size, Math.max(now, most.get(size) ?? 0));
  };
  for (const { made, left } of changes(buffers)) {
    for (const { bytes } of made) count(bytes, 1);
    for (const { bytes } of left) count(bytes, -1);
  }
  return most;
}

/** What WebGPU's implementation cuts out of larger pieces of memory, by halving them. */
const halvedBelow = 4 * 2 ** 20;

/** What a tensor of so many bytes takes of a device. */
export const allocatedBytes = (bytes: number, kind: DeviceKind): number =>
  kind === 'webgpu' && bytes < halvedBelow ? 2 ** Math.ceil(Math.log2(Math.max(16, bytes))) : bytes;

/** Bytes of one pool that serves all. */
function pooled(pools: readonly Pool[]): number {
  const sizes = new Set(pools.flatMap((pool) => [...pool.keys()]));
  return [...sizes].reduce(
    (sum, size) => sum + allocatedBytes(size, 'webgpu') * Math.max(...pools.map((pool) => pool.get(size) ?? 0)),
    0,
  );
}
