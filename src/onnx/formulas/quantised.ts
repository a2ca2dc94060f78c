// What stored numbers of few bits stand for: (q − zero) · scale, each number with the scale of its tensor, channel or
// block. DequantizeLinear makes the floats, of the bytes that the file has: numbers of 4 bits lie two in a byte, the
// low half first, there as here.

import type { Builder } from '../builder.js';
import { bytesOfElements, type DataType } from '../dtype.js';
import { add, axisOf, cast, div, firstOf, greaterOrEqual, indices, mul, sub, view } from '../formulas.js';
import { attrInt, type Node, type Value } from '../graph.js';
import { TypeContext } from '../shapes/context.js';
import { blockedSizes } from '../shapes/quantised.js';
import { elementCount, Tensor } from '../tensor.js';

/** What a node with weights [N, K] in blocks along K stores them as. */
export interface BlockedRows {
  /** uint8 [N, blocks, bytes of a block] */
  packed: Tensor;
  /** N · blocks floats */
  scales: Tensor;
  /** uint8, packed row by row, or N · blocks floats; undefined: the middle of the numbers */
  zeros: Tensor | undefined;
  bits: number;
  block: number;
  /** N and K */
  shape: readonly [number, number];
}

/** Of a MatMulNBits. */
export function storedProduct(b: Builder, node: Node): BlockedRows {
  const { n, k, bits, block } = blockedSizes(new TypeContext(b.graph, node));
  const [, packed, scales, zeros] = node.inputs.map((value) => b.graph.initializers.get(value));
  return { packed: packed!, scales: scales!, zeros, bits, block, shape: [n, k] };
}

/** Weights that are floats at once: 16 MiB of them, and some more while they are made. */
const elementsAtOnce = 2 ** 22;

/**
 * From and to of the rows of weights [N, K] that are made floats at once.
 * @param whole all but the last part have a multiple of so many rows
 */
export function partsOfRows([n, k]: readonly [number, number], whole = 16): [number, number][] {
  const step = Math.max(1, Math.floor(elementsAtOnce / k / whole)) * whole;
  return indices(Math.ceil(n / step)).map((i) => [i * step, Math.min(n, (i + 1) * step)]);
}

/**
 * The weights of rows `from` to before `to`, in the memory of the stored ones until they are floats: [to − from, K].
 */
export function rowsBetween(b: Builder, stored: BlockedRows, from: number, to: number): Value {
  const { packed, scales, zeros, bits, block } = stored;
  const [, k] = stored.shape;
  const perRow = Math.ceil(k / block);
  const [first, count] = [from * perRow, (to - from) * perRow];
  const dtype = bits === 4 ? 'uint4' : 'uint8';
  // A block is a row: the runtime is faster with scales of rows than of parts of them.
  const part = (tensor: Tensor, type: DataType, size?: number): Value => {
    const offset = bytesOfElements(type, first * (size ?? 1));
    return b.constant(tensor.part(type, size === undefined ? [count] : [count, size], offset), 'stored');
  };
  const [numbers, scale] = [part(packed, dtype, block), part(scales, scales.dtype)];
  const whole = (floats: Value): Value => firstOf(b, view(b, floats, [to - from, perRow * block]), 1, k);
  if (zeros === undefined || zeros.dtype === 'uint8') {
    const zero =
      zeros === undefined
        ? b.constant(middles(dtype, count).part(dtype, [count]), 'middles')
        : bits === 8 || perRow % 2 === 0
          ? part(zeros, dtype)
          : b.constant(withoutEnds(zeros, perRow, from, to), 'zeros');
    return whole(b.op('DequantizeLinear', [numbers, scale, zero], { axis: 0 }));
  }
  const zero = mul(b, part(zeros, zeros.dtype), scale);
  const floats = b.op('DequantizeLinear', [numbers, scale], { axis: 0 });
  return whole(sub(b, floats, view(b, zero, [count, 1])));
}

/** What a node with weights [N, K] of codes stores them as: each stands for a number of a table, times its block's. */
export interface CodedRows {
  /** uint8 [N · K / 2], the first code of each byte in its high half */
  packed: Tensor;
  /** Of blocks of the elements in their order. */
  absmax: Tensor;
  block: number;
  /** Of the 16 codes. */
  table: readonly number[];
  /** K */
  columns: number;
}

/** The weights of rows `from` to before `to`, which begin and end with whole blocks: [to − from, K]. */
export function codedRowsBetween(b: Builder, stored: CodedRows, from: number, to: number): Value {
  const { packed, absmax, block, table, columns } = stored;
  const [first, count] = [from * columns, (to - from) * columns];
  const bytes = b.constant(packed.part('uint8', [count / 2, 1], first / 2), 'stored');
  const halves = [
    b.op('BitShift', [bytes, b.scalar('uint8', 4)], { direction: 'RIGHT' }),
    b.op('BitwiseAnd', [bytes, b.scalar('uint8', 15)]),
  ];
  const codes = cast(b, b.op('Concat', halves, { axis: 1 }), 'int32');
  const numbers = b.op('Gather', [b.constant(Tensor.of(absmax.dtype, table), 'table'), codes]);
  const offset = bytesOfElements(absmax.dtype, first / block);
  const largest = b.constant(absmax.part(absmax.dtype, [count / block, 1], offset), 'stored');
  return view(b, mul(b, view(b, numbers, [count / block, block]), largest), [to - from, columns]);
}

/** Zero points of rows without the half byte that each ends with, where `blocks` is odd. */
function withoutEnds(zeros: Tensor, blocks: number, from: number, to: number): Tensor {
  const all = zeros.part('uint4', [to - from, blocks + 1], (from * (blocks + 1)) / 2).numbers();
  const bytes = new Uint8Array(bytesOfElements('uint4', (to - from) * blocks));
  for (const [i, number] of all.filter((_, i) => i % (blocks + 1) < blocks).entries())
    bytes[i >> 1]! |= number << (4 * (i & 1));
  return new Tensor('uint4', [(to - from) * blocks], bytes);
}

/** As many times the middle of the numbers, all of one memory for whoever asks for no more. */
function middles(dtype: 'uint4' | 'uint8', count: number): Tensor {
  const known = ofMiddles[dtype];
  if (known && known.size >= count) return known;
  const [size, byte] = [bytesOfElements(dtype, count), dtype === 'uint4' ? 0x88 : 0x80];
  ofMiddles[dtype] = new Tensor(dtype, [count], new Uint8Array(new SharedArrayBuffer(size)).fill(byte), true);
  return ofMiddles[dtype];
}
const ofMiddles: Partial<Record<DataType, Tensor>> = {};

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
