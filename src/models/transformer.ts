// The layers that transformers are made of, written as PyTorch's TorchScript exporter writes the transformers library's
// modules: linear maps, layer normalisation, attention over heads, GELU. Weights are named as in PyTorch; a linear's
// weight under a MatMul lies [in, out], as the exporter's constant folding leaves it. What a model is made of stands in
// the file of its name.

import { float } from '../onnx/builder.js';
import { Tensor } from '../onnx/tensor.js';
import type { WeightStream } from './normal.js';
import type { TorchScriptWriter } from './torchscript.js';

export interface TransformerSize {
  /** Width of the residual stream. */
  hidden: number;
  /** Attention heads; divides `hidden`. */
  heads: number;
  /** Of the layer normalisations. */
  epsilon: number;
  /** How the file keeps matrices; float16 ones are cast to float32 before use. */
  storage: 'float32' | 'float16';
}

export interface TransformerContext {
  w: TorchScriptWriter;
  size: TransformerSize;
  draw: WeightStream;
}

/** Standard deviation that most families start their matrices with. */
const usualDeviation = 0.02;

/** The weight of a module as float32, in the file's kind of storage: normal(0, deviation). */
export function matrix(
  { w, size, draw }: TransformerContext,
  module: string,
  shape: [number, number],
  deviation = usualDeviation,
): string {
  const data = draw.normal(shape[0] * shape[1], deviation);
  const weight = w.weight(`${module}.weight`, shape, data, size.storage);
  return size.storage === 'float32' ? weight : w.op(scopeOf(module), 'Cast', [weight], { to: 1 });
}

export const scopeOf = (module: string): string =>
  `/${module.replaceAll('.', '/').replace(/(layers?|block|h)\/(\d+)/g, '$1.$2')}`;

export interface LinearOptions {
  /** Default true. */
  bias?: boolean;
  /** Of the initial weights; default 0.02. */
  deviation?: number;
  /** Name of what comes out, where it is an output of the graph. */
  as?: string;
}

/** x[..., in] -> [..., out]: MatMul and Add, bias first, as the exporter writes nn.Linear over three axes. */
export function linear(
  c: TransformerContext,
  module: string,
  x: string,
  inputs: number,
  outputs: number,
  { bias = true, deviation, as }: LinearOptions = {},
): string {
  const { w } = c;
  const scope = scopeOf(module);
  const weight = matrix(c, module, [inputs, outputs], deviation);
  if (!bias) return w.op(scope, 'MatMul', [x, weight], {}, as);
  const added = w.weight(`${module}.bias`, [outputs], new Float32Array(outputs));
  return w.op(scope, 'Add', [added, w.op(scope, 'MatMul', [x, weight])], {}, as);
}

/** x[B, in] -> [B, out]: Gemm with PyTorch's [out, in] weight, as the exporter writes nn.Linear over two axes. */
export function gemm(
  c: TransformerContext,
  module: string,
  x: string,
  inputs: number,
  outputs: number,
  as?: string,
): string {
  const { w } = c;
  const weight = matrix(c, module, [outputs, inputs]);
  const bias = w.weight(`${module}.bias`, [outputs], new Float32Array(outputs));
  const attributes = { alpha: float(1), beta: float(1), transB: 1 };
  return w.op(scopeOf(module), 'Gemm', [x, weight, bias], attributes, as);
}

export function layerNorm({ w, size }: TransformerContext, module: string, x: string, as?: string): string {
  const scale = w.weight(`${module}.weight`, [size.hidden], new Float32Array(size.hidden).fill(1));
  const bias = w.weight(`${module}.bias`, [size.hidden], new Float32Array(size.hidden));
  return w.op(scopeOf(module), 'LayerNormalization', [x, scale, bias], { axis: -1, epsilon: float(size.epsilon) }, as);
}

/** x / √(mean of x² + ε) · weight, over the last axis; without a mean to subtract and without a bias. */
export function rmsNorm({ w, size }: TransformerContext, module: string, x: string): string {
  const scope = scopeOf(module);
  const weight = w.weight(`${module}.weight`, [size.hidden], new Float32Array(size.hidden).fill(1));
  const square = w.op(scope, 'Pow', [x, w.scalar(scope, 2)]);
  const mean = w.op(scope, 'ReduceMean', [square], { axes: [-1], keepdims: 1 });
  const root = w.op(scope, 'Sqrt', [w.op(scope, 'Add', [mean, w.scalar(scope, size.epsilon)])]);
  const normed = w.op(scope, 'Mul', [x, w.op(scope, 'Div', [w.scalar(scope, 1), root])]);
  return w.op(scope, 'Mul', [weight, normed]);
}

/** One dimension of a value, as a scalar. */
export function dimension(w: TorchScriptWriter, scope: string, of: string, axis: number): string {
  const shape = w.op(scope, 'Shape', [of]);
  return w.op(scope, 'Gather', [shape, w.constant(scope, Tensor.scalar('int64', axis))], { axis: 0 });
}

/** A target shape for Reshape: batch and sequence length (scalars), then `rest`. */
export function shapeLike(
  { w }: TransformerContext,
  scope: string,
  batch: string,
  sequence: string,
  ...rest: number[]
): string {
  const b = w.op(scope, 'Unsqueeze', [batch, w.ints(scope, 0)]);
  const t = w.op(scope, 'Unsqueeze', [sequence, w.ints(scope, 0)]);
  return w.op(scope, 'Concat', [b, t, ...rest.map((r) => w.ints(scope, r))], { axis: 0 });
}

/** softmax(q k^T / sqrt(d) + mask) v over heads; x[B, T, C] -> [B, T, C] before the output projection. */
export function selfAttention(c: TransformerContext, module: string, x: string, mask?: string): string {
  const { w, size } = c;
  const scope = scopeOf(module);
  const batch = dimension(w, scope, x, 0);
  const sequence = dimension(w, scope, x, 1);
  const perHead = size.hidden / size.heads;
  const project = (name: string): string => linear(c, `${module}.${name}`, x, size.hidden, size.hidden);
  const heads = (value: string): string =>
    w.op(scope, 'Reshape', [value, shapeLike(c, scope, batch, sequence, -1, perHead)], { allowzero: 0 });
  const q = w.op(scope, 'Transpose', [heads(project('query'))], { perm: [0, 2, 1, 3] });
  const k = heads(project('key'));
  const v = w.op(scope, 'Transpose', [heads(project('value'))], { perm: [0, 2, 1, 3] });
  const kT = w.op(scope, 'Transpose', [k], { perm: [0, 2, 3, 1] });
  const scores = w.op(scope, 'Mul', [w.op(scope, 'MatMul', [q, kT]), w.scalar(scope, 1 / Math.sqrt(perHead))]);
  const masked = mask === undefined ? scores : w.op(scope, 'Add', [scores, mask]);
  const weights = w.op(scope, 'Softmax', [masked], { axis: -1 });
  const mixed = w.op(scope, 'Transpose', [w.op(scope, 'MatMul', [weights, v])], { perm: [0, 2, 1, 3] });
  return w.op(scope, 'Reshape', [mixed, shapeLike(c, scope, batch, sequence, -1)], { allowzero: 0 });
}

/** x · ½(1 + tanh(√(2/π)(x + 0.044715 x³))), the approximation that GPT-2 has */
export function tanhGelu(w: TorchScriptWriter, scope: string, x: string): string {
  const cube = w.op(scope, 'Mul', [w.op(scope, 'Pow', [x, w.scalar(scope, 3)]), w.scalar(scope, 0.044715)]);
  const inner = w.op(scope, 'Mul', [w.op(scope, 'Add', [x, cube]), w.scalar(scope, Math.sqrt(2 / Math.PI))]);
  const share = w.op(scope, 'Add', [w.op(scope, 'Tanh', [inner]), w.scalar(scope, 1)]);
  return w.op(scope, 'Mul', [w.op(scope, 'Mul', [x, w.scalar(scope, 0.5)]), share]);
}

/** x * (1 + erf(x / sqrt 2)) * 0.5 */
export function gelu(w: TorchScriptWriter, scope: string, x: string): string {
  const erf = w.op(scope, 'Erf', [w.op(scope, 'Div', [x, w.scalar(scope, Math.SQRT2)])]);
  const cdf = w.op(scope, 'Add', [erf, w.scalar(scope, 1)]);
  return w.op(scope, 'Mul', [w.op(scope, 'Mul', [x, cdf]), w.scalar(scope, 0.5)]);
}
