// Constants that are moved, not computed: reshaped, transposed, sliced, gathered, joined, or made from shapes.
// Elements are copied in their own type, so every type and every bit pattern passes through.

import { type TypedArray, typedArrayOf } from '../dtype.js';
import { sliceRanges } from '../shapes/layout.js';
import { elementCount, Tensor } from '../tensor.js';
import { fromNumbers, toNumbers } from './numbers.js';
import { broadcastStrides, readStrided, stridesOf, take } from './strided.js';
import type { Evaluator } from './table.js';

const reshaped: Evaluator = (_, [x], [type]) => x && type && [new Tensor(x.dtype, type.shape, x.bytes())];

const transpose: Evaluator = (c, [x], [type]) => {
  const strides = stridesOf(x!.shape);
  const perm = c.ints('perm') ?? x!.shape.map((_, i) => x!.shape.length - 1 - i);
  return [
    Tensor.view(
      x!.dtype,
      type!.shape,
      readStrided(
        x!.data(),
        type!.shape,
        perm.map((p) => strides[p]!),
      ),
    ),
  ];
};

const slice: Evaluator = (c, [x], [type]) => {
  const strides = stridesOf(x!.shape);
  let offset = 0;
  for (const { axis, start, step } of sliceRanges(c)) {
    offset += start * strides[axis]!;
    strides[axis]! *= step;
  }
  return [Tensor.view(x!.dtype, type!.shape, readStrided(x!.data(), type!.shape, strides, offset))];
};

const split: Evaluator = (c, [x], types) => {
  const axis = c.axis(c.int('axis', 0), x!.shape.length);
  const strides = stridesOf(x!.shape);
  let offset = 0;
  return types.map(({ shape }) => {
    const part = Tensor.view(x!.dtype, shape, readStrided(x!.data(), shape, strides, offset));
    offset += shape[axis]! * strides[axis]!;
    return part;
  });
};

const expand: Evaluator = (_, [x], [type]) => {
  const { dtype, shape } = x!;
  return [Tensor.view(dtype, type!.shape, readStrided(x!.data(), type!.shape, broadcastStrides(shape, type!.shape)))];
};

/** Each axis becomes (repeats, dimension) read with strides (0, stride). */
const tile: Evaluator = (_, [x], [type]) => {
  const strides = stridesOf(x!.shape);
  const shape = x!.shape.flatMap((d, i) => [d === 0 ? 0 : type!.shape[i]! / d, d]);
  return [
    Tensor.view(
      x!.dtype,
      type!.shape,
      readStrided(
        x!.data(),
        shape,
        strides.flatMap((s) => [0, s]),
      ),
    ),
  ];
};

const concat: Evaluator = (c, inputs, [type]) => {
  const axis = c.axis(c.int('axis', 0), type!.shape.length);
  const out: TypedArray = new (typedArrayOf(type!.dtype))(elementCount(type!.shape));
  const row = elementCount(type!.shape.slice(axis));
  let column = 0;
  for (const input of inputs) {
    const data = input.data();
    const width = elementCount(input.shape.slice(axis));
    for (let at = 0, to = column; at < data.length; at += width, to += row)
      out.set(data.subarray(at, at + width) as never, to);
    column += width;
  }
  return [Tensor.view(type!.dtype, type!.shape, out)];
};

/** Indices along an axis of this dimension, from the front; undefined when one is outside. */
function wrapped(indices: Tensor, dim: number): Float64Array | undefined {
  const numbers = toNumbers(indices)?.map((i) => (i < 0 ? i + dim : i));
  return numbers?.every((i) => i >= 0 && i < dim) ? numbers : undefined;
}

const gather: Evaluator = (c, [x, indices], [type]) => {
  const axis = c.axis(c.int('axis', 0), x!.shape.length);
  const dim = x!.shape[axis]!;
  const rows = wrapped(indices!, dim);
  if (!rows) return undefined;
  const inner = elementCount(x!.shape.slice(axis + 1));
  const outer = elementCount(x!.shape.slice(0, axis));
  const from = new Int32Array(elementCount(type!.shape));
  let at = 0;
  for (let o = 0; o < outer; o++)
    for (const row of rows) for (let i = 0; i < inner; i++) from[at++] = (o * dim + row) * inner + i;
  return [take(x!, type!.shape, from)];
};

const gatherElements: Evaluator = (c, [x, indices], [type]) => {
  const axis = c.axis(c.int('axis', 0), x!.shape.length);
  const rows = wrapped(indices!, x!.shape[axis]!);
  if (!rows) return undefined;
  const to = stridesOf(indices!.shape);
  const strides = stridesOf(x!.shape);
  const from = rows.map((row, i) =>
    strides.reduce((sum, s, k) => sum + s * (k === axis ? row : Math.floor(i / to[k]!) % indices!.shape[k]!), 0),
  );
  return [take(x!, type!.shape, from)];
};

const constantOfShape: Evaluator = (c, _, [type]) => {
  const value = c.node.attrs.get('value')?.value as Tensor | undefined;
  const data: TypedArray = new (typedArrayOf(type!.dtype))(elementCount(type!.shape));
  if (value) data.fill(value.data()[0]! as never);
  return [Tensor.view(type!.dtype, type!.shape, data)];
};

const range: Evaluator = (_, [start, , delta], [type]) => {
  const first = toNumbers(start!)?.[0];
  const step = toNumbers(delta!)?.[0];
  if (!Number.isInteger(first) || !Number.isInteger(step)) return undefined;
  const values = Float64Array.from({ length: type!.shape[0]! }, (_, i) => first! + i * step!);
  return [fromNumbers(type!.dtype, type!.shape, values)];
};

const where: Evaluator = (_, [condition, x, y], [type]) => {
  const spread = (t: Tensor) => readStrided(t.data(), type!.shape, broadcastStrides(t.shape, type!.shape));
  const [when, out, other] = [spread(condition!), spread(x!), spread(y!)];
  for (let i = 0; i < out.length; i++) if (!when[i]) out[i] = other[i]!;
  return [Tensor.view(type!.dtype, type!.shape, out)];
};

/** Keeps the upper (default) or lower triangle counted from diagonal k; the rest is 0. */
const trilu: Evaluator = (c, [x, k], [type]) => {
  const [rows, columns] = [type!.shape.at(-2)!, type!.shape.at(-1)!];
  const upper = c.int('upper', 1) !== 0;
  const diagonal = k?.numbers()[0] ?? 0;
  const out = x!.data().slice();
  const zero = new (typedArrayOf(type!.dtype))(1)[0]!;
  for (let i = 0; i < out.length; i++) {
    const above = (i % columns) - (Math.floor(i / columns) % rows) - diagonal;
    if (upper ? above < 0 : above > 0) out[i] = zero;
  }
  return [Tensor.view(type!.dtype, type!.shape, out)];
};

const nonZero: Evaluator = (_, [x], [type]) => {
  const data = x!.data();
  const strides = stridesOf(x!.shape);
  const found: number[] = [];
  for (let i = 0; i < data.length; i++) if (Number(data[i])) found.push(i);
  const values = x!.shape.flatMap((d, axis) => found.map((i) => Math.floor(i / strides[axis]!) % d));
  return [fromNumbers('int64', type!.shape, Float64Array.from(values))];
};

/** Two values: the second where a position along the new axis is the index. */
const oneHot: Evaluator = (c, [indices, , values], [type]) => {
  const { shape } = type!;
  const axis = c.axis(c.int('axis', -1), shape.length);
  const [depth, inner] = [shape[axis]!, elementCount(shape.slice(axis + 1))];
  const [off, on] = values!.data() as unknown as [never, never];
  const places = toNumbers(indices!);
  if (!places) return undefined;
  const out = new (typedArrayOf(values!.dtype))(elementCount(shape)).fill(off);
  for (const [i, place] of places.entries()) {
    const at = place < 0 ? place + depth : place;
    if (at >= 0 && at < depth) out[(Math.floor(i / inner) * depth + at) * inner + (i % inner)] = on;
  }
  return [Tensor.view(values!.dtype, shape, out)];
};

export const movement: Readonly<Record<string, Evaluator>> = {
  Identity: reshaped,
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: transpose,
  Slice: slice,
  Split: split,
  Expand: expand,
  Tile: tile,
  Concat: concat,
  Gather: gather,
  GatherElements: gatherElements,
  ConstantOfShape: constantOfShape,
  Range: range,
  Where: where,
  Trilu: trilu,
  NonZero: nonZero,
  OneHot: oneHot,
};
