// Encoders with decoders as Marian, and the first transformer: layer normalisation behind each block, fixed sinusoids
// as positions, one embedding for all, which is scaled where words are looked up. As the transformers library writes
// MarianMTModel, without its bias of words, which is always 0. Source: Junczys-Dowmunt et al., Marian (2018).

import { layerNorm, linear, scopeOf } from '../transformer.js';
import { additive, attend, placesOf, splitHeads } from './attention.js';
import { type EncoderDecoder, keysOf, sharedWords } from './encoder-decoder.js';
import type { LanguageModelContext } from './options.js';

/** Sines of each place over 10000^(2i / size) in the first half of a row, cosines in the second. */
export function sinusoids(rows: number, size: number): Float32Array {
  const sines = Math.ceil(size / 2);
  return Float32Array.from({ length: rows * size }, (_, at) => {
    const [place, i] = [Math.floor(at / size), at % size];
    const pair = i < sines ? i : i - sines;
    const angle = place / 10_000 ** ((2 * pair) / size);
    return i < sines ? Math.sin(angle) : Math.cos(angle);
  });
}

/** Words and places as vectors: [B, T, C]. */
function embedded(c: LanguageModelContext, stack: string, words: string, ids: string, places: string): string {
  const { w, model } = c;
  const { hidden, positions } = model;
  const scope = `/model/${stack}`;
  const worded = w.op(`${scope}/embed_tokens`, 'Gather', [words, ids]);
  const scaled = w.op(scope, 'Mul', [worded, w.scalar(scope, Math.sqrt(hidden))]);
  const table = w.weight(`model.${stack}.embed_positions.weight`, [positions, hidden], sinusoids(positions, hidden));
  return w.op(scope, 'Add', [scaled, w.op(`${scope}/embed_positions`, 'Gather', [table, places])]);
}

/** Swish between two maps. */
function feedForward(c: LanguageModelContext, layer: string, x: string): string {
  const { w, model } = c;
  const { hidden, feedForward: wide } = model;
  const scope = scopeOf(layer);
  const up = linear(c, `${layer}.fc1`, x, hidden, wide);
  const active = w.op(`${scope}/activation_fn`, 'Mul', [up, w.op(`${scope}/activation_fn`, 'Sigmoid', [up])]);
  const down = linear(c, `${layer}.fc2`, active, wide, hidden);
  return layerNorm(c, `${layer}.final_layer_norm`, w.op(scope, 'Add', [x, down]));
}

const mapOf = { key: 'k_proj', value: 'v_proj' } as const;

/** x and what it attends to, of which `keys` gives keys and values, heads first; then the norm `${name}_layer_norm`. */
function attention(
  c: LanguageModelContext,
  layer: string,
  name: 'self_attn' | 'encoder_attn',
  x: string,
  mask: string,
  keys: (scope: string, what: 'key' | 'value', map: (from: string) => string) => string,
): string {
  const { w, model } = c;
  const { hidden, heads } = model;
  const module = `${layer}.${name}`;
  const scope = scopeOf(module);
  const size = hidden / heads;
  const map = (which: string) => (from: string) => linear(c, `${module}.${which}`, from, hidden, hidden);
  const q = splitHeads(w, scope, map('q_proj')(x), heads, size);
  const k = keys(scope, 'key', map(mapOf.key));
  const v = keys(scope, 'value', map(mapOf.value));
  const out = map('out_proj')(attend(w, scope, { q, k, v, scale: 1 / Math.sqrt(size), mask }));
  return layerNorm(c, `${module}_layer_norm`, w.op(scopeOf(layer), 'Add', [x, out]));
}

function encoder(c: LanguageModelContext, ids: string, seen: string): void {
  const { w, model } = c;
  const words = sharedWords(c, 'model.shared.weight', 0.02);
  let x = embedded(c, 'encoder', words, ids, placesOf(w, '/model/encoder', ids));
  const mask = additive(w, '/model/encoder', seen);
  for (let i = 0; i < model.layers; i++) {
    const layer = `model.encoder.layers.${i}`;
    const given = x;
    x = attention(c, layer, 'self_attn', x, mask, (scope, _, map) =>
      splitHeads(w, scope, map(given), model.heads, model.hidden / model.heads),
    );
    x = feedForward(c, layer, x);
  }
  w.op('/model/encoder', 'Identity', [x], {}, 'last_hidden_state');
}

const decoder: EncoderDecoder['decoder'] = (c, target, source) => {
  const { w, model } = c;
  const words = sharedWords(c, 'model.shared.weight', 0.02);
  let x = embedded(c, 'decoder', words, target.ids, target.queries);
  const mask = additive(w, '/model/decoder', target.seen);
  for (let i = 0; i < model.decoderLayers; i++) {
    const layer = `model.decoder.layers.${i}`;
    const given = x;
    x = attention(c, layer, 'self_attn', x, mask, (scope, what, map) =>
      keysOf(c, scope, i, 'decoder', what, map(given)),
    );
    x = attention(c, layer, 'encoder_attn', x, source.seen, (scope, what, map) =>
      keysOf(c, scope, i, 'encoder', what, map(source.hidden)),
    );
    x = feedForward(c, layer, x);
  }
  const scores = w.op('/lm_head', 'Transpose', [words], { perm: [1, 0] });
  w.op('/lm_head', 'MatMul', [x, scores], {}, 'logits');
};

export const marian: EncoderDecoder = { encoder, decoder };
