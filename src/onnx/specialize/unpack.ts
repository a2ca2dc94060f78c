// Packed projections: one linear layer computes query, key and value, and exporters take them apart behind a reshape
// and a transpose of the whole: [B, T, 3C] → [B, T, 3, H, d] → [3, B, H, T, d] → one of three, as Gather, Slice or
// Split. Here the layer's output is split first, [B, T, C] each, and every part is reshaped and transposed by itself.
// Then each is what a layer of its own would give, attention is found in it, and its gradient is one Concat.

import type { Builder } from '../builder.js';
import { axisOf, indices, transpose, view } from '../formulas.js';
import { attrInt, attrInts, type Node, type Value } from '../graph.js';
import { TypeContext } from '../shapes/context.js';
import { sliceRanges } from '../shapes/layout.js';
import { elementCount } from '../tensor.js';
import { isReshape, isTranspose } from './simplify.js';

/** Key and value, or query, key and value. */
const mostParts = 3;

/** Which positions along one axis the outputs of a node are, in order; its outputs keep the axis or drop it. */
interface Selection {
  axis: number;
  positions: number[];
}

/** The parts of each packed value so far, by value, axis and number of parts. */
export type Unpacked = Map<string, Value[]>;

/**
 * What the outputs of a node that takes parts of a packed value are equal to, with the nodes that compute it appended
 * to the builder's graph; undefined for any other node.
 */
export function unpack(
  b: Builder,
  node: Node,
  producer: (value: Value) => Node | undefined,
  known: Unpacked,
): Value[] | undefined {
  const selection = selectionOf(b, node);
  if (!selection) return undefined;
  const packed = node.inputs[0]!;
  const before = producer(packed);
  const moved = isTranspose(before) ? before : undefined;
  const reshape = moved ? producer(moved.inputs[0]!) : before;
  if (!isReshape(reshape)) return undefined;

  const shape = b.shape(reshape.outputs[0]!);
  const perm = (moved && attrInts(moved, 'perm')) ?? (moved ? indices(shape.length).reverse() : indices(shape.length));
  const axis = perm[selection.axis]!;
  const count = shape[axis]!;
  const x = reshape.inputs[0]!;
  const joined = axisHolding(b.shape(x), elementCount(shape.slice(0, axis)), count);
  if (count < 2 || count > mostParts || joined === undefined) return undefined;

  const key = JSON.stringify([x, joined, count]);
  const parts = known.get(key) ?? b.ops('Split', [x], { axis: joined, num_outputs: count }, { outputs: count });
  known.set(key, parts);
  const kept = perm.filter((p) => p !== axis).map((p) => (p > axis ? p - 1 : p));
  return selection.positions.map((position, i) => {
    const part = view(b, parts[position]!, shape.toSpliced(axis, 1));
    const y = transpose(b, part, kept);
    return node.outputs[i] ? view(b, y, b.shape(node.outputs[i]!)) : '';
  });
}

/** The axis of `shape` that `count` parts lie on, one behind the other, with `before` elements in front of it. */
function axisHolding(shape: readonly number[], before: number, count: number): number | undefined {
  const axis = shape.findIndex((d, i) => d > 1 && elementCount(shape.slice(0, i)) === before);
  return axis >= 0 && shape[axis]! % count === 0 ? axis : undefined;
}

function selectionOf(b: Builder, node: Node): Selection | undefined {
  if (node.domain || !node.inputs[0]) return undefined;
  const rank = b.shape(node.inputs[0]!).length;
  const axis = axisOf(attrInt(node, 'axis', 0), rank);
  if (node.op === 'Gather') {
    const index = b.graph.initializers.get(node.inputs[1]!);
    const size = b.shape(node.inputs[0]!)[axis]!;
    return index?.size === 1 ? { axis, positions: [axisOf(index.numbers()[0]!, size)] } : undefined;
  }
  if (node.op === 'Slice') {
    const [range, ...more] = sliceRanges(new TypeContext(b.graph, node));
    return range && more.length === 0 && range.length === 1
      ? { axis: range.axis, positions: [range.start] }
      : undefined;
  }
  if (node.op !== 'Split') return undefined;
  const single = node.outputs.every((y) => !y || b.shape(y)[axis] === 1);
  return single ? { axis, positions: indices(node.outputs.length) } : undefined;
}
