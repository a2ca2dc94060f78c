// What stored numbers of few bits stand for, in standard operators: (q − zero) · scale, each number with the scale of
// its tensor, channel or block. Numbers of 4 bits lie two in a byte, the low half first, and are taken apart as bytes;
// a difference of small whole numbers is exact, so the floats are those of the runtime's kernels.

import type { Builder } from '../builder.js';
import { type DataType, isPacked } from '../dtype.js';
import { add, axisOf, cast, div, greaterOrEqual, mul, pad, sub, view } from '../formulas.js';
import { attrInt, type Node, type Value } from '../graph.js';
import { elementCount, Tensor } from '../tensor.js';

/** Both halves of each byte of uint8 [...shape, n]: [...shape, 2n]. */
export function halves(b: Builder, bytes: Value): Value {
  const shape = b.shape(bytes);
  const parts = [
    b.op('BitwiseAnd', [bytes, b.scalar('uint8', 15)]),
    b.op('BitShift', [bytes, b.scalar('uint8', 4)], { direction: 'RIGHT' }),
  ].map((part) => view(b, part, [...shape, 1]));
  return view(b, b.op('Concat', parts, { axis: shape.length }), [...shape.slice(0, -1), 2 * shape.at(-1)!]);
}

/** The first `count` along an axis. */
export const firstOf = (b: Builder, x: Value, axis: number, count: number): Value =>
  b.shape(x)[axis] === count ? x : between(b, x, axis, 0, count);

/** Those from `start` to before `end` along an axis. */
export const between = (b: Builder, x: Value, axis: number, start: number, end: number): Value =>
  b.op('Slice', [x, b.ints([start]), b.ints([end]), b.ints([axis])]);

/** The bytes of a stored tensor of 4 bits, which are an even number of its elements. */
export const bytesOf = (b: Builder, stored: Tensor, value: Value, shape: readonly number[]): Value =>
  b.constant(Tensor.view('uint8', shape, stored.bytes()), `${value}.bytes`);

/** Halves of bytes as floats; of int4 they are −8 … 7 as two's complement. */
export function signed(b: Builder, numbers: Value, from: DataType, dtype: DataType): Value {
  if (from !== 'int4') return cast(b, numbers, dtype);
  // 0 … 15 with the highest bit turned, less 8.
  return sub(b, cast(b, b.op('BitwiseXor', [numbers, b.scalar('uint8', 8)]), dtype), 8);
}

/** A stored tensor as floats: its numbers, without their scales. */
export function numbersOf(b: Builder, stored: Tensor, value: Value, dtype: DataType): Value {
  if (!isPacked(stored.dtype)) return cast(b, value, dtype);
  const packed = bytesOf(b, stored, value, [stored.byteLength]);
  return signed(b, view(b, firstOf(b, halves(b, packed), 0, stored.size), stored.shape), stored.dtype, dtype);
}

/** (q − zero) · scale, where both are per block of `block` elements along `axis`; the last block may be cut. */
export function byBlocks(
  b: Builder,
  q: Value,
  { axis, block, scale, zero }: { axis: number; block: number; scale: Value; zero: Value | undefined },
): Value {
  const shape = b.shape(q);
  const blocks = Math.ceil(shape[axis]! / block);
  const whole = pad(b, q, [{ axis, before: 0, after: blocks * block - shape[axis]! }]);
  const split = (x: Value, size: number): Value =>
    view(b, x, [...shape.slice(0, axis), blocks, size, ...shape.slice(axis + 1)]);
  const parts = split(whole, block);
  const w = mul(b, zero ? sub(b, parts, split(zero, 1)) : parts, split(scale, 1));
  return firstOf(b, view(b, w, shape.with(axis, blocks * block)), axis, shape[axis]!);
}

/** What a node with weights [N, K] in blocks along K stores them as. */
export interface BlockedRows {
  /** uint8 [N, blocks, bytes of a block] */
  packed: Value;
  /** N · blocks floats */
  scales: Value;
  /** uint8, packed row by row, or N · blocks floats; undefined: the middle of the numbers */
  zeros: Value | undefined;
  bits: number;
  block: number;
  /** N and K */
  shape: readonly [number, number];
}

/** The weights of rows `from` to before `to`: [to − from, K]. */
export function rowsBetween(b: Builder, stored: BlockedRows, from: number, to: number): Value {
  const { packed, scales, bits, block } = stored;
  const [n, k] = stored.shape;
  const blocks = Math.ceil(k / block);
  const { dtype } = b.type(scales);
  const part = (x: Value): Value => {
    const rows = view(b, x, [n, elementCount(b.shape(x)) / n]);
    return from === 0 && to === n ? rows : between(b, rows, 0, from, to);
  };
  const apart = (x: Value): Value => (bits === 4 ? halves(b, x) : x);
  const q = cast(b, apart(part(packed)), dtype);
  const zeroOf = (zeros: Value): Value =>
    b.type(zeros).dtype === 'uint8' ? cast(b, firstOf(b, apart(part(zeros)), 1, blocks), dtype) : part(zeros);
  const zero = stored.zeros && zeroOf(stored.zeros);
  const centred = zero ? q : sub(b, q, 2 ** (bits - 1));
  return firstOf(b, byBlocks(b, centred, { axis: 1, block, scale: part(scales), zero }), 1, k);
}

/** Of a node that rounds x to the nearest of few numbers, whole steps of the scale around the zero point. */
export interface Rounded {
  scale: Value;
  zero: Value | undefined;
  /** round(x / scale) + zero, without bounds */
  q: Value;
}

/** Scale and zero point as floats that broadcast to x, and the number nearest to each of x. */
export function nearest(b: Builder, node: Node): Rounded {
  const [x, scale, zero] = node.inputs as [Value, Value, Value?];
  const { dtype, shape } = b.type(x);
  const behind = shape.slice(axisOf(attrInt(node, 'axis', 1), shape.length) + 1).map(() => 1);
  const along = (value: Value): Value => {
    const count = elementCount(b.shape(value));
    return view(b, cast(b, value, dtype), count === 1 ? [] : [count, ...behind]);
  };
  const [step, middle] = [along(scale), zero ? along(zero) : undefined];
  const whole = b.op('Round', [div(b, x, step)]);
  return { scale: step, zero: middle, q: middle === undefined ? whole : add(b, whole, middle) };
}

/** Where the nearest number is one of the range, so that it is not cut. */
export function withinRange(b: Builder, node: Node): Value {
  const { q } = nearest(b, node);
  const [low, high] = ['low', 'high'].map((name) => b.scalar(b.type(q).dtype, attrInt(node, name, 0)));
  return b.op('And', [greaterOrEqual(b, q, low!), greaterOrEqual(b, high!, q)]);
}
