// Output types of the fused operators of two other domains: com.microsoft (what optimised exports contain) and
// ortune (what gradients are made of; each has a definition in standard operators in lower/).

import type { StaticType } from '../graph.js';
import type { TypeRule, TypeTable } from './context.js';
import { matmulShape, rowsTimesMatrix } from './reduce.js';

const same: TypeRule = (c) => [c.type(0)];

/** Swaps the last two axes (trans), and moves the first axis before the last one (transBatch), in that order. */
function operand(shape: readonly number[], trans: boolean, transBatch: boolean): readonly number[] {
  if (shape.length < 2) return shape;
  const batched = transBatch ? [...shape.slice(1, -1), shape[0]!, shape.at(-1)!] : shape;
  return trans ? [...batched.slice(0, -2), batched.at(-1)!, batched.at(-2)!] : batched;
}

const fusedMatMul: TypeRule = (c) => {
  const flag = (name: string) => c.int(name, 0) !== 0;
  const a = operand(c.shape(0), flag('transA'), flag('transBatchA'));
  const b = operand(c.shape(1), flag('transB'), flag('transBatchB'));
  return [{ dtype: c.sameDtype(), shape: matmulShape(c, a, b) }];
};

/** Output, mean, inverse standard deviation, and the sum of input, skip and bias. */
const skipLayerNormalization: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const statistics: StaticType = { dtype: 'float32', shape: [...shape.slice(0, -1), 1] };
  return [{ dtype, shape }, statistics, statistics, { dtype, shape }];
};

const crossEntropy: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  if (shape.length !== 2 || c.shape(1).length !== 1 || c.shape(1)[0] !== shape[0])
    c.fail(`logits [${shape}] and labels [${c.shape(1)}] must be [N, C] and [N]`);
  return [
    { dtype, shape: [] },
    { dtype, shape: [shape[0]!] },
  ];
};

const embeddingGrad: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const rows = c.int('rows', -1);
  if (rows < 0) c.fail("attribute 'rows' is missing");
  return [{ dtype, shape: [rows, ...shape.slice(c.shape(1).length)] }];
};

const transpose: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  if (shape.length !== 2) c.fail(`the input must have two axes, found [${shape}]`);
  return [{ dtype, shape: [shape[1]!, shape[0]!] }];
};

/** x [B, T, H·d], cos and sin [B, T, d], B and T of which may be 1. */
const rotary: TypeRule = (c) => {
  const [x, cos, sin] = [c.shape(0), c.shape(1), c.shape(2)];
  const size = cos.at(-1)!;
  const fits = (axis: number): boolean => cos[axis] === 1 || cos[axis] === x[axis];
  if (x.length !== 3 || cos.length !== 3 || cos.join() !== sin.join() || !fits(0) || !fits(1))
    c.fail(`x [${x}], cos [${cos}] and sin [${sin}] must be [B, T, C], [B, T, d] and [B, T, d]`);
  if (size % 2 !== 0 || x[2]! % size !== 0)
    c.fail(`${x[2]} channels do not split into heads of ${size}, an even number`);
  return [c.type(0)];
};

/** y like q [B, T, C], and per head and query the row maximum and 1 / Σ exp: [B, H, T, 2]. */
const attention: TypeRule = (c) => {
  const [q, k, v] = [c.shape(0), c.shape(1), c.shape(2)];
  const heads = c.int('heads', 0);
  const keyHeads = c.int('kv_heads', heads);
  if (heads > 0 && (keyHeads < 1 || heads % keyHeads !== 0)) c.fail(`${heads} heads do not share ${keyHeads} of keys`);
  if (q.length !== 3 || k.length !== 3 || k.join() !== v.join() || k[0] !== q[0] || k[2]! * heads !== q[2]! * keyHeads)
    c.fail(
      `q [${q}], k [${k}] and v [${v}] must be [B, T, C], [B, S, C] and [B, S, C], of ${heads} and ${keyHeads} heads`,
    );
  if (heads < 1 || q[2]! % heads !== 0) c.fail(`${q[2]} channels do not split into ${heads} heads`);
  const scores = [q[0]!, heads, q[1]!, k[1]!];
  if (c.has(3) && (c.shape(3).length !== 4 || c.shape(3).some((d, i) => d !== 1 && d !== scores[i])))
    c.fail(`the bias [${c.shape(3)}] does not broadcast to the scores [${scores}]`);
  const learned = c.has(5) ? c.shape(5) : undefined;
  if (learned && (learned.length !== 4 || learned.some((d, i) => d !== scores[i] && (i > 0 || d !== 1))))
    c.fail(`the learned bias [${learned}] is not of the scores [${scores}], of each sample or of all`);
  if (c.has(6) && c.shape(6).join() !== String(heads)) c.fail(`the sinks [${c.shape(6)}] are not of ${heads} heads`);
  const dtype = c.sameDtype(0, c.has(3) ? 3 : 2);
  return [
    { dtype, shape: q },
    { dtype, shape: [...scores.slice(0, 3), 2] },
  ];
};

export const microsoft: TypeTable = {
  FusedMatMul: fusedMatMul,
  Gelu: same,
  BiasGelu: same,
  FastGelu: same,
  SkipLayerNormalization: skipLayerNormalization,
};

export const ortune: TypeTable = {
  BiasGelu: same,
  BiasGeluGrad: (c) => [c.type(1), c.type(2)],
  Gemm: rowsTimesMatrix,
  GemmBf16: rowsTimesMatrix,
  Transpose: transpose,
  GeluGrad: same,
  LayerNormalizationGrad: (c) => [c.type(1), c.type(2), c.type(2)],
  RmsNorm: same,
  RmsNormGrad: (c) => [c.type(1), c.type(2)],
  SwiGlu: same,
  SwiGluGrad: (c) => [c.type(1), c.type(2)],
  Rotary: rotary,
  SoftmaxGrad: same,
  LogSoftmaxGrad: same,
  BiasGrad: (c) => [{ dtype: c.dtype(0), shape: c.shape(0).slice(-1) }],
  EmbeddingGrad: embeddingGrad,
  MaxPoolScatter: (c) => [c.type(2)],
  CrossEntropy: crossEntropy,
  CrossEntropyGrad: (c) => [c.type(1)],
  Dropout: same,
  StopGradient: same,
  Attention: attention,
  AttentionGrad: (c) => [c.type(1), c.type(2), c.type(3), ...(c.has(8) ? [c.type(8)] : [])],
};
