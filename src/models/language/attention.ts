// What decoders' attention is made of beside its linear maps: heads, the cache of what was read before, the mask of
// what a token may see. Forms are those of the exporters, with shapes that ONNX copies (0) in place of arithmetic over
// them.

import { Tensor } from '../../onnx/tensor.js';
import type { TorchScriptWriter } from '../torchscript.js';
import { dimension, linear, type TransformerContext } from '../transformer.js';

/** Added to scores of what is not seen: the lowest float32, which leaves rows without anything to see finite. */
const unseen = -3.4028234663852886e38;

/** Axes of the batch, of tokens that are read now, and of those with the ones before them. */
const [batchAxis, tokenAxis, pastAxis] = ['batch_size', 'sequence_length', 'past_sequence_length'] as const;
const totalAxis = `${pastAxis} + ${tokenAxis}`;

/** x[B, T, heads · size] -> [B, heads, T, size] */
export function splitHeads(w: TorchScriptWriter, scope: string, x: string, heads: number, size: number): string {
  const split = w.op(scope, 'Reshape', [x, w.ints(scope, 0, 0, heads, size)], { allowzero: 0 });
  return w.op(scope, 'Transpose', [split], { perm: [0, 2, 1, 3] });
}

/** A value [B, heads, T, size] behind that of the cache, which becomes that of the next step. */
export function behindPast(
  w: TorchScriptWriter,
  scope: string,
  name: string,
  value: string,
  heads: number,
  size: number,
): string {
  const past = w.input(`past_key_values.${name}`, 'float32', [batchAxis, heads, pastAxis, size]);
  w.output(`present.${name}`, 'float32', [batchAxis, heads, totalAxis, size]);
  return w.op(scope, 'Concat', [past, value], { axis: -2 }, `present.${name}`);
}

/** x[B, shared, S, size], each head as often as queries share it -> [B, heads, S, size] */
export function repeatHeads(
  w: TorchScriptWriter,
  scope: string,
  x: string,
  shared: number,
  heads: number,
  size: number,
): string {
  if (heads === shared) return x;
  const apart = w.op(scope, 'Unsqueeze', [x, w.ints(scope, 2)]);
  const repeated = w.op(scope, 'Expand', [apart, w.ints(scope, 1, 1, heads / shared, 1, 1)]);
  return w.op(scope, 'Reshape', [repeated, w.ints(scope, 0, heads, -1, size)], { allowzero: 0 });
}

export interface Attended {
  /** Each [B, heads, T or S, size]. */
  q: string;
  k: string;
  v: string;
  /** Of the scores; default 1. */
  scale?: number;
  /** Added to the scores; broadcasts to [B, heads, T, S]. */
  mask?: string | undefined;
}

/** softmax(q kᵀ · scale + mask) v: [B, T, heads · size] */
export function attend(w: TorchScriptWriter, scope: string, { q, k, v, scale = 1, mask }: Attended): string {
  const kT = w.op(scope, 'Transpose', [k], { perm: [0, 1, 3, 2] });
  const products = w.op(scope, 'MatMul', [q, kT]);
  const scores = scale === 1 ? products : w.op(scope, 'Mul', [products, w.scalar(scope, scale)]);
  const masked = mask === undefined ? scores : w.op(scope, 'Add', [scores, mask]);
  const weights = w.op(scope, 'Softmax', [masked], { axis: -1 });
  const mixed = w.op(scope, 'Transpose', [w.op(scope, 'MatMul', [weights, v])], { perm: [0, 2, 1, 3] });
  return w.op(scope, 'Reshape', [mixed, w.ints(scope, 0, 0, -1)], { allowzero: 0 });
}

/** 0, 1, … below a scalar. */
const counted = (w: TorchScriptWriter, scope: string, end: string): string => {
  const number = (value: number) => w.constant(scope, Tensor.scalar('int64', value));
  return w.op(scope, 'Range', [number(0), end, number(1)]);
};

/** 0, 1, … for the tokens of ids [B, T]: [T] */
export const placesOf = (w: TorchScriptWriter, scope: string, ids: string): string =>
  counted(w, scope, dimension(w, scope, ids, 1));

/** Places of the tokens that are read now and of all, behind `past` others: [T] and [S]. */
export function placesBehind(w: TorchScriptWriter, scope: string, ids: string, past: string) {
  const before = dimension(w, scope, past, 2);
  const queries = w.op(scope, 'Add', [placesOf(w, scope, ids), before]);
  const all = w.op(scope, 'Add', [dimension(w, scope, ids, 1), before]);
  return { queries, keys: counted(w, scope, all) };
}

/** Whether a token at a place sees another: those up to its own. Booleans [T, S] */
export function upTo(
  w: TorchScriptWriter,
  scope: string,
  { queries, keys }: { queries: string; keys: string },
): string {
  const rows = w.op(scope, 'Unsqueeze', [queries, w.ints(scope, 1)]);
  return w.op(scope, 'LessOrEqual', [w.op(scope, 'Unsqueeze', [keys, w.ints(scope, 0)]), rows]);
}

/** An attention mask [B, S] of 1 and 0 as booleans [B, 1, 1, S]. */
export const given = (w: TorchScriptWriter, scope: string, mask: string): string =>
  w.op(scope, 'Unsqueeze', [w.op(scope, 'Cast', [mask], { to: 9 }), w.ints(scope, 1, 2)]);

/** 0 where something is seen, and a low number where not. */
export const additive = (w: TorchScriptWriter, scope: string, seen: string): string =>
  w.op(scope, 'Where', [seen, w.scalar(scope, 0), w.scalar(scope, unseen)]);

/** Names of a decoder's inputs. */
export interface DecoderInputs {
  /** int64 [B, T] */
  ids: string;
  /** int64 [B, T] */
  positions: string;
  /** 0 where a token sees another, and a low number where not: [B, 1, T, S] */
  mask: string;
}

/**
 * Declares what a decoder reads and gives beside its cache, and writes its mask: a token sees those up to itself that
 * the attention mask has. The cache is declared layer by layer (behindPast).
 */
export function decoderInputs(w: TorchScriptWriter, scope: string, vocabulary: number): DecoderInputs {
  const ids = w.input('input_ids', 'int64', [batchAxis, tokenAxis]);
  const mask = w.input('attention_mask', 'int64', [batchAxis, totalAxis]);
  const positions = w.input('position_ids', 'int64', [batchAxis, tokenAxis]);
  w.output('logits', 'float32', [batchAxis, tokenAxis, vocabulary]);
  const causal = upTo(w, scope, placesBehind(w, scope, ids, 'past_key_values.0.key'));
  const seen = w.op(scope, 'And', [causal, given(w, scope, mask)]);
  return { ids, positions, mask: additive(w, scope, seen) };
}

/** Every word's score, `logits`: by the word embedding itself where it is tied, else by a layer of its own. */
export function wordScores(
  c: TransformerContext,
  x: string,
  words: string,
  { hidden, vocabulary, tiedEmbeddings }: { hidden: number; vocabulary: number; tiedEmbeddings: boolean },
): void {
  const { w } = c;
  if (!tiedEmbeddings) {
    linear(c, 'lm_head', x, hidden, vocabulary, { bias: false, as: 'logits' });
    return;
  }
  const scope = '/lm_head';
  w.op(scope, 'MatMul', [x, w.op(scope, 'Transpose', [words], { perm: [1, 0] })], {}, 'logits');
}
