// Short forms for writing formulas with a Builder: a number becomes a scalar of the other operand's element type, and
// axes, shapes and permutations become the constant inputs and attributes of opset 21. Gradient rules and the
// definitions of fused operators are written with these. They name no new mathematics.

import type { Builder } from './builder.js';
import { type DataType, onnxDataType } from './dtype.js';
import type { StaticType, Value } from './graph.js';
import { elementCount, Tensor } from './tensor.js';

/** A value, or a number that takes the element type of the value beside it. */
export type Operand = Value | number;

const binary =
  (op: string) =>
  (b: Builder, x: Operand, y: Operand): Value => {
    const like = typeof x === 'string' ? x : y;
    if (typeof like === 'number') throw new Error(`${op} of two numbers`);
    const { dtype } = b.type(like);
    return b.op(op, [operand(b, x, dtype), operand(b, y, dtype)]);
  };

const unary =
  (op: string) =>
  (b: Builder, x: Value): Value =>
    b.op(op, [x]);

const operand = (b: Builder, x: Operand, dtype: DataType): Value => (typeof x === 'string' ? x : b.scalar(dtype, x));

export const add = binary('Add');
export const sub = binary('Sub');
export const mul = binary('Mul');
export const div = binary('Div');
export const pow = binary('Pow');
export const equal = binary('Equal');
export const less = binary('Less');
export const greaterOrEqual = binary('GreaterOrEqual');
export const neg = unary('Neg');
export const exp = unary('Exp');
export const log = unary('Log');
export const sqrt = unary('Sqrt');
export const tanh = unary('Tanh');
export const erf = unary('Erf');
export const not = unary('Not');

/** `x` where the condition holds, else `y`. */
export function where(b: Builder, condition: Value, x: Operand, y: Operand): Value {
  const like = typeof x === 'string' ? x : y;
  if (typeof like === 'number') throw new Error('Where of two numbers');
  const { dtype } = b.type(like);
  return b.op('Where', [condition, operand(b, x, dtype), operand(b, y, dtype)]);
}

const reduction =
  (op: string) =>
  (b: Builder, x: Value, axes: readonly number[], keepDims = true): Value =>
    b.op(op, [x, b.ints(axes)], { keepdims: keepDims ? 1 : 0 });

/** Reductions over the given axes; `keepDims` (default) leaves them as 1. */
export const sum = reduction('ReduceSum');
export const mean = reduction('ReduceMean');
export const max = reduction('ReduceMax');

export const cast = (b: Builder, x: Value, dtype: DataType): Value =>
  b.type(x).dtype === dtype ? x : b.op('Cast', [x], { to: onnxDataType(dtype) });

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

/** Per builder: the source of each view made here, and the views of each source by shape. */
const viewed = new WeakMap<Builder, { source: Map<Value, Value>; made: Map<string, Value> }>();

/** The same elements in another shape: `x` itself where the shape is the same, else one Reshape of what x views. */
export function view(b: Builder, x: Value, shape: readonly number[]): Value {
  const views = viewed.get(b) ?? { source: new Map(), made: new Map() };
  viewed.set(b, views);
  const source = views.source.get(x) ?? x;
  for (const value of [x, source]) if (sameShape(b.shape(value), shape)) return value;
  const key = `${source} [${shape}]`;
  const known = views.made.get(key);
  if (known && b.graph.types.has(known)) return known;
  const y = b.op('Reshape', [source, b.ints(shape)], shape.includes(0) ? { allowzero: 1 } : {});
  views.source.set(y, source);
  views.made.set(key, y);
  return y;
}

/** Before nodes are reordered: a view made so far may come too late for another reader. */
export const forgetViews = (b: Builder): void => {
  viewed.delete(b);
};

/** As rows of the last `axes` axes: [rows, columns]. */
export function rows(b: Builder, x: Value, axes = 1): Value {
  const shape = b.shape(x);
  const columns = elementCount(shape.slice(shape.length - axes));
  return view(b, x, [elementCount(shape.slice(0, shape.length - axes)), columns]);
}

export function transpose(b: Builder, x: Value, perm: readonly number[]): Value {
  return perm.every((p, i) => p === i) ? x : b.op('Transpose', [x], { perm });
}

/** Swaps the last two axes. */
export function transposeMatrix(b: Builder, x: Value): Value {
  const rank = b.shape(x).length;
  return transpose(b, x, [...Array.from({ length: rank - 2 }, (_, i) => i), rank - 1, rank - 2]);
}

/** The permutation that undoes this one. */
export const inverse = (perm: readonly number[]): number[] => perm.map((_, i) => perm.indexOf(i));

export function expand(b: Builder, x: Value, shape: readonly number[]): Value {
  return sameShape(b.shape(x), shape) ? x : b.op('Expand', [x, b.ints(shape)]);
}

/** So many elements before and behind an axis; negative: cut off. */
export interface PaddedAxis {
  axis: number;
  before: number;
  after: number;
}

/**
 * `x` with zeros, or `fill`, around it. The pads are of all axes: of a Pad that names its axes the runtime's transpose
 * optimizer (1.30) permutes the pads as if they were of all.
 */
export function pad(b: Builder, x: Value, parts: readonly PaddedAxis[], fill: Value = ''): Value {
  if (parts.every(({ before, after }) => before === 0 && after === 0)) return x;
  const rank = b.shape(x).length;
  const pads = Array.from({ length: 2 * rank }, () => 0);
  for (const { axis, before, after } of parts) {
    pads[axis] = before;
    pads[axis + rank] = after;
  }
  return b.op('Pad', [x, b.ints(pads), fill]);
}

/** A tensor of one repeated value, made when it is needed: no bytes in the graph. */
export function filled(b: Builder, { dtype, shape }: StaticType, value: number): Value {
  return b.op('ConstantOfShape', [b.ints(shape)], { value: Tensor.of(dtype, [value]) });
}

export const zeros = (b: Builder, type: StaticType): Value => filled(b, type, 0);

/** An axis counted from the front. */
export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** The first `count` along an axis. */
export const firstOf = (b: Builder, x: Value, axis: number, count: number): Value =>
  b.shape(x)[axis] === count ? x : between(b, x, axis, 0, count);

/** Those from `start` to before `end` along an axis. */
export const between = (b: Builder, x: Value, axis: number, start: number, end: number): Value =>
  b.op('Slice', [x, b.ints([start]), b.ints([end]), b.ints([axis])]);

/** 0, 1, … count − 1. */
export const indices = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
