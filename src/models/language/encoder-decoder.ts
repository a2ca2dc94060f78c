// What models of an encoder and a decoder have in common: the two files, what they read and give, and the cache of a
// decoder, of its own tokens and of the encoder's, which is made once. A decoder's graph is written twice, without a
// cache and with one (merge.ts).

import type { Graph, ValueInfo } from '../../onnx/graph.js';
import { WeightStream } from '../normal.js';
import { TorchScriptWriter } from '../torchscript.js';
import { additive, given, placesBehind, placesOf, splitHeads, upTo } from './attention.js';
import { mergeBranches } from './merge.js';
import type { LanguageModelContext } from './options.js';

const [batchAxis, sourceAxis, targetAxis] = [
  'batch_size',
  'encoder_sequence_length',
  'decoder_sequence_length',
] as const;

/** What is written of a decoder: `cached` where it goes on behind tokens that were read before. */
export interface DecoderContext extends LanguageModelContext {
  cached: boolean;
}

export interface EncoderDecoder {
  /** Writes the layers: token ids [B, S] and what may be seen, booleans [B, 1, 1, S], to `last_hidden_state`. */
  encoder(c: LanguageModelContext, ids: string, seen: string): void;
  /**
   * Writes the layers and the words' scores, `logits`. `source`: the encoder's output [B, S, C]; `seen`: what of it may
   * be seen, 0 or a low number.
   */
  decoder(c: DecoderContext, target: Target, source: { hidden: string; seen: string }): void;
}

export interface Target {
  /** int64 [B, T] */
  ids: string;
  /** Places of the tokens that are read now, int64 [T], and of all up to them, int64 [P + T]. */
  queries: string;
  keys: string;
  /** Whether a token sees another, booleans [T, P + T]. */
  seen: string;
}

/** Streams of random numbers that an encoder may take, before those of its decoder begin. */
const encoderStreams = 2 ** 20;

type Sizes = Pick<LanguageModelContext, 'model' | 'size'>;

/** Both files, by their names without .onnx. */
export function buildEncoderDecoder(sizes: Sizes, family: EncoderDecoder): Record<string, Uint8Array> {
  const without = decoderGraph(sizes, family, false);
  const cached = decoderGraph(sizes, family, true);
  return {
    encoder_model: encoderFile(sizes, family),
    decoder_model_merged: mergeBranches(without, cached, cacheInputs(sizes)),
  };
}

/** The word embedding, which both files have: the first thing that is drawn. */
export const sharedWords = (c: LanguageModelContext, name: string, deviation: number): string => {
  const { vocabulary, hidden, seed } = c.model;
  const data = new WeightStream(seed).normal(vocabulary * hidden, deviation);
  return c.w.weight(name, [vocabulary, hidden], data);
};

function encoderFile({ model, size }: Sizes, family: EncoderDecoder): Uint8Array {
  const w = new TorchScriptWriter(17);
  const ids = w.input('input_ids', 'int64', [batchAxis, sourceAxis]);
  const mask = w.input('attention_mask', 'int64', [batchAxis, sourceAxis]);
  w.output('last_hidden_state', 'float32', [batchAxis, sourceAxis, model.hidden]);
  family.encoder({ w, size, model, draw: new WeightStream(model.seed, 1) }, ids, given(w, '/encoder', mask));
  return w.finish();
}

function decoderGraph({ model, size }: Sizes, family: EncoderDecoder, cached: boolean): Graph {
  const w = new TorchScriptWriter(17);
  const scope = '/decoder';
  const mask = w.input('encoder_attention_mask', 'int64', [batchAxis, sourceAxis]);
  const ids = w.input('input_ids', 'int64', [batchAxis, targetAxis]);
  const hidden = w.input('encoder_hidden_states', 'float32', [batchAxis, sourceAxis, model.hidden]);
  w.output('logits', 'float32', [batchAxis, targetAxis, model.vocabulary]);
  const whole = placesOf(w, scope, ids);
  const { queries, keys } = cached
    ? placesBehind(w, scope, ids, 'past_key_values.0.decoder.key')
    : { queries: whole, keys: whole };
  const target = { ids, queries, keys, seen: upTo(w, scope, { queries, keys }) };
  const source = { hidden, seen: additive(w, scope, given(w, scope, mask)) };
  const draw = new WeightStream(model.seed, 1 + encoderStreams);
  family.decoder({ w, size, model, draw, cached }, target, source);
  return w.graph;
}

/** Each layer's keys and values of the decoder's tokens and of the encoder's. */
function cacheInputs({ model: { decoderLayers, heads, hidden } }: Sizes): ValueInfo[] {
  return Array.from({ length: decoderLayers }, (_, i) => i).flatMap((i) =>
    ['decoder', 'encoder'].flatMap((of) =>
      ['key', 'value'].map(
        (what): ValueInfo => ({
          name: `past_key_values.${i}.${of}.${what}`,
          dtype: 'float32',
          shape: [batchAxis, heads, `past_${of}_sequence_length`, hidden / heads],
        }),
      ),
    ),
  );
}

/**
 * The keys or values of a layer of the decoder, heads first, for `present.…`: of its own tokens `x` behind those of the
 * cache; of the encoder's those of the cache, where there is one. Their maps are written all the same, and dropped.
 * @param x [B, T or S, heads · size]
 */
export function keysOf(
  c: DecoderContext,
  scope: string,
  layer: number,
  of: 'decoder' | 'encoder',
  what: string,
  x: string,
) {
  const { w, model, cached } = c;
  const { heads, hidden } = model;
  const split = splitHeads(w, scope, x, heads, hidden / heads);
  const name = `${layer}.${of}.${what}`;
  const length = of === 'encoder' ? sourceAxis : targetAxis;
  w.output(`present.${name}`, 'float32', [batchAxis, heads, cached ? `past + ${length}` : length, hidden / heads]);
  const past = `past_key_values.${name}`;
  if (cached && of === 'encoder') return w.op(scope, 'Identity', [past], {}, `present.${name}`);
  return w.op(scope, 'Concat', cached ? [past, split] : [split], { axis: -2 }, `present.${name}`);
}
