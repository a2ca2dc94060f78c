// Vision transformers of any size, as PyTorch's exporter writes ViTForImageClassification of the transformers library.
// Source: Dosovitskiy et al., An image is worth 16x16 words (2020).

import { Tensor } from '../onnx/tensor.js';
import { conv, type Features } from './convolutional.js';
import {
  dimension,
  gelu,
  gemm,
  layerNorm,
  linear,
  scopeOf,
  selfAttention,
  type TransformerContext,
} from './transformer.js';

export interface ViTSize {
  /** Width of the residual stream. */
  hidden: number;
  layers: number;
  /** Attention heads; divides `hidden`. */
  heads: number;
  /** Side of a patch in pixels; divides the side of the image. */
  patch: number;
  /** Width of the feed-forward layer. */
  feedForward: number;
}

const size = (hidden: number, heads: number): ViTSize => ({
  hidden,
  heads,
  layers: 12,
  patch: 16,
  feedForward: 4 * hidden,
});

export const vits = {
  'vit-tiny': size(192, 3),
  'vit-small': size(384, 6),
  'vit-base': size(768, 12),
} as const satisfies Record<string, ViTSize>;

/** One vector a patch behind the class token's, with their positions: [B, 1 + patches, C]. */
function embed(c: TransformerContext, image: Features, { hidden, patch }: ViTSize, patches: number): string {
  const { w, draw } = c;
  const module = 'vit.embeddings';
  const scope = '/vit/embeddings';
  const options = { channels: hidden, kernel: patch, stride: patch, padding: 0, bias: true, deviation: 0.02 };
  const norm = { epsilon: 0, momentum: 0 };
  const maps = conv({ w, draw, norm }, `${module}.patch_embeddings.projection`, image, options);
  const patchScope = `${scope}/patch_embeddings`;
  const flat = w.op(patchScope, 'Reshape', [maps.value, w.ints(patchScope, 0, hidden, -1)], { allowzero: 0 });
  const vectors = w.op(patchScope, 'Transpose', [flat], { perm: [0, 2, 1] });
  const batch = w.op(scope, 'Unsqueeze', [dimension(w, scope, image.value, 0), w.ints(scope, 0)]);
  const shape = w.op(scope, 'Concat', [batch, w.ints(scope, 1), w.ints(scope, hidden)], { axis: 0 });
  const token = w.weight(`${module}.cls_token`, [1, 1, hidden], draw.normal(hidden, 0.02));
  const tokens = w.op(scope, 'Concat', [w.op(scope, 'Expand', [token, shape]), vectors], { axis: 1 });
  const table = draw.normal((1 + patches) * hidden, 0.02);
  return w.op(scope, 'Add', [tokens, w.weight(`${module}.position_embeddings`, [1, 1 + patches, hidden], table)]);
}

function layer(c: TransformerContext, module: string, x: string, { hidden, feedForward }: ViTSize): string {
  const { w } = c;
  const scope = scopeOf(module);
  const mixed = selfAttention(c, `${module}.attention.attention`, layerNorm(c, `${module}.layernorm_before`, x));
  const attended = w.op(scope, 'Add', [linear(c, `${module}.attention.output.dense`, mixed, hidden, hidden), x]);
  const normed = layerNorm(c, `${module}.layernorm_after`, attended);
  const wide = linear(c, `${module}.intermediate.dense`, normed, hidden, feedForward);
  const active = gelu(w, `${scope}/intermediate/intermediate_act_fn`, wide);
  const narrow = linear(c, `${module}.output.dense`, active, feedForward, hidden);
  return w.op(`${scope}/output`, 'Add', [narrow, attended]);
}

/** From images of `side` x `side` pixels to logits. */
export function vit(c: TransformerContext, image: Features, size: ViTSize, side: number, classes: number): void {
  const { w } = c;
  let x = embed(c, image, size, (side / size.patch) ** 2);
  for (let i = 0; i < size.layers; i++) x = layer(c, `vit.encoder.layer.${i}`, x, size);
  const zero = w.constant('', Tensor.scalar('int64', 0));
  const first = w.op('', 'Gather', [layerNorm(c, 'vit.layernorm', x), zero], { axis: 1 });
  gemm(c, 'classifier', first, size.hidden, classes, 'logits');
}
