// Decoders as Llama, Mistral, Qwen2 without biases and SmolLM are: norms by the root mean square, rotary positions,
// keys and values that several heads share, SwiGLU. As the transformers library writes LlamaForCausalLM, exported with
// its cache. Source: Touvron et al., LLaMA (2023); Su et al., RoFormer (2021); Ainslie et al., GQA (2023).

import { Tensor } from '../../onnx/tensor.js';
import { linear, matrix, rmsNorm, scopeOf, type TransformerContext } from '../transformer.js';
import { attend, behindPast, decoderInputs, repeatHeads, splitHeads, wordScores } from './attention.js';
import type { LanguageModelContext } from './options.js';

/** Base of the wave lengths of rotary positions, as Llama 1 and 2 have it. */
export const ropeTheta = 10_000;

interface Rotation {
  /** Each [B, 1, T, size]. */
  cos: string;
  sin: string;
}

/** Cosines and sines of place · theta^(-2i / size), the same for both halves of a head. */
function rotation({ w }: TransformerContext, positions: string, size: number): Rotation {
  const scope = '/model/rotary_emb';
  const frequencies = Float32Array.from({ length: size / 2 }, (_, i) => 1 / ropeTheta ** ((2 * i) / size));
  const column = w.op(scope, 'Cast', [w.op(scope, 'Unsqueeze', [positions, w.ints(scope, 2)])], { to: 1 });
  const row = w.constant(scope, Tensor.view('float32', [1, 1, size / 2], frequencies));
  const half = w.op(scope, 'Mul', [column, row]);
  const angles = w.op(scope, 'Concat', [half, half], { axis: -1 });
  const ofHeads = (op: string) => w.op(scope, 'Unsqueeze', [w.op(scope, op, [angles]), w.ints(scope, 1)]);
  return { cos: ofHeads('Cos'), sin: ofHeads('Sin') };
}

/** x · cos + (−x₂, x₁) · sin over the halves x₁, x₂ of each head; x[B, heads, T, size] */
function rotated(c: TransformerContext, scope: string, x: string, { cos, sin }: Rotation, size: number): string {
  const { w } = c;
  const part = (from: number, to: number) =>
    w.op(scope, 'Slice', [x, w.ints(scope, from), w.ints(scope, to), w.ints(scope, 3), w.ints(scope, 1)]);
  const first = part(0, size / 2);
  const second = w.op(scope, 'Neg', [part(size / 2, size)]);
  const turned = w.op(scope, 'Concat', [second, first], { axis: -1 });
  return w.op(scope, 'Add', [w.op(scope, 'Mul', [x, cos]), w.op(scope, 'Mul', [turned, sin])]);
}

function layer(c: LanguageModelContext, index: number, x: string, mask: string, turn: Rotation): string {
  const { w, model } = c;
  const { hidden, heads, keyValueHeads, feedForward } = model;
  const module = `model.layers.${index}`;
  const size = hidden / heads;
  const attention = `${module}.self_attn`;
  const scope = scopeOf(attention);
  const normed = rmsNorm(c, `${module}.input_layernorm`, x);
  const project = (name: string, count: number) => {
    const all = linear(c, `${attention}.${name}_proj`, normed, hidden, count * size, { bias: false });
    return splitHeads(w, scope, all, count, size);
  };
  const q = rotated(c, scope, project('q', heads), turn, size);
  const key = rotated(c, scope, project('k', keyValueHeads), turn, size);
  const cached = (name: string, value: string) => {
    const all = behindPast(w, scope, `${index}.${name}`, value, keyValueHeads, size);
    return repeatHeads(w, scope, all, keyValueHeads, heads, size);
  };
  const k = cached('key', key);
  const v = cached('value', project('v', keyValueHeads));
  const mixed = attend(w, scope, { q, k, v, scale: 1 / Math.sqrt(size), mask });
  const out = linear(c, `${attention}.o_proj`, mixed, hidden, hidden, { bias: false });
  const attended = w.op(scopeOf(module), 'Add', [x, out]);
  const wide = rmsNorm(c, `${module}.post_attention_layernorm`, attended);
  const up = (name: string) => linear(c, `${module}.mlp.${name}_proj`, wide, hidden, feedForward, { bias: false });
  const gate = up('gate');
  const mlp = scopeOf(`${module}.mlp`);
  const active = w.op(`${mlp}/act_fn`, 'Mul', [gate, w.op(`${mlp}/act_fn`, 'Sigmoid', [gate])]);
  const product = w.op(mlp, 'Mul', [active, up('up')]);
  const down = linear(c, `${module}.mlp.down_proj`, product, feedForward, hidden, { bias: false });
  return w.op(scopeOf(module), 'Add', [attended, down]);
}

/** Writes the graph: `input_ids`, `attention_mask`, `position_ids` and the cache to `logits` and the next cache. */
export function llama(c: LanguageModelContext): void {
  const { w, model } = c;
  const { hidden, heads, layers, vocabulary } = model;
  const { ids, positions, mask } = decoderInputs(w, '/model', vocabulary);
  const words = matrix(c, 'model.embed_tokens', [vocabulary, hidden]);
  let x = w.op('/model/embed_tokens', 'Gather', [words, ids]);
  const turn = rotation(c, positions, hidden / heads);
  for (let i = 0; i < layers; i++) x = layer(c, i, x, mask, turn);
  wordScores(c, rmsNorm(c, 'model.norm', x), words, model);
}
