// BERT-like encoders of any size, as ONNX, freshly initialised from a seed. The graph is the one that PyTorch's
// TorchScript exporter writes for BertForSequenceClassification, BertForMaskedLM or BertModel at opset 17 (eager
// attention, erf GELU, batch and sequence symbolic), so training a built model and training an exported one are the
// same work. Weights are named as in PyTorch; a linear's weight under a MatMul lies [in, out], as the exporter's
// constant folding leaves it.

import { checkOptions, kindOfValue } from '../arguments.js';
import { UsageError } from '../errors.js';
import { Tensor } from '../onnx/tensor.js';
import { WeightStream } from './normal.js';
import { TorchScriptWriter } from './torchscript.js';
import {
  dimension,
  gelu,
  gemm,
  layerNorm,
  linear,
  matrix,
  scopeOf,
  selfAttention,
  type TransformerContext,
  type TransformerSize,
} from './transformer.js';

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
  head?: 'classification' | 'language-model' | 'none';
  /** How the file keeps matrices; float16 ones are cast to float32 before use. Default float32. */
  storage?: 'float32' | 'float16';
}

export type EncoderSize = Required<EncoderOptions>;

/** The options by name. */
export const encoderKeys: readonly string[] = [
  ...['layers', 'hidden', 'heads', 'feedForward', 'vocabulary', 'positions', 'labels', 'seed', 'head', 'storage'],
];

const choices = { head: ['classification', 'language-model', 'none'], storage: ['float32', 'float16'] };

/** Fills in the defaults; throws UsageError for sizes that make no encoder. */
export function encoderSize(options: EncoderOptions): EncoderSize {
  checkOptions(options, 'buildEncoder: options', encoderKeys);
  const hidden = options.hidden ?? 128;
  const defaults = { layers: 2, hidden, heads: 2, feedForward: 4 * hidden, vocabulary: 8192, positions: 512 };
  const numbers = { ...defaults, labels: 2, seed: 0 };
  const size: EncoderSize = { ...numbers, head: 'classification', storage: 'float32', ...options };
  for (const name of Object.keys(numbers) as (keyof typeof numbers)[]) {
    const value = size[name];
    const least = name === 'seed' ? 0 : 1;
    if (!Number.isSafeInteger(value) || value < least)
      throw new UsageError(
        `encoder option '${name}' must be a whole number of at least ${least}, found ${typeof value === 'number' ? value : kindOfValue(value)}`,
      );
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

interface Context extends TransformerContext {
  size: EncoderSize & TransformerSize;
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
function languageModelHead(c: Context, x: string, words: string): void {
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
 * `last_hidden_state` [batch_size, sequence_length, hidden] without a head. 13.8 million parameters take about a
 * quarter of a second. Source: Devlin et al., BERT (2018); initialisation as in its reference code.
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
  const c: Context = { w, size: { ...size, epsilon: 1e-12 }, draw: new WeightStream(size.seed) };
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
  else if (size.head === 'language-model') languageModelHead(c, x, embedded.words);
  else w.output(x, 'float32', ['batch_size', 'sequence_length', size.hidden]);
  return w.finish();
}
