// BERT-like encoders of any size with a classification head, as ONNX, freshly initialised from a seed. The graph is the one that PyTorch's
// TorchScript exporter writes for BertForSequenceClassification at opset 17 (eager attention, erf GELU, batch and
// sequence symbolic), so training a built model and training an exported one are the same work. Weights are
// named as in PyTorch; a linear's weight under a MatMul lies [in, out], as the exporter's constant folding leaves it.

import { UsageError } from '../errors.js';
import { float } from '../onnx/builder.js';
import { Tensor } from '../onnx/tensor.js';
import { normalWeights } from './normal.js';
import { TorchScriptWriter } from './torchscript.js';

export interface EncoderOptions {
  /** Transformer layers; default 2. */
  layers?: number;
  /** Width of the residual stream; default 128. */
  hidden?: number;
  /** Attention heads; must divide `hidden`; default 2. */
  heads?: number;
  /** Width of the feed-forward layer; default 4 * hidden. */
  feedForward?: number;
  /** Rows of the word embedding; default 8192. */
  vocabulary?: number;
  /** Longest sequence in tokens; default 512. */
  positions?: number;
  /** Classes of the head; default 2. */
  labels?: number;
  /** Seed of the initial weights; default 0. */
  seed?: number;
}

export type EncoderSize = Required<EncoderOptions>;

/** Fills in the defaults; throws UsageError for sizes that make no encoder. */
export function encoderSize(options: EncoderOptions): EncoderSize {
  const hidden = options.hidden ?? 128;
  const defaults = { layers: 2, hidden, heads: 2, feedForward: 4 * hidden, vocabulary: 8192, positions: 512 };
  const size = { ...defaults, labels: 2, seed: 0, ...options };
  for (const [name, value] of Object.entries(size)) {
    const least = name === 'seed' ? 0 : 1;
    if (!Number.isSafeInteger(value) || value < least)
      throw new UsageError(`encoder option '${name}' must be a whole number of at least ${least}, found ${value}`);
  }
  if (size.hidden % size.heads !== 0)
    throw new UsageError(
      `encoder option 'heads' must divide 'hidden': ${size.hidden} is no multiple of ${size.heads}. ` +
        'Choose a hidden size that is a multiple of the number of heads.',
    );
  return size;
}

/** Weights as BERT initialises them: matrices normal(0, 0.02); biases 0, layer norms 1 and 0 where they are made. */
function weightStream(seed: number): (elements: number) => Float32Array {
  let stream = 0;
  return (elements) => normalWeights(seed, stream++, elements, 0.02);
}

interface Context {
  w: TorchScriptWriter;
  size: EncoderSize;
  normal: (elements: number) => Float32Array;
}

const scopeOf = (module: string): string => `/${module.replaceAll('.', '/').replace(/layer\/(\d+)/, 'layer.$1')}`;

/** x[..., in] -> [..., out]: MatMul and Add, bias first, as the exporter writes nn.Linear over three axes. */
function linear({ w, normal }: Context, module: string, x: string, inputs: number, outputs: number): string {
  const scope = scopeOf(module);
  const weight = w.weight(`${module}.weight`, [inputs, outputs], normal(inputs * outputs));
  const bias = w.weight(`${module}.bias`, [outputs], new Float32Array(outputs));
  return w.op(scope, 'Add', [bias, w.op(scope, 'MatMul', [x, weight])]);
}

/** x[B, in] -> [B, out]: Gemm with PyTorch's [out, in] weight, as the exporter writes nn.Linear over two axes. */
function gemm({ w, normal }: Context, module: string, x: string, inputs: number, outputs: number, as?: string): string {
  const weight = w.weight(`${module}.weight`, [outputs, inputs], normal(outputs * inputs));
  const bias = w.weight(`${module}.bias`, [outputs], new Float32Array(outputs));
  const attributes = { alpha: float(1), beta: float(1), transB: 1 };
  return w.op(scopeOf(module), 'Gemm', [x, weight, bias], attributes, as);
}

function layerNorm({ w, size }: Context, module: string, x: string): string {
  const scale = w.weight(`${module}.weight`, [size.hidden], new Float32Array(size.hidden).fill(1));
  const bias = w.weight(`${module}.bias`, [size.hidden], new Float32Array(size.hidden));
  return w.op(scopeOf(module), 'LayerNormalization', [x, scale, bias], { axis: -1, epsilon: float(1e-12) });
}

/** One of the two dimensions of input_ids, as a scalar. */
function dimension(w: TorchScriptWriter, scope: string, of: string, axis: number): string {
  const shape = w.op(scope, 'Shape', [of]);
  return w.op(scope, 'Gather', [shape, w.constant(scope, Tensor.scalar('int64', axis))], { axis: 0 });
}

function embeddings(c: Context, ids: string, types: string): string {
  const { w, size } = c;
  const module = 'bert.embeddings';
  const scope = scopeOf(module);
  const table = (name: string, rows: number): string =>
    w.weight(`${module}.${name}.weight`, [rows, size.hidden], c.normal(rows * size.hidden));
  const all = Tensor.of(
    'int64',
    Array.from({ length: size.positions }, (_, i) => i),
    [1, size.positions],
  );
  const positionIds = w.constant(scope, all);
  const end = w.op(scope, 'Unsqueeze', [dimension(w, scope, ids, 1), w.ints(scope, 0)]);
  const starts = w.ints(scope, 0);
  const axes = w.ints(scope, 1);
  const positions = w.op(scope, 'Slice', [positionIds, starts, end, axes, w.ints(scope, 1)]);
  const lookUp = (name: string, rows: number, indices: string): string =>
    w.op(`${scope}/${name}`, 'Gather', [table(name, rows), indices]);
  const words = lookUp('word_embeddings', size.vocabulary, ids);
  const typed = w.op(scope, 'Add', [words, lookUp('token_type_embeddings', 2, types)]);
  const placed = w.op(scope, 'Add', [typed, lookUp('position_embeddings', size.positions, positions)]);
  return layerNorm(c, `${module}.LayerNorm`, placed);
}

/** attention_mask[B, T] of 1 and 0 -> [B, 1, 1, T] of 0 and the lowest float32, added to the scores. */
function additiveMask(w: TorchScriptWriter, mask: string): string {
  const rows = w.op('/bert', 'Unsqueeze', [mask, w.ints('/bert', 1)]);
  const broad = w.op('/bert', 'Unsqueeze', [rows, w.ints('/bert', 2)]);
  const ones = w.op('/bert', 'Cast', [broad], { to: 1 });
  const zeros = w.op('/bert', 'Sub', [w.scalar('/bert', 1), ones]);
  return w.op('/bert', 'Mul', [zeros, w.scalar('/bert', -3.4028234663852886e38)]);
}

/** A target shape for Reshape: batch and sequence length (scalars), then `rest`. */
function shapeLike({ w }: Context, scope: string, batch: string, sequence: string, ...rest: number[]): string {
  const b = w.op(scope, 'Unsqueeze', [batch, w.ints(scope, 0)]);
  const t = w.op(scope, 'Unsqueeze', [sequence, w.ints(scope, 0)]);
  return w.op(scope, 'Concat', [b, t, ...rest.map((r) => w.ints(scope, r))], { axis: 0 });
}

/** softmax(q k^T / sqrt(d) + mask) v over heads; x[B, T, C] -> [B, T, C] before the output projection. */
function selfAttention(c: Context, module: string, x: string, mask: string): string {
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
  const weights = w.op(scope, 'Softmax', [w.op(scope, 'Add', [scores, mask])], { axis: -1 });
  const mixed = w.op(scope, 'Transpose', [w.op(scope, 'MatMul', [weights, v])], { perm: [0, 2, 1, 3] });
  return w.op(scope, 'Reshape', [mixed, shapeLike(c, scope, batch, sequence, -1)], { allowzero: 0 });
}

/** x * (1 + erf(x / sqrt 2)) * 0.5 */
function gelu(w: TorchScriptWriter, scope: string, x: string): string {
  const erf = w.op(scope, 'Erf', [w.op(scope, 'Div', [x, w.scalar(scope, Math.SQRT2)])]);
  const cdf = w.op(scope, 'Add', [erf, w.scalar(scope, 1)]);
  return w.op(scope, 'Mul', [w.op(scope, 'Mul', [x, cdf]), w.scalar(scope, 0.5)]);
}

function encoderLayer(c: Context, module: string, x: string, mask: string): string {
  const { w, size } = c;
  const mixed = selfAttention(c, `${module}.attention.self`, x, mask);
  const attention = `${module}.attention.output`;
  const projected = linear(c, `${attention}.dense`, mixed, size.hidden, size.hidden);
  const attended = layerNorm(c, `${attention}.LayerNorm`, w.op(scopeOf(attention), 'Add', [projected, x]));
  const wide = linear(c, `${module}.intermediate.dense`, attended, size.hidden, size.feedForward);
  const active = gelu(w, scopeOf(`${module}.intermediate.intermediate_act_fn`), wide);
  const output = `${module}.output`;
  const narrow = linear(c, `${output}.dense`, active, size.feedForward, size.hidden);
  return layerNorm(c, `${output}.LayerNorm`, w.op(scopeOf(output), 'Add', [narrow, attended]));
}

/**
 * Builds a BERT-like sequence classifier.
 *
 * Inputs `input_ids`, `attention_mask`, `token_type_ids`: int64 [batch_size, sequence_length]; output `logits`: float32
 * [batch_size, labels]. 13.8 million parameters take about a quarter of a second.
 * Source: Devlin et al., BERT (2018); initialisation as in its reference code.
 * @returns the bytes of the ONNX file
 * @throws UsageError for sizes that make no encoder
 */
export function buildEncoder(options: EncoderOptions = {}): Uint8Array {
  const size = encoderSize(options);
  const w = new TorchScriptWriter(17);
  const tokens = ['batch_size', 'sequence_length'];
  const ids = w.input('input_ids', 'int64', tokens);
  const attentionMask = w.input('attention_mask', 'int64', tokens);
  const types = w.input('token_type_ids', 'int64', tokens);
  const c: Context = { w, size, normal: weightStream(size.seed) };
  let x = embeddings(c, ids, types);
  const mask = additiveMask(w, attentionMask);
  for (let i = 0; i < size.layers; i++) x = encoderLayer(c, `bert.encoder.layer.${i}`, x, mask);
  const zero = w.constant('/bert/pooler', Tensor.scalar('int64', 0));
  const first = w.op('/bert/pooler', 'Gather', [x, zero], { axis: 1 });
  const dense = gemm(c, 'bert.pooler.dense', first, size.hidden, size.hidden);
  const pooled = w.op('/bert/pooler/activation', 'Tanh', [dense]);
  gemm(c, 'classifier', pooled, size.hidden, size.labels, 'logits');
  w.output('logits', 'float32', ['batch_size', size.labels]);
  return w.finish();
}
