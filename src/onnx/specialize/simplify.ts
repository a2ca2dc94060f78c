// Nodes that do nothing once shapes are known, and runs of reshapes and transposes that are one. Gradients follow the
// forward graph node by node, so every copy removed here is removed twice.

import type { Builder } from '../builder.js';
import { axisOf, indices, view } from '../formulas.js';
import type { Node, Value } from '../graph.js';
import { attrInts } from '../graph.js';
import { traitsOf } from '../operators.js';
import { elementCount, type Tensor } from '../tensor.js';

const equal = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

const sameWhenTypeIs = new Set(['Cast', 'CastLike', 'Expand', 'Tile', 'Identity', 'Slice', 'Pad']);

/** What leaves the other operand as it is: a mask that hides nothing. */
const neutralElements: Readonly<Record<string, number>> = { And: 1, Add: 0 };

/** Whether the node only gives the elements of its input another shape. */
export const isReshape = (node: Node | undefined): node is Node => !!node && traitsOf(node).view === true;
export const isTranspose = (node: Node | undefined): node is Node =>
  !!node && node.domain === '' && node.op === 'Transpose';

const permOf = (node: Node, rank: number): number[] =>
  attrInts(node, 'perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);

/**
 * The earlier value that output 0 of this node always equals, or undefined. Types are static.
 * `constant` gives a tensor that training leaves as it is; `read`: whether anything reads a value.
 */
export function unchanged(
  b: Builder,
  node: Node,
  read: (value: Value) => boolean,
  constant: (value: Value) => Tensor | undefined,
): Value | undefined {
  if (node.domain !== '') return undefined;
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  if (!y) return undefined;
  const [from, to] = [b.graph.types.get(x), b.type(y)];
  const sameType = (value: Value) => b.type(value).dtype === to.dtype && equal(b.shape(value), to.shape);
  if (sameWhenTypeIs.has(node.op) || traitsOf(node).view) {
    // A reversing slice keeps the shape but not the order, and so does a pad that crops one end as much as it adds.
    const numbers = (input: number): number[] => b.graph.initializers.get(node.inputs[input] ?? '')?.numbers() ?? [];
    if (node.op === 'Slice' && numbers(4).some((step) => step < 0)) return undefined;
    if (node.op === 'Pad' && numbers(1).some((n) => n !== 0)) return undefined;
    return from && sameType(x) ? x : undefined;
  }
  if (node.op === 'Concat') {
    const parts = node.inputs.filter((part) => elementCount(b.shape(part)) > 0);
    return parts.length === 1 && sameType(parts[0]!) ? parts[0] : undefined;
  }
  if (node.op === 'Transpose') return permOf(node, to.shape.length).every((p, i) => p === i) ? x : undefined;
  if (node.op === 'Dropout') {
    const evaluating = !node.inputs[2] || b.graph.initializers.get(node.inputs[2])?.numbers()[0] === 0;
    return evaluating && !(node.outputs[1] && read(node.outputs[1])) ? x : undefined;
  }
  const neutral = neutralElements[node.op];
  if (neutral === undefined) return undefined;
  const all = (value: Value) =>
    constant(value)
      ?.data()
      .every((v) => v === neutral) ?? false;
  const [other, mask] = all(x) ? [node.inputs[1]!, x] : [x, node.inputs[1]!];
  return all(mask) && sameType(other) ? other : undefined;
}

/** Pads of a Pad that names its axes become those of all axes (formulas.ts says why), in place. */
export function padAllAxes(b: Builder, node: Node): void {
  if (node.domain !== '' || node.op !== 'Pad' || !node.inputs[3]) return;
  const numbers = (input: number): number[] => b.graph.initializers.get(node.inputs[input]!)!.numbers();
  const [pads, axes] = [numbers(1), numbers(3)];
  const rank = b.shape(node.inputs[0]!).length;
  const all = Array.from({ length: 2 * rank }, () => 0);
  for (const [i, given] of axes.entries()) {
    const axis = axisOf(given, rank);
    all[axis] = pads[i]!;
    all[axis + rank] = pads[i + axes.length]!;
  }
  node.inputs = [node.inputs[0]!, b.ints(all), ...(node.inputs[2] ? [node.inputs[2]] : [])];
}

/** Turns a node that continues a run of reshapes or transposes into one step from the run's start, in place. */
export function mergeRun(b: Builder, node: Node, producer: (value: Value) => Node | undefined): void {
  const before = producer(node.inputs[0]!);
  if (isTranspose(node) && isTranspose(before)) {
    const shape = b.shape(node.outputs[0]!);
    const first = permOf(before, shape.length);
    setTranspose(
      node,
      before.inputs[0]!,
      permOf(node, shape.length).map((p) => first[p]!),
    );
  } else if (isReshape(node) && isReshape(before)) {
    setReshape(b, node, before.inputs[0]!);
  } else if (isReshape(node) && isTranspose(before)) {
    splitTranspose(b, node, before, producer(before.inputs[0]!));
    if (isTranspose(node)) mergeRun(b, node, producer);
  } else if (isReshape(node) && before && isOfRows(b, before)) {
    joinRows(b, node, before, producer(before.inputs[0]!));
  }
}

/** Operators that treat every row of the last axis by itself. */
const isOfRows = (b: Builder, { op, domain, inputs, attrs }: Node): boolean =>
  domain === '' &&
  ['Softmax', 'LogSoftmax', 'Hardmax'].includes(op) &&
  [-1, b.shape(inputs[0]!).length - 1].includes(Number(attrs.get('axis')?.value ?? -1));

/** [B, H, T, S] → [B·H·T, S] → softmax → [B, H, T, S], as opsets before 13 mean it, is one softmax of the rows. */
function joinRows(b: Builder, node: Node, rows: Node, flatten: Node | undefined): void {
  const shape = b.shape(node.outputs[0]!);
  if (!isReshape(flatten) || shape.at(-1) !== b.shape(rows.inputs[0]!).at(-1)) return;
  node.op = rows.op;
  node.inputs = [view(b, flatten.inputs[0]!, shape)];
  node.attrs = new Map([['axis', { kind: 'int', value: -1 }]]);
}

function setTranspose(node: Node, x: Value, perm: readonly number[]): void {
  node.op = 'Transpose';
  node.inputs = [x];
  node.attrs = new Map([['perm', { kind: 'ints', value: perm }]]);
}

function setReshape(b: Builder, node: Node, x: Value): void {
  node.op = 'Reshape';
  node.inputs = [x, b.ints(b.shape(node.outputs[0]!))];
  node.attrs = new Map([['allowzero', { kind: 'int', value: 1 }]]);
}

/**
 * [B, H, T, D] → [B·H, T, D] → [B·H, D, T] → [B, H, D, T], as the dynamo exporter transposes the keys of attention, is
 * one transpose of the last axes; [T, B, C] → [T, B·H, D] → [B·H, T, D] → [B, H, T, D], as PyTorch's own attention
 * layer brings the heads forward, is one of [T, B, H, D]. A reshape that splits transposed axes, or drops some, joins
 * the one before the transpose.
 */
function splitTranspose(b: Builder, node: Node, transpose: Node, merge: Node | undefined): void {
  if (!isReshape(merge)) return;
  const moved = b.shape(transpose.outputs[0]!);
  const parts = splitAxes(moved, b.shape(node.outputs[0]!));
  if (!parts) return;
  const perm = permOf(transpose, moved.length);
  const before = indices(moved.length).map((axis) => parts[perm.indexOf(axis)]!);
  const starts = before.map((_, axis) => before.slice(0, axis).flat().length);
  setTranspose(
    node,
    view(b, merge.inputs[0]!, before.flat()),
    perm.flatMap((axis) => before[axis]!.map((_, i) => starts[axis]! + i)),
  );
}

/** The dimensions that each axis of `from` becomes, where `to` only splits axes and drops those of 1. */
function splitAxes(from: readonly number[], to: readonly number[]): number[][] | undefined {
  const rest = [...to];
  const parts = from.map((size) => {
    const part: number[] = [];
    if (size === 1 && rest[0] !== 1) return part;
    while (rest.length > 0 && (part.length === 0 || elementCount(part) < size)) part.push(rest.shift()!);
    return part;
  });
  return rest.length === 0 && from.every((size, i) => elementCount(parts[i]!) === size) ? parts : undefined;
}
