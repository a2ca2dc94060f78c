// What a static graph goes through between its loss and its differentiation: layouts and fused operators that the
// device has kernels for. Every rewrite keeps the graph's outputs and their names.

import type { Builder } from '../onnx/builder.js';
import type { Value } from '../onnx/graph.js';
import { fuseActivations } from './activations.js';
import { fuseAttention } from './attention.js';
import { fuseBiasGelu } from './bias-gelu.js';
import { useChannelsLast } from './channels-last/layout.js';
import { fuseRmsNorm } from './decoder/rms-norm.js';
import { fuseRotary } from './decoder/rotary.js';
import { fuseSwiGlu } from './decoder/swiglu.js';
import { lowerLinear } from './linear.js';
import { fuseRecurrent } from './recurrent/fused.js';

export interface FuseOptions {
  /** Values whose gradients are wanted. */
  trained: ReadonlySet<Value>;
  /** What the device has. */
  kernels: ReadonlySet<string>;
  /** Without gradients the runtime's own convolutions are faster: their weights are constants. */
  gradients: boolean;
}

/** Rewrites the builder's graph in place; nodes that nobody reads any more are left to `prune`. */
export function fuse(b: Builder, { trained, kernels, gradients }: FuseOptions): void {
  fuseRmsNorm(b, kernels);
  fuseRotary(b, trained, kernels);
  fuseSwiGlu(b, kernels);
  if (gradients) {
    useChannelsLast(b, kernels);
    fuseActivations(b, kernels);
  }
  if (gradients) fuseRecurrent(b, kernels);
  if (kernels.has('ortune.Attention')) fuseAttention(b, trained);
  lowerLinear(b);
  if (kernels.has('ortune.BiasGelu')) fuseBiasGelu(b);
}
