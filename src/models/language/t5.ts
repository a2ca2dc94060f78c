// Encoders with decoders as T5: norms by the root mean square before each block, one bias for each distance of two
// tokens, which all layers of a stack share, no biases of maps, one embedding for all. As the transformers library
// writes T5ForConditionalGeneration. Source: Raffel et al., Exploring the Limits of Transfer Learning (2020).

import { Tensor } from '../../onnx/tensor.js';
import { linear, rmsNorm, scopeOf } from '../transformer.js';
import { additive, attend, placesOf, splitHeads } from './attention.js';
import { type EncoderDecoder, keysOf, sharedWords } from './encoder-decoder.js';
import type { LanguageModelContext } from './options.js';

export const [buckets, farthest] = [32, 128];

/**
 * The bucket of each distance −128 … 128 of a key behind its query: exact up to a quarter or half, then by logarithm.
 */
export function distanceBuckets(bothSides: boolean): number[] {
  const count = bothSides ? buckets / 2 : buckets;
  const exact = count / 2;
  const f = Math.fround;
  return Array.from({ length: 2 * farthest + 1 }, (_, i) => {
    const distance = i - farthest;
    const size = bothSides ? Math.abs(distance) : Math.max(0, -distance);
    // In float32 as PyTorch, which decides about whole powers.
    const wide = f(f(f(Math.log(f(size / exact))) / f(Math.log(farthest / exact))) * (count - exact));
    const bucket = size < exact ? size : Math.min(count - 1, exact + Math.trunc(wide));
    return bucket + (bothSides && distance > 0 ? count : 0);
  });
}

/** A learned number for each head and distance: [1, heads, T, S]. */
function distanceBias(
  c: LanguageModelContext,
  module: string,
  queries: string,
  keys: string,
  bothSides: boolean,
): string {
  const { w, draw, model } = c;
  const { heads, hidden } = model;
  const scope = scopeOf(module);
  const data = draw.normal(buckets * heads, hidden ** -0.5);
  const weight = w.weight(`${module}.relative_attention_bias.weight`, [buckets, heads], data);
  const rows = w.op(scope, 'Unsqueeze', [queries, w.ints(scope, 1)]);
  const distance = w.op(scope, 'Sub', [w.op(scope, 'Unsqueeze', [keys, w.ints(scope, 0)]), rows]);
  const least = w.op(scope, 'Max', [distance, w.ints(scope, -farthest)]);
  const within = w.op(scope, 'Min', [least, w.ints(scope, farthest)]);
  const table = w.constant(scope, Tensor.of('int64', distanceBuckets(bothSides)));
  const bucket = w.op(scope, 'Gather', [table, w.op(scope, 'Add', [within, w.ints(scope, farthest)])]);
  const ofHeads = w.op(scope, 'Transpose', [w.op(scope, 'Gather', [weight, bucket])], { perm: [2, 0, 1] });
  return w.op(scope, 'Unsqueeze', [ofHeads, w.ints(scope, 0)]);
}

/** A map without a bias. Queries begin so small that scores need no scale. */
function project(c: LanguageModelContext, module: string, name: 'q' | 'k' | 'v' | 'o', x: string): string {
  const { hidden, heads } = c.model;
  const deviation = name === 'q' ? (hidden * (hidden / heads)) ** -0.5 : hidden ** -0.5;
  return linear(c, `${module}.${name}`, x, hidden, hidden, { bias: false, deviation });
}

function feedForward(c: LanguageModelContext, module: string, x: string): string {
  const { w, model } = c;
  const { hidden, feedForward: wide } = model;
  const dense = `${module}.DenseReluDense`;
  const normed = rmsNorm(c, `${module}.layer_norm`, x);
  const up = linear(c, `${dense}.wi`, normed, hidden, wide, { bias: false, deviation: hidden ** -0.5 });
  const active = w.op(`${scopeOf(dense)}/act`, 'Relu', [up]);
  const down = linear(c, `${dense}.wo`, active, wide, hidden, { bias: false, deviation: wide ** -0.5 });
  return w.op(scopeOf(module), 'Add', [x, down]);
}

const mapOf = { key: 'k', value: 'v' } as const;

/** x and what it attends to, of which `keys` gives keys and values, heads first. */
function attention(
  c: LanguageModelContext,
  layer: string,
  name: 'SelfAttention' | 'EncDecAttention',
  x: string,
  mask: string,
  keys: (scope: string, what: 'key' | 'value', map: (from: string) => string, normed: string) => string,
): string {
  const { w, model } = c;
  const module = `${layer}.${name}`;
  const scope = scopeOf(module);
  const normed = rmsNorm(c, `${layer}.layer_norm`, x);
  const map = (which: 'q' | 'k' | 'v' | 'o') => (from: string) => project(c, module, which, from);
  const q = splitHeads(w, scope, map('q')(normed), model.heads, model.hidden / model.heads);
  const k = keys(scope, 'key', map(mapOf.key), normed);
  const v = keys(scope, 'value', map(mapOf.value), normed);
  const out = map('o')(attend(w, scope, { q, k, v, mask }));
  return w.op(scopeOf(layer), 'Add', [x, out]);
}

function encoder(c: LanguageModelContext, ids: string, seen: string): void {
  const { w, model } = c;
  const scope = '/encoder';
  const words = sharedWords(c, 'shared.weight', 1);
  let x = w.op(`${scope}/embed_tokens`, 'Gather', [words, ids]);
  const places = placesOf(w, scope, ids);
  const bias = distanceBias(c, 'encoder.block.0.layer.0.SelfAttention', places, places, true);
  const mask = w.op(scope, 'Add', [bias, additive(w, scope, seen)]);
  for (let i = 0; i < model.layers; i++) {
    const block = `encoder.block.${i}`;
    x = attention(c, `${block}.layer.0`, 'SelfAttention', x, mask, (scope, _, map, normed) =>
      splitHeads(w, scope, map(normed), model.heads, model.hidden / model.heads),
    );
    x = feedForward(c, `${block}.layer.1`, x);
  }
  w.op(scope, 'Identity', [rmsNorm(c, 'encoder.final_layer_norm', x)], {}, 'last_hidden_state');
}

const decoder: EncoderDecoder['decoder'] = (c, target, source) => {
  const { w, model } = c;
  const scope = '/decoder';
  const words = sharedWords(c, 'shared.weight', 1);
  let x = w.op(`${scope}/embed_tokens`, 'Gather', [words, target.ids]);
  const bias = distanceBias(c, 'decoder.block.0.layer.0.SelfAttention', target.queries, target.keys, false);
  const mask = w.op(scope, 'Add', [bias, additive(w, scope, target.seen)]);
  for (let i = 0; i < model.decoderLayers; i++) {
    const block = `decoder.block.${i}`;
    x = attention(c, `${block}.layer.0`, 'SelfAttention', x, mask, (scope, what, map, normed) =>
      keysOf(c, scope, i, 'decoder', what, map(normed)),
    );
    x = attention(c, `${block}.layer.1`, 'EncDecAttention', x, source.seen, (scope, what, map) =>
      keysOf(c, scope, i, 'encoder', what, map(source.hidden)),
    );
    x = feedForward(c, `${block}.layer.2`, x);
  }
  // The embedding begins with deviation 1, so what is compared with it is made smaller.
  const normed = rmsNorm(c, 'decoder.final_layer_norm', x);
  const small = w.op(scope, 'Mul', [normed, w.scalar(scope, model.hidden ** -0.5)]);
  const scores = w.op('/lm_head', 'Transpose', [words], { perm: [1, 0] });
  w.op('/lm_head', 'MatMul', [small, scores], {}, 'logits');
};

export const t5: EncoderDecoder = { encoder, decoder };
