// Output types of matrix products, reductions, normalisations, and of operators that make tensors from shapes.

import type { DataType } from '../dtype.js';
import type { Tensor } from '../tensor.js';
import type { TypeContext, TypeRule, TypeTable } from './context.js';
import { dtypeAttr } from './elementwise.js';

/** The shape of a (batched) matrix product; one-dimensional operands are rows or columns that vanish. */
export function matmulShape(c: TypeContext, a: readonly number[], b: readonly number[]): number[] {
  if (a.length === 0 || b.length === 0) c.fail('a matrix product takes no scalars');
  const left = a.length === 1 ? [1, a[0]!] : a;
  const right = b.length === 1 ? [b[0]!, 1] : b;
  if (left.at(-1) !== right.at(-2)) c.fail(`inner dimensions of [${a}] and [${b}] differ`);
  const shape = c.broadcast(left.slice(0, -2), right.slice(0, -2));
  if (a.length > 1) shape.push(left.at(-2)!);
  if (b.length > 1) shape.push(right.at(-1)!);
  return shape;
}

export const gemm: TypeRule = (c) => {
  const [a, b] = [c.shape(0), c.shape(1)];
  if (a.length !== 2 || b.length !== 2) c.fail(`needs matrices, found [${a}] and [${b}]`);
  const left = c.int('transA', 0) ? a.toReversed() : a;
  const right = c.int('transB', 0) ? b.toReversed() : b;
  if (left[1] !== right[0]) c.fail(`inner dimensions of [${left}] and [${right}] differ`);
  const shape = [left[0]!, right[1]!];
  if (c.has(2) && c.broadcast(shape, c.shape(2)).some((d, i) => d !== shape[i]))
    c.fail(`the bias [${c.shape(2)}] does not broadcast to [${shape}]`);
  return [{ dtype: c.sameDtype(0, c.has(2) ? 2 : 1), shape }];
};

/** A Gemm that takes the rows of any tensor where it does not transpose them. */
export const rowsTimesMatrix: TypeRule = (c) => {
  const [a, b] = [c.shape(0), c.shape(1)];
  if (a.length <= 2) return gemm(c);
  const right = c.int('transB', 0) ? b.toReversed() : b;
  if (c.int('transA', 0) || b.length !== 2) c.fail(`needs rows and a matrix, found [${a}] and [${b}]`);
  return [{ dtype: c.sameDtype(0, c.has(2) ? 2 : 1), shape: matmulShape(c, a, right) }];
};

const reduce: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const given = c.has(1) ? c.values(1) : [];
  if (given.length === 0 && c.int('noop_with_empty_axes', 0)) return [{ dtype, shape }];
  const axes = new Set(given.length ? given.map((a) => c.axis(a, shape.length)) : shape.keys());
  return [{ dtype, shape: reduced(shape, axes, c.int('keepdims', 1) !== 0) }];
};

const reduced = (shape: readonly number[], axes: ReadonlySet<number>, keep: boolean) =>
  shape.flatMap((d, i) => (axes.has(i) ? (keep ? [1] : []) : [d]));

const arg: TypeRule = (c) => {
  const shape = c.shape(0);
  const axes = new Set([c.axis(c.int('axis', 0), shape.length)]);
  return [{ dtype: 'int64', shape: reduced(shape, axes, c.int('keepdims', 1) !== 0) }];
};

const topK: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const out = shape.with(c.axis(c.int('axis', -1), shape.length), c.values(1)[0]!);
  return [
    { dtype, shape: out },
    { dtype: 'int64', shape: out },
  ];
};

/** Y, and the statistics with the normalised axes kept as 1. */
const layerNormalization: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const axis = c.axis(c.int('axis', -1), shape.length);
  for (const i of [1, 2])
    if (c.has(i) && c.broadcast(shape, c.shape(i)).some((d, j) => d !== shape[j]))
      c.fail(`input ${i} [${c.shape(i)}] does not broadcast to [${shape}]`);
  const stash = { dtype: dtypeAttr(c, 'stash_type', 'float32'), shape: shape.map((d, i) => (i < axis ? d : 1)) };
  return [{ dtype, shape }, stash, stash];
};

const constantOfShape: TypeRule = (c) => {
  const value = c.node.attrs.get('value')?.value as Tensor | undefined;
  return [{ dtype: value?.dtype ?? 'float32', shape: c.values(0) }];
};

const range: TypeRule = (c) => {
  const [start, limit, delta] = [c.values(0)[0]!, c.values(1)[0]!, c.values(2)[0]!];
  return [{ dtype: c.sameDtype(), shape: [Math.max(0, Math.ceil((limit - start) / delta))] }];
};

const shapeOf: TypeRule = (c) => {
  const rank = c.shape(0).length;
  return [{ dtype: 'int64', shape: [c.shape(0).slice(c.int('start', 0), c.int('end', rank)).length] }];
};

/** One column per element that is not zero: the input must be a constant. */
const nonZero: TypeRule = (c) => [
  { dtype: 'int64', shape: [c.shape(0).length, c.values(0).filter((v) => v !== 0).length] },
];

const oneHot: TypeRule = (c) => {
  const indices = c.shape(0);
  const axis = c.axis(c.int('axis', -1), indices.length + 1);
  return [{ dtype: c.dtype(2), shape: indices.toSpliced(axis, 0, c.values(1)[0]!) }];
};

const like =
  (fallback?: DataType): TypeRule =>
  (c) => [{ dtype: dtypeAttr(c, 'dtype', fallback ?? c.dtype(0)), shape: c.shape(0) }];
const random: TypeRule = (c) => [
  { dtype: dtypeAttr(c, 'dtype', 'float32'), shape: c.ints('shape') ?? c.fail("attribute 'shape' is missing") },
];

const reductions = 'L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare';

export const reduceAndMake: TypeTable = {
  MatMul: (c) => [{ dtype: c.sameDtype(), shape: matmulShape(c, c.shape(0), c.shape(1)) }],
  Gemm: gemm,
  ...Object.fromEntries(reductions.split(' ').map((name) => [`Reduce${name}`, reduce])),
  ArgMax: arg,
  ArgMin: arg,
  TopK: topK,
  LayerNormalization: layerNormalization,
  Shape: shapeOf,
  Size: () => [{ dtype: 'int64', shape: [] }],
  NonZero: nonZero,
  ConstantOfShape: constantOfShape,
  Range: range,
  OneHot: oneHot,
  EyeLike: like(),
  RandomNormalLike: like(),
  RandomUniformLike: like(),
  Bernoulli: like(),
  RandomNormal: random,
  RandomUniform: random,
};
