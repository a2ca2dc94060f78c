// BERT-like encoders of any size, as ONNX, freshly initialised from a seed. The graph is the one that PyTorch's TorchScript
// exporter writes for BertForSequenceClassification, BertForMaskedLM or BertModel at opset 17 (eager attention, erf GELU, batch
// and sequence symbolic), so training a built model and training an exported one are the same work. Weights are named
// as in PyTorch; a linear's weight under a MatMul lies [in, out], as the exporter's constant folding leaves it.

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
  /** Classes of the classification head; default 2. */
  labels?: number;
  /** Seed of the initial weights; default 0. */
  seed?: number;
  /** What follows the layers; default classification. `none`: the hidden states are the output. */
  head?: 'classification' | 'masked-lm' | 'none';
  /** How the file keeps matrices; float16 ones are cast to float32 before use. Default float32. */
  storage?: 'float32' | 'float16';
}

export type EncoderSize = Required<EncoderOptions>;

const choices = { head: ['classification', 'masked-lm', 'none'], storage: ['float32', 'float16'] };

/** Fills in the defaults; throws UsageError for sizes that make no encoder. */
export function encoderSize(options: EncoderOptions): EncoderSize {
  const hidden = options.hidden ?? 128;
  const defaults = { layers: 2, hidden, heads: 2, feedForward: 4 * hidden, vocabulary: 8192, positions: 512 };
  const numbers = { ...defaults, labels: 2, seed: 0 };
  const size: EncoderSize = { ...numbers, head: 'classification', storage: 'float32', ...options };
  for (const name of Object.keys(numbers) as (keyof typeof numbers)[]) {
    const value = size[name];
    const least = name === 'seed' ? 0 : 1;
    if (!Number.isSafeInteger(value) || value < least)
      throw new UsageError(`encoder option '${name}' must be a whole number of at least ${least}, found ${value}`);
  }
  for (const [name, allowed] of Object.entries(choices))
    if (!allowed.includes(size[name as keyof typeof choices]))
      throw new UsageError(
        `encoder option '${name}' must be one of ${allowed.join(', ')}, found '${size[name as keyof typeof choices]}'`,
      );
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

/** The weight of a module as float32, in the file's kind of storage. */
function matrix({ w, size, normal }: Context, module: string, shape: [number, number]): string {
  const data = normal(shape[0] * shape[1]);
  const weight = w.weight(`${module}.weight`, shape, data, size.storage);
  return size.storage === 'float32' ? weight : w.op(scopeOf(module), 'Cast', [weight], { to: 1 });
}

const scopeOf = (module: string): string => `/${module.replaceAll('.', '/').replace(/layer\/(\d+)/, 'layer.$1')}`;

/** x[..., in] -> [..., out]: MatMul and Add, bias first, as the exporter writes nn.Linear over three axes. */
function linear(c: Context, module: string, x: string, inputs: number, outputs: number): string {
  const { w } = c;
  const scope = scopeOf(module);
  const weight = matrix(c, module, [inputs, outputs]);
  const bias = w.weight(`${module}.bias`, [outputs], new Float32Array(outputs));
  return w.op(scope, 'Add', [bias, w.op(scope, 'MatMul', [x, weight])]);
}

/** x[B, in] -> [B, out]: Gemm with PyTorch's [out, in] weight, as the exporter writes nn.Linear over two axes. */
function gemm(c: Context, module: string, x: string, inputs: number, outputs: number, as?: string): string {
  const { w } = c;
  const weight = matrix(c, module, [outputs, inputs]);
  const bias = w.weight(`${module}.bias`, [outputs], new Float32Array(outputs));
  const attributes = { alpha: float(1), beta: float(1), transB: 1 };
  return w.op(scopeOf(module), 'Gemm', [x, weight, bias], attributes, as);
}

function layerNorm({ w, size }: Context, module: string, x: string, as?: string): string {
  const scale = w.weight(`${module}.weight`, [size.hidden], new Float32Array(size.hidden).fill(1));
  const bias = w.weight(`${module}.bias`, [size.hidden], new Float32Array(size.hidden));
  return w.op(scopeOf(module), 'LayerNormalization', [x, scale, bias], { axis: -1, epsilon: float(1e-12) }, as);
}

/** One of the two dimensions of input_ids, as a scalar. */
function dimension(w: TorchScriptWriter, scope: string, of: string, axis: number): string {
  const shape = w.op(scope, 'Shape', [of]);
  return w.op(scope, 'Gather', [shape, w.constant(scope, Tensor.scalar('int64', axis))], { axis: 0 });
}

interface Embedded {
  x: string;
  /** The word embedding as float32 [vocabulary, hidden]. */
  words: string;
}

function embeddings(c: Context, module: string, ids: string, types: string): Embedded {
  const { w, size } = c;
  const scope = scopeOf(module);
  const table = (name: string, rows: number): string => matrix(c, `${module}.${name}`, [rows, size.hidden]);
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
  const lookUp = (name: string, rows: string, indices: string): string =>
    w.op(`${scope}/${name}`, 'Gather', [rows, indices]);
  const words = table('word_embeddings', size.vocabulary);
  const worded = lookUp('word_embeddings', words, ids);
  const typed = w.op(scope, 'Add', [worded, lookUp('token_type_embeddings', table('token_type_embeddings', 2), types)]);
  const places = lookUp('position_embeddings', table('position_embeddings', size.positions), positions);
  return { x: layerNorm(c, `${module}.LayerNorm`, w.op(scope, 'Add', [typed, places])), words };
}

/** attention_mask[B, T] of 1 and 0 -> [B, 1, 1, T] of 0 and the lowest float32, added to the scores. */
function additiveMask(w: TorchScriptWriter, scope: string, mask: string): string {
  const rows = w.op(scope, 'Unsqueeze', [mask, w.ints(scope, 1)]);
  const broad = w.op(scope, 'Unsqueeze', [rows, w.ints(scope, 2)]);
  const ones = w.op(scope, 'Cast', [broad], { to: 1 });
  const zeros = w.op(scope, 'Sub', [w.scalar(scope, 1), ones]);
  return w.op(scope, 'Mul', [zeros, w.scalar(scope, -3.4028234663852886e38)]);
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

function encoderLayer(c: Context, module: string, x: string, mask: string, as?: string): string {
  const { w, size } = c;
  const mixed = selfAttention(c, `${module}.attention.self`, x, mask);
  const attention = `${module}.attention.output`;
  const projected = linear(c, `${attention}.dense`, mixed, size.hidden, size.hidden);
  const attended = layerNorm(c, `${attention}.LayerNorm`, w.op(scopeOf(attention), 'Add', [projected, x]));
  const wide = linear(c, `${module}.intermediate.dense`, attended, size.hidden, size.feedForward);
  const active = gelu(w, scopeOf(`${module}.intermediate.intermediate_act_fn`), wide);
  const output = `${module}.output`;
  const narrow = linear(c, `${output}.dense`, active, size.feedForward, size.hidden);
  return layerNorm(c, `${output}.LayerNorm`, w.op(scopeOf(output), 'Add', [narrow, attended]), as);
}

/** The first token's vector through the pooler, then the classifier. */
function classificationHead(c: Context, x: string): void {
  const { w, size } = c;
  const zero = w.constant('/bert/pooler', Tensor.scalar('int64', 0));
  const first = w.op('/bert/pooler', 'Gather', [x, zero], { axis: 1 });
  const dense = gemm(c, 'bert.pooler.dense', first, size.hidden, size.hidden);
  const pooled = w.op('/bert/pooler/activation', 'Tanh', [dense]);
  gemm(c, 'classifier', pooled, size.hidden, size.labels, 'logits');
  w.output('logits', 'float32', ['batch_size', size.labels]);
}

/** Dense, GELU and layer norm, then every word's score by the word embedding itself, which is tied to the decoder. */
function maskedLmHead(c: Context, x: string, words: string): void {
  const { w, size } = c;
  const transform = 'cls.predictions.transform';
  const dense = linear(c, `${transform}.dense`, x, size.hidden, size.hidden);
  const active = gelu(w, scopeOf(`${transform}.transform_act_fn`), dense);
  const normed = layerNorm(c, `${transform}.LayerNorm`, active);
  const scope = scopeOf('cls.predictions.decoder');
  const decoder = w.op(scope, 'Transpose', [words], { perm: [1, 0] });
  const bias = w.weight('cls.predictions.bias', [size.vocabulary], new Float32Array(size.vocabulary));
  w.op(scope, 'Add', [bias, w.op(scope, 'MatMul', [normed, decoder])], {}, 'logits');
  w.output('logits', 'float32', ['batch_size', 'sequence_length', size.vocabulary]);
}

/**
 * Builds a BERT-like encoder.
 *
 * Inputs `input_ids`, `attention_mask`, `token_type_ids`: int64 [batch_size, sequence_length]. Output: float32 `logits`
 * [batch_size, labels] of a classifier or [batch_size, sequence_length, vocabulary] of a masked language model, or
 * `last_hidden_state` [batch_size, sequence_length, hidden] without a head. 13.8 million parameters take about a quarter of a second.
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
  const bare = size.head === 'none';
  const [prefix, scope] = bare ? ['', ''] : ['bert.', '/bert'];
  const embedded = embeddings(c, `${prefix}embeddings`, ids, types);
  const mask = additiveMask(w, scope, attentionMask);
  let x = embedded.x;
  for (let i = 0; i < size.layers; i++) {
    const last = bare && i === size.layers - 1;
    x = encoderLayer(c, `${prefix}encoder.layer.${i}`, x, mask, last ? 'last_hidden_state' : undefined);
  }
  if (size.head === 'classification') classificationHead(c, x);
  else if (size.head === 'masked-lm') maskedLmHead(c, x, embedded.words);
  else w.output(x, 'float32', ['batch_size', 'sequence_length', size.hidden]);
  return w.finish();
}
