// Less memory for more time: of the activations that backward needs, only those between layers are kept; the others are
// computed again, layer by layer, when the gradient arrives there. A graph-to-graph transform of the differentiated
// graph. Layers end where one value carries everything that goes on, whatever the names, so encoders of any export
// and residual networks are served. Source: Chen et al., Training Deep Nets with Sublinear Memory Cost (2016).

import type { Builder } from '../onnx/builder.js';
import { isFloat } from '../onnx/dtype.js';
import { forgetViews, mul, view } from '../onnx/formulas.js';
import { bytesOf, type Node, prune, type Value } from '../onnx/graph.js';

export interface RecomputeOptions {
  /** The nodes that were there before the graph was differentiated. */
  forward: readonly Node[];
  /** Parameters, trained or not, and statistics. */
  parameters: ReadonlySet<Value>;
}

/** Nodes between two places at which one value carries everything. */
interface Segment {
  nodes: readonly Node[];
  /** What carries everything at its end. */
  end: Value;
  /** Of what its nodes compute. */
  bytes: number;
}

/**
 * Rewrites the builder's graph in place. What backward reads of a layer comes from copies of the layer's nodes, which
 * read what was kept only once the gradient has come so far. The last layer is left alone: its gradient comes at once.
 * @returns how many layers are computed again; 0 where the graph has no places to cut it, and nothing is changed
 */
export function recomputeLayers(b: Builder, options: RecomputeOptions): number {
  const { graph } = b;
  const before = new Set(options.forward);
  const [forward, behind] = [true, false].map((there) => graph.nodes.filter((node) => before.has(node) === there)) as [
    Node[],
    Node[],
  ];
  const sources = new Set(graph.inputs.filter(({ dtype }) => isFloat(dtype)).map(({ name }) => name));
  const segments = chooseSegments(b, segmentsOf(b, forward, carriedValues(b, forward, options.parameters)));
  const rank = segmentRanks(b, segments);
  // What the gradient of the loss is made of, and so everything behind it; the loss itself may lie further on.
  const last = Math.max(-1, ...behind.flatMap(({ outputs }) => outputs.map((out) => rank.get(out) ?? -1)));
  // Backward's views and transposes of activations need no gradient, and belong to the layer that they look at.
  const reached = (node: Node): boolean => node.outputs.some((out) => rank.get(out) === last);
  const readers = behind.filter(reached);
  const views = behind.filter((node) => !reached(node));
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const copies = new Map<Node, Node[]>();
  graph.nodes = [];
  forgetViews(b);
  for (const [i, { nodes, end }] of segments.slice(0, Math.max(0, last)).entries()) {
    const own = [...nodes, ...views.filter((node) => node.outputs.some((out) => rank.get(out) === i))];
    const producers = recomputable(own, { sources, kept: new Set([...outputs, end]) });
    const reader = readers.find((node) => node.inputs.some((x) => producers.has(x)));
    const arrived = reader?.inputs.find((x) => rank.get(x) === last);
    sources.add(end);
    if (!reader || arrived === undefined) continue;
    copyInto(b, { readers, producers, own, sources, arrived });
    copies.set(reader, [...(copies.get(reader) ?? []), ...graph.nodes.splice(0)]);
  }
  // What backward makes of parameters alone may come behind the first copy that reads it.
  const early = behind.filter(({ outputs }) => outputs.every((out) => (rank.get(out) ?? -1) < 0));
  const late = behind.filter((node) => !early.includes(node));
  graph.nodes = [...forward, ...early, ...late].flatMap((node) => [...(copies.get(node) ?? []), node]);
  forgetViews(b);
  prune(graph);
  return copies.size;
}

/** What is computed of both a batch and parameters: activations, but no masks and no transposed weights. */
function carriedValues(b: Builder, forward: readonly Node[], parameters: ReadonlySet<Value>): Set<Value> {
  const [fed, weighed] = [new Set(b.graph.inputs.map(({ name }) => name)), new Set(parameters)];
  const carried = new Set<Value>();
  for (const { inputs, outputs } of forward)
    for (const out of outputs.filter(Boolean)) {
      if (inputs.some((x) => fed.has(x))) fed.add(out);
      if (inputs.some((x) => weighed.has(x))) weighed.add(out);
      if (fed.has(out) && weighed.has(out)) carried.add(out);
    }
  return carried;
}

/** The forward nodes, cut wherever a single carried value is still to be read. */
function segmentsOf(b: Builder, forward: readonly Node[], carried: ReadonlySet<Value>): Segment[] {
  const lastReader = new Map<Value, number>();
  for (const [i, node] of forward.entries()) for (const x of node.inputs) if (carried.has(x)) lastReader.set(x, i);
  const segments: Segment[] = [];
  const open = new Set<Value>();
  let nodes: Node[] = [];
  for (const [i, node] of forward.entries()) {
    nodes.push(node);
    for (const out of node.outputs) if (carried.has(out) && lastReader.has(out)) open.add(out);
    for (const x of node.inputs) if (lastReader.get(x) === i) open.delete(x);
    const [end] = open;
    if (open.size !== 1 || end === segments.at(-1)?.end) continue;
    segments.push({ nodes, end: end!, bytes: nodes.reduce((sum, n) => sum + carriedBytes(b, n, carried), 0) });
    nodes = [];
  }
  const [last] = segments.slice(-1);
  // What is behind the last cut belongs to the last segment.
  if (last) segments[segments.length - 1] = { ...last, nodes: [...last.nodes, ...nodes] };
  return segments;
}

const carriedBytes = (b: Builder, node: Node, carried: ReadonlySet<Value>): number =>
  node.outputs.reduce((sum, out) => sum + (carried.has(out) ? bytesOf(b.graph, out) : 0), 0);

/** Neighbours joined so that what is kept and the largest segment take the least together. */
function chooseSegments(b: Builder, segments: readonly Segment[]): Segment[] {
  const total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  let best: Segment[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (let parts = 1; parts <= segments.length; parts++) {
    const joined = join(segments, total / parts);
    const kept = joined.reduce((sum, { end }) => sum + bytesOf(b.graph, end), 0);
    const peak = kept + Math.max(0, ...joined.map(({ bytes }) => bytes));
    if (peak >= least) continue;
    least = peak;
    best = joined;
  }
  return best;
}

/** Neighbours joined until they have so many bytes. */
function join(segments: readonly Segment[], least: number): Segment[] {
  const joined: Segment[] = [];
  for (const segment of segments) {
    const last = joined.at(-1);
    if (last && last.bytes < least)
      joined[joined.length - 1] = {
        nodes: [...last.nodes, ...segment.nodes],
        end: segment.end,
        bytes: last.bytes + segment.bytes,
      };
    else joined.push(segment);
  }
  return joined;
}

/** For every value the last segment that it depends on; values of no segment have none. */
function segmentRanks(b: Builder, segments: readonly Segment[]): Map<Value, number> {
  const own = new Map<Node, number>(segments.flatMap(({ nodes }, i) => nodes.map((node) => [node, i] as const)));
  const rank = new Map<Value, number>();
  for (const node of b.graph.nodes) {
    const ranks = [own.get(node) ?? -1, ...node.inputs.map((x) => rank.get(x) ?? -1)];
    for (const out of node.outputs) if (out) rank.set(out, Math.max(...ranks));
  }
  return rank;
}

/** Who computes each value that follows from a source inside the segment and is not kept. */
function recomputable(
  nodes: readonly Node[],
  { sources, kept }: { sources: ReadonlySet<Value>; kept: ReadonlySet<Value> },
): Map<Value, Node> {
  const producers = new Map<Value, Node>();
  for (const node of nodes)
    if (node.inputs.some((x) => sources.has(x) || producers.has(x)))
      for (const out of node.outputs) if (out && !kept.has(out)) producers.set(out, node);
  return producers;
}

interface Copying {
  /** The nodes that the gradient reaches; they read the copies from now on. */
  readers: readonly Node[];
  producers: ReadonlyMap<Value, Node>;
  /** The segment's nodes in their order. */
  own: readonly Node[];
  sources: ReadonlySet<Value>;
  /** A value that is there once the gradient has come to the segment. */
  arrived: Value;
}

/** Appends copies of the nodes that the readers need. */
function copyInto(b: Builder, { readers, producers, own, sources, arrived }: Copying): void {
  const needed = new Set<Node>();
  const need = (x: Value): void => {
    const node = producers.get(x);
    if (!node || needed.has(node)) return;
    needed.add(node);
    node.inputs.forEach(need);
  };
  for (const node of readers) node.inputs.forEach(need);
  // 0 once the gradient is there, so that neither the order of nodes nor their merging brings a copy forward.
  const first = b.shape(arrived).map(() => 0);
  const ends = first.map(() => 1);
  const one = first.length
    ? b.op('Slice', [arrived, b.ints(first), b.ints(ends), b.ints(first.map((_, axis) => axis))])
    : arrived;
  const zero = mul(b, view(b, one, []), 0);
  const renamed = new Map<Value, Value>();
  const late = (x: Value): Value => {
    const known = renamed.get(x);
    if (known !== undefined || !sources.has(x)) return known ?? x;
    const delayed = b.op('Add', [x, zero], {}, { name: 'kept' });
    renamed.set(x, delayed);
    return delayed;
  };
  for (const node of own) {
    if (!needed.has(node)) continue;
    const inputs = node.inputs.map(late);
    const outputs = node.outputs.map((out) => (out ? b.unique(`again.${out}`) : ''));
    for (const [i, out] of node.outputs.entries()) if (producers.has(out)) renamed.set(out, outputs[i]!);
    b.append({ ...node, name: b.unique(`again.${node.name}`), inputs, outputs });
  }
  for (const node of readers) node.inputs = node.inputs.map((x) => (producers.has(x) ? (renamed.get(x) ?? x) : x));
}
