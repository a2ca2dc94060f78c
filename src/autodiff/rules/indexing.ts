// Gradients of operators that choose elements by index: each gradient goes back where its element came from, and adds
// up where an element was chosen twice. All of them come down to ortune.EmbeddingGrad (rows added into a table,
// deterministic) or to a Pad of zeros; ScatterND never adds, because the runtime's races on repeated indices.

import type { Builder } from '../../onnx/builder.js';
import { add, axisOf, indices, less, mul, pad, sum, transpose, view, where, zeros } from '../../onnx/formulas.js';
import { attrInt, type Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { type SliceRange, sliceRanges } from '../../onnx/shapes/layout.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import type { InputRule, RuleContext, RuleTable } from './context.js';

const embeddingGrad = (b: Builder, dy: Value, index: Value, rows: number): Value =>
  b.op('EmbeddingGrad', [dy, index], { rows }, { domain: 'ortune' });

/** dy put at `start` of an axis of length `length`, zeros around it; several axes at once. */
function padBack(b: Builder, dy: Value, parts: readonly { axis: number; start: number; length: number }[]): Value {
  const shape = b.shape(dy);
  const around = parts.map(({ axis, start, length }) => ({
    axis,
    before: start,
    after: length - start - shape[axis]!,
  }));
  return pad(b, dy, around);
}

/**
 * The gradient of gathering along one axis of a tensor `shape`: the indexed axes of dy come first, each row is what
 * one index chose ([pre, post] flattened), and the rows are added up into a table of shape[axis] rows.
 */
export function gatherBack(b: Builder, dy: Value, index: Value, shape: readonly number[], axis: number): Value {
  const count = b.shape(index).length;
  const length = shape[axis]!;
  const [pre, post] = [shape.slice(0, axis), shape.slice(axis + 1)];
  const rank = pre.length + count + post.length;
  const order = [...indices(count).map((i) => axis + i), ...indices(rank).filter((i) => i < axis || i >= axis + count)];
  const flat = [...b.shape(index), elementCount(pre) * elementCount(post)];
  const table = embeddingGrad(b, view(b, transpose(b, dy, order), flat), index, length);
  const back = [...indices(pre.length).map((i) => i + 1), 0, ...indices(post.length).map((i) => i + 1 + pre.length)];
  return transpose(b, view(b, table, [length, ...pre, ...post]), back);
}

const gather: InputRule = ({ b, node, x, constant }, dy) => {
  const shape = b.shape(x[0]!);
  const axis = axisOf(attrInt(node, 'axis', 0), shape.length);
  const fixed = constant(1);
  if (fixed?.length !== 1) return gatherBack(b, dy, x[1]!, shape, axis);
  const length = shape[axis]!;
  return padBack(b, view(b, dy, shape.with(axis, 1)), [{ axis, start: axisOf(fixed[0]!, length), length }]);
};

const gatherElements: InputRule = ({ b, node, x }, dy) =>
  b.op('ScatterElements', [zeros(b, b.type(x[0]!)), x[1]!, dy], {
    axis: attrInt(node, 'axis', 0),
    reduction: 'add',
  });

/** The rows of a table that a list of positions along its axes means: Σ position · stride; negative ones count back. */
export function rowNumbers(b: Builder, index: Value, dims: readonly number[]): Value {
  const strides = dims.map((_, i) => elementCount(dims.slice(i + 1)));
  const wrapped = where(b, less(b, index, 0), add(b, index, b.ints(dims)), index);
  return sum(b, mul(b, wrapped, b.ints(strides)), [b.shape(index).length - 1], false);
}

/**
 * The last axis of `index` holds a position along `depth` axes of x after the batch axes. As one row number,
 * Σ index · stride + batch offset (negative positions count from the end), the gather is one from a table of rows.
 */
const gatherND: InputRule = ({ b, node, x }, dy) => {
  const shape = b.shape(x[0]!);
  const batchAxes = attrInt(node, 'batch_dims', 0);
  const indexShape = b.shape(x[1]!);
  const depth = indexShape.at(-1)!;
  const dims = shape.slice(batchAxes, batchAxes + depth);
  let row = rowNumbers(b, x[1]!, dims);
  const batches = elementCount(shape.slice(0, batchAxes));
  if (batches > 1) {
    const offsets = indices(batches).map((i) => i * elementCount(dims));
    const apart = [...shape.slice(0, batchAxes), ...indexShape.slice(batchAxes, -1).map(() => 1)];
    row = add(b, row, b.constant(Tensor.of('int64', offsets, apart)));
  }
  const columns = elementCount(shape.slice(batchAxes + depth));
  const table = embeddingGrad(b, view(b, dy, [...b.shape(row), columns]), row, batches * elementCount(dims));
  return view(b, table, shape);
};

/** Axes sliced with step 1 are one Pad; a longer or negative step is a gather with constant indices. */
const slice: InputRule = ({ b, node, x }: RuleContext, dy) => {
  const shape = b.shape(x[0]!);
  const ranges = sliceRanges(new TypeContext(b.graph, node));
  const stepped = ({ step, length }: SliceRange) => step !== 1 && length > 1;
  let dx = dy;
  for (const { axis, start, step, length } of ranges.filter(stepped)) {
    const index = b.ints(indices(length).map((i) => start + i * step));
    dx = gatherBack(b, dx, index, b.shape(dx).with(axis, shape[axis]!), axis);
  }
  const plain = ranges.filter((range) => !stepped(range));
  return padBack(
    b,
    dx,
    plain.map(({ axis, start }) => ({ axis, start, length: shape[axis]! })),
  );
};

/** Each of the chosen values goes back to its place; places do not repeat. */
const topK: InputRule = ({ b, node, x, output }, dy) =>
  b.op('ScatterElements', [zeros(b, b.type(x[0]!)), output(1), dy], { axis: attrInt(node, 'axis', -1) });

export const indexing: RuleTable = {
  Gather: [gather, null],
  GatherElements: [gatherElements, null],
  GatherND: [gatherND, null],
  Slice: [slice, null, null, null, null],
  TopK: [topK, null],
};
