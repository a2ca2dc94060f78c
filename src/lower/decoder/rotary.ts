// Before differentiation, on devices with the kernel: rotary position embeddings, which exporters write as x · cos +
// concat(−high half, low half) · sin behind the transpose that brings heads forward, become one ortune.Rotary in front
// of it, where the channels of all heads stand side by side. Attention is found behind it then, without that transpose.
// Pairs of neighbouring channels, and rotations of a part of the channels, stay as they are.

import type { Builder } from '../../onnx/builder.js';
import { view } from '../../onnx/formulas.js';
import { attrInts, dependentValues, type Node, type Value } from '../../onnx/graph.js';
import { Matcher } from '../../onnx/restore/match.js';

interface Rotation {
  /** [B, T, H, d] */
  x: Value;
  cos: Value;
  sin: Value;
  nodes: readonly Node[];
}

/**
 * Rewrites the builder's static graph in place. Left as it is where a gradient of `trained` values reaches the angles.
 */
export function fuseRotary(b: Builder, trained: ReadonlySet<Value>, kernels: ReadonlySet<string>): void {
  if (!kernels.has('ortune.Rotary')) return;
  const { graph } = b;
  const m = new Matcher(graph);
  const learned = dependentValues(graph, trained);
  const found = new Map<Node, Rotation>();
  for (const node of graph.nodes) {
    const rotation = rotationOf(m, node);
    if (rotation && !learned.has(rotation.cos) && !learned.has(rotation.sin)) found.set(node, rotation);
  }
  const gone = new Set([...found.values()].flatMap(({ nodes }) => nodes));
  const nodes = graph.nodes;
  graph.nodes = [];
  for (const node of nodes) {
    const rotation = found.get(node);
    if (rotation) emit(b, node, rotation);
    else if (!gone.has(node)) graph.nodes.push(node);
  }
}

function emit(b: Builder, node: Node, { x, cos, sin }: Rotation): void {
  const [batch, length, heads, size] = b.shape(x) as [number, number, number, number];
  const angles = [cos, sin].map((angle) => {
    const shape = b.shape(angle);
    return view(b, angle, [shape.length > 3 ? shape[0]! : 1, ...shape.slice(-2)]);
  });
  const inputs = [view(b, x, [batch, length, heads * size]), ...angles];
  const y = b.op('Rotary', inputs, {}, { domain: 'ortune', name: `${node.name.replace(/[^/]*$/, '')}Rotary` });
  const perm = { kind: 'ints', value: [0, 2, 1, 3] } as const;
  const apart = view(b, y, [batch, length, heads, size]);
  b.append({ ...node, op: 'Transpose', inputs: [apart], attrs: new Map([['perm', perm]]) });
}

/** The output of an Add as a rotation of what a transpose made of x. */
function rotationOf(m: Matcher, node: Node): Rotation | undefined {
  if (node.op !== 'Add' || node.domain !== '' || m.graph.type(node.outputs[0]!).dtype !== 'float32') return undefined;
  for (const value of node.inputs) {
    const [straight, turned] = [m.producer(value, 'Mul'), m.producer(m.other(node, value), 'Mul')];
    if (!straight || !turned || node.inputs.some((x) => m.onlyConsumer(x) !== node)) continue;
    for (const other of turned.inputs) {
      const half = turnedHalves(m, other, turned);
      const transposed = half && straight.inputs.includes(half.x) ? m.producer(half.x, 'Transpose') : undefined;
      if (!half || !transposed || attrInts(transposed, 'perm')?.join() !== '0,2,1,3') continue;
      const [cos, sin] = [m.other(straight, half.x), m.other(turned, other)];
      if (m.sameShape(cos, sin) && fits(m, cos, half.x) && m.sameShape(half.x, node.outputs[0]!))
        return { x: transposed.inputs[0]!, cos, sin, nodes: [straight, turned, ...half.nodes] };
    }
  }
  return undefined;
}

/** Whether angles [B, 1, T, d], [1, T, d] or [T, d], B and T of which may be 1, are the same for all heads. */
function fits(m: Matcher, angle: Value, x: Value): boolean {
  const [batch, , length, size] = m.graph.shape(x) as [number, number, number, number];
  const shape = m.graph.shape(angle);
  if (shape.length < 2 || shape.length > 4 || shape.at(-1) !== size || ![1, length].includes(shape.at(-2)!))
    return false;
  return (shape.at(-3) ?? 1) === 1 && [1, batch].includes(shape.at(-4) ?? 1);
}

/** `value`, which `reader` alone reads, as the high half of x's last axis, negated, and the low half behind it. */
function turnedHalves(m: Matcher, value: Value, reader: Node): { x: Value; nodes: readonly Node[] } | undefined {
  const joined = m.producer(value, 'Concat');
  if (joined?.inputs.length !== 2 || m.onlyConsumer(value) !== reader) return undefined;
  if (!lastAxis(m, joined, value)) return undefined;
  const [first, low] = joined.inputs as [Value, Value];
  const negated = m.producer(first, 'Neg');
  const high = negated?.inputs[0];
  if (high === undefined || m.onlyConsumer(first) !== joined) return undefined;
  const [a, b] = [halfOf(m, low), halfOf(m, high)];
  if (!a || !b || a.x !== b.x || a.part !== 0 || b.part !== 1) return undefined;
  return { x: a.x, nodes: [joined, negated!] };
}

const lastAxis = (m: Matcher, node: Node, of: Value): boolean => {
  const axis = Number(node.attrs.get('axis')?.value ?? 0);
  return axis === -1 || axis === m.graph.shape(of).length - 1;
};

/** The value as the low (0) or the high half (1) of another's last axis. */
function halfOf(m: Matcher, value: Value): { x: Value; part: number } | undefined {
  const node = m.producer(value, 'Slice', 'Split');
  const x = node?.inputs[0];
  if (!node || x === undefined) return undefined;
  const size = m.graph.shape(x).at(-1)!;
  if (m.graph.shape(value).at(-1)! * 2 !== size) return undefined;
  if (node.op === 'Split') return lastAxis(m, node, x) ? { x, part: node.outputs.indexOf(value) } : undefined;
  const [start, , axis, step] = node.inputs.slice(1).map((input) => m.number(input));
  const rank = m.graph.shape(x).length;
  if (start === undefined || (axis !== -1 && axis !== rank - 1) || (step ?? 1) !== 1) return undefined;
  const from = start < 0 ? start + size : start;
  return from === 0 ? { x, part: 0 } : from === size / 2 ? { x, part: 1 } : undefined;
}
