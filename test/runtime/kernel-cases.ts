// One operator and its inputs for every kernel of texts: what kernels.test.ts runs.

import { float } from '#ortune/onnx/builder.js';
import { elementCount, Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import type { OperatorCase } from '../autodiff/graphs.js';
import { random } from './kernels.js';

/** Whole numbers from `low` to below `high`. */
export const integers = (
  dtype: 'int64' | 'int32',
  stream: number,
  shape: number[],
  low: number,
  high: number,
): Tensor =>
  Tensor.of(
    dtype,
    Array.from(normals(9, stream, elementCount(shape)), (v) => low + (Math.floor(Math.abs(v) * 1e4) % (high - low))),
    shape,
  );
const softmaxRows = (stream: number, shape: number[], logarithm: boolean): Tensor => {
  const columns = shape.at(-1)!;
  const e = Array.from(normals(9, stream, elementCount(shape)), Math.exp);
  const totals = e.map((_, i) => {
    const row = i - (i % columns);
    return e.slice(row, row + columns).reduce((a, v) => a + v, 0);
  });
  return Tensor.of(
    'float32',
    e.map((v, i) => (logarithm ? Math.log(v / totals[i]!) : v / totals[i]!)),
    shape,
  );
};

export interface KernelCase extends OperatorCase {
  name: string;
  /** Erf has no float64 kernel on the stock session; what rounds to bfloat16 has other numbers to round in float64. */
  single?: boolean;
}

export const wide = [3, 70, 33];
export const labels = Tensor.of(
  'int64',
  Array.from({ length: 50 }, (_, i) => (i % 6 === 4 ? -100 : (i * 5) % 17)),
);
export const logits = random(30, [50, 17], (v) => 3 * v);
const sampleWeights = random(31, [50], Math.abs);
const classWeights = random(32, [17], Math.abs);
const smoothing = { label_smoothing: float(0.1) };

/** At least one case of every kernel of ops/ that is neither attention nor of images. */
export const cases: KernelCase[] = [
  { name: 'GeluGrad', op: 'GeluGrad', inputs: [random(1, wide), random(2, wide)], single: true },
  {
    name: 'GeluGrad tanh',
    op: 'GeluGrad',
    inputs: [random(1, wide), random(2, wide)],
    attrs: { approximate: 'tanh' },
  },
  { name: 'BiasGelu', op: 'BiasGelu', inputs: [random(1, wide), random(2, [33])], single: true },
  { name: 'BiasGelu tanh', op: 'BiasGelu', inputs: [random(1, wide), random(2, [33])], attrs: { approximate: 'tanh' } },
  {
    name: 'BiasGeluGrad',
    op: 'BiasGeluGrad',
    inputs: [random(1, wide), random(2, wide), random(3, [33])],
    outputs: 2,
    single: true,
  },
  {
    name: 'BiasGeluGrad tanh',
    op: 'BiasGeluGrad',
    inputs: [random(1, wide), random(2, wide), random(3, [33])],
    attrs: { approximate: 'tanh' },
    outputs: 2,
  },
  { name: 'Gemm', op: 'Gemm', inputs: [random(4, [70, 133]), random(5, [133, 45]), random(6, [45])] },
  {
    name: 'Gemm of transposed operands',
    op: 'Gemm',
    inputs: [random(4, [700, 33]), random(5, [45, 700])],
    attrs: { transA: 1, transB: 1 },
  },
  {
    name: 'Gemm of many rows',
    op: 'Gemm',
    inputs: [random(4, [701, 33]), random(5, [45, 33]), random(6, [45])],
    attrs: { transB: 1 },
  },
  {
    name: 'Gemm of the rows of a tensor',
    op: 'Gemm',
    inputs: [random(4, [3, 5, 33]), random(5, [33, 45]), random(6, [45])],
  },
  {
    name: 'GemmBf16',
    op: 'GemmBf16',
    inputs: [random(4, [70, 133]), random(5, [133, 45]), random(6, [45])],
    single: true,
  },
  {
    name: 'GemmBf16 of transposed operands',
    op: 'GemmBf16',
    inputs: [random(4, [700, 33]), random(5, [45, 700])],
    attrs: { transA: 1, transB: 1 },
    single: true,
  },
  {
    name: 'GemmBf16 of the rows of a tensor',
    op: 'GemmBf16',
    inputs: [random(4, [3, 101, 33]), random(5, [45, 33]), random(6, [45])],
    attrs: { transB: 1 },
    single: true,
  },
  { name: 'Transpose', op: 'Transpose', inputs: [random(4, [70, 133])] },
  {
    name: 'LayerNormalizationGrad',
    op: 'LayerNormalizationGrad',
    inputs: [random(3, wide), random(4, wide), random(5, [33])],
    attrs: { epsilon: float(1e-12) },
    outputs: 3,
  },
  {
    name: 'LayerNormalizationGrad over two axes',
    op: 'LayerNormalizationGrad',
    inputs: [random(3, wide), random(4, wide), random(5, [70, 33])],
    attrs: { axis: 1 },
    outputs: 3,
  },
  {
    name: 'RmsNorm',
    op: 'RmsNorm',
    inputs: [random(4, wide), random(5, [33])],
    attrs: { epsilon: float(1e-6) },
  },
  {
    name: 'RmsNormGrad',
    op: 'RmsNormGrad',
    inputs: [random(3, wide), random(4, wide), random(5, [33])],
    attrs: { epsilon: float(1e-6) },
    outputs: 2,
  },
  { name: 'SwiGlu', op: 'SwiGlu', inputs: [random(4, wide), random(5, wide)] },
  { name: 'SwiGluGrad', op: 'SwiGluGrad', inputs: [random(3, wide), random(4, wide), random(5, wide)], outputs: 2 },
  { name: 'Rotary', op: 'Rotary', inputs: [random(3, [3, 70, 66]), random(4, [3, 70, 22]), random(5, [3, 70, 22])] },
  {
    name: 'Rotary transposed, with the same angles for all samples',
    op: 'Rotary',
    inputs: [random(3, [3, 70, 66]), random(4, [1, 70, 22]), random(5, [1, 70, 22])],
    attrs: { transposed: 1 },
  },
  {
    name: 'SoftmaxGrad',
    op: 'SoftmaxGrad',
    inputs: [random(6, wide), softmaxRows(7, wide, false)],
    attrs: { scale: float(0.125) },
  },
  { name: 'LogSoftmaxGrad', op: 'LogSoftmaxGrad', inputs: [random(6, wide), softmaxRows(7, wide, true)] },
  { name: 'BiasGrad', op: 'BiasGrad', inputs: [random(8, wide)] },
  { name: 'BiasGrad of one row', op: 'BiasGrad', inputs: [random(8, [33])] },
  {
    name: 'EmbeddingGrad',
    op: 'EmbeddingGrad',
    inputs: [random(9, [4, 50, 70]), integers('int64', 10, [4, 50], -11, 11)],
    attrs: { rows: 11 },
  },
  {
    name: 'EmbeddingGrad of int32 indices',
    op: 'EmbeddingGrad',
    inputs: [random(9, [200, 5]), integers('int32', 10, [200], 0, 2)],
    attrs: { rows: 2 },
  },
  {
    name: 'Dropout',
    op: 'Dropout',
    inputs: [random(11, wide), Tensor.of('uint32', [7, 4_000_000_000, 1, 0])],
    attrs: { ratio: float(0.1), id: 12 },
  },
  { name: 'CrossEntropy', op: 'CrossEntropy', inputs: [logits, labels], outputs: 2 },
  {
    name: 'CrossEntropy with every option',
    op: 'CrossEntropy',
    inputs: [logits, labels, sampleWeights, classWeights],
    attrs: smoothing,
    outputs: 2,
  },
  {
    name: 'CrossEntropy that ignores a class',
    op: 'CrossEntropy',
    inputs: [logits, integers('int64', 34, [50], 0, 17), undefined, classWeights],
    attrs: { ignore_index: 3 },
    outputs: 2,
  },
  {
    name: 'CrossEntropyGrad',
    op: 'CrossEntropyGrad',
    inputs: [Tensor.scalar('float32', 0.3), logits, random(33, [50], (v) => v + 6), labels],
  },
  {
    name: 'CrossEntropyGrad with every option',
    op: 'CrossEntropyGrad',
    inputs: [
      Tensor.scalar('float32', 0.3),
      logits,
      random(33, [50], (v) => v + 6),
      labels,
      sampleWeights,
      classWeights,
    ],
    attrs: smoothing,
  },
];
