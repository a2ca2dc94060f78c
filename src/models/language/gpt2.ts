// Decoders as GPT-2: learned positions, layer normalisation before each block, GELU by its tanh approximation, one map
// for queries, keys and values. As the transformers library writes GPT2LMHeadModel, exported with its cache. Source:
// Radford et al., Language Models are Unsupervised Multitask Learners (2019).

import { layerNorm, linear, matrix, scopeOf, tanhGelu } from '../transformer.js';
import { attend, behindPast, decoderInputs, splitHeads, wordScores } from './attention.js';
import type { LanguageModelContext } from './options.js';

function layer(c: LanguageModelContext, index: number, x: string, mask: string): string {
  const { w, model } = c;
  const { hidden, heads, feedForward, layers } = model;
  const module = `transformer.h.${index}`;
  const size = hidden / heads;
  // What is added to the residual stream twice a layer begins smaller, so that the sum does not grow with depth.
  const deviation = 0.02 / Math.sqrt(2 * layers);
  const attention = `${module}.attn`;
  const scope = scopeOf(attention);
  const all = linear(c, `${attention}.c_attn`, layerNorm(c, `${module}.ln_1`, x), hidden, 3 * hidden);
  const part = (i: number) => {
    const bounds = [w.ints(scope, i * hidden), w.ints(scope, (i + 1) * hidden), w.ints(scope, 2), w.ints(scope, 1)];
    return splitHeads(w, scope, w.op(scope, 'Slice', [all, ...bounds]), heads, size);
  };
  const q = part(0);
  const k = behindPast(w, scope, `${index}.key`, part(1), heads, size);
  const v = behindPast(w, scope, `${index}.value`, part(2), heads, size);
  const mixed = attend(w, scope, { q, k, v, scale: 1 / Math.sqrt(size), mask });
  const out = linear(c, `${attention}.c_proj`, mixed, hidden, hidden, { deviation });
  const attended = w.op(scopeOf(module), 'Add', [out, x]);
  const wide = linear(c, `${module}.mlp.c_fc`, layerNorm(c, `${module}.ln_2`, attended), hidden, feedForward);
  const active = tanhGelu(w, `${scopeOf(`${module}.mlp`)}/act`, wide);
  const narrow = linear(c, `${module}.mlp.c_proj`, active, feedForward, hidden, { deviation });
  return w.op(scopeOf(module), 'Add', [attended, narrow]);
}

/** Writes the graph: `input_ids`, `attention_mask`, `position_ids` and the cache to `logits` and the next cache. */
export function gpt2(c: LanguageModelContext): void {
  const { w, model } = c;
  const scope = '/transformer';
  const { ids, positions, mask } = decoderInputs(w, scope, model.vocabulary);
  const words = matrix(c, 'transformer.wte', [model.vocabulary, model.hidden]);
  const table = matrix(c, 'transformer.wpe', [model.positions, model.hidden]);
  const worded = w.op(`${scope}/wte`, 'Gather', [words, ids]);
  let x = w.op(scope, 'Add', [worded, w.op(`${scope}/wpe`, 'Gather', [table, positions])]);
  for (let i = 0; i < model.layers; i++) x = layer(c, i, x, mask);
  wordScores(c, layerNorm(c, 'transformer.ln_f', x), words, model);
}
