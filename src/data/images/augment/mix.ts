// Mixup and CutMix: every sample of a batch is blended with the one before it, or has a rectangle of that one pasted
// in, and its target with that one's target in the same measure. Semantics and defaults of torchvision.transforms.v2
// (0.28); where a chain names both, each batch has one of them, by chance. Sources: Zhang et al., mixup (2017); Yun et
// al., CutMix (2019).

import { z } from '../../../config/zod.js';
import { addon } from '../../../runtime/native.js';
import type { ImageShape } from '../pixels.js';
import type { Rng } from './draws.js';
import type { mixNames } from './mix-names.js';
import { probability } from './step.js';

const alpha = z.number().gt(0).max(100).default(1);

/** Options of the steps that work on whole batches, by name. */
export const mixOptions = {
  mixup: z.strictObject({ alpha, p: probability.default(1) }),
  cutmix: z.strictObject({ alpha, p: probability.default(1) }),
} as const satisfies Record<MixName, z.ZodType>;
export type MixName = (typeof mixNames)[number];

export interface MixStep {
  op: MixName;
  /** Both parameters of the Beta distribution that the samples' shares are drawn from. */
  alpha: number;
  /** Probability of mixing a batch at all. */
  p: number;
}

/** The samples of a batch that count, in place. */
export interface MixedBatch {
  count: number;
  shape: ImageShape;
  /** [count, ...] of the model's layout. */
  pixels: Float32Array;
  /** [count, classes] */
  targets: Float32Array;
  /** [count]: weights in the loss. */
  weights: Float32Array;
}

/** Standard normal, by Box and Muller. */
const normal = (draws: Rng): number => Math.sqrt(-2 * Math.log1p(-draws.unit())) * Math.cos(2 * Math.PI * draws.unit());

/**
 * From the Gamma distribution with scale 1. Source: Marsaglia and Tsang (2000); below 1 by a power of a uniform number.
 */
function gamma(shape: number, draws: Rng): number {
  if (shape < 1) return gamma(shape + 1, draws) * (1 - draws.unit()) ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const x = normal(draws);
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - draws.unit()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** From the Beta distribution with both parameters `alpha`. */
export function drawShare(alpha: number, draws: Rng): number {
  const [a, b] = [gamma(alpha, draws), gamma(alpha, draws)];
  return a + b > 0 ? a / (a + b) : 0.5;
}

/** The rectangle that is pasted where a sample keeps a share of its area, cut at the borders. */
export function drawRectangle({ height, width }: ImageShape, share: number, draws: Rng) {
  const [x, y] = [draws.below(width), draws.below(height)];
  const r = 0.5 * Math.sqrt(1 - share);
  const [halfWidth, halfHeight] = [Math.trunc(r * width), Math.trunc(r * height)];
  return {
    left: Math.max(0, x - halfWidth),
    right: Math.min(width, x + halfWidth),
    top: Math.max(0, y - halfHeight),
    bottom: Math.min(height, y + halfHeight),
  };
}

/** Mixes a batch as one of the steps says, or leaves it. */
export function mixBatch(steps: readonly MixStep[], batch: MixedBatch, draws: Rng): void {
  const step = steps[steps.length === 1 ? 0 : draws.below(steps.length)];
  if (!step || batch.count < 2 || !draws.happens(step.p)) return;
  const share = drawShare(step.alpha, draws);
  if (step.op === 'mixup') addon().mixSamples(batch.pixels, batch.count, share);
  mixTargets(batch, step.op === 'mixup' ? share : paste(batch, drawRectangle(batch.shape, share, draws)));
}

/**
 * Mixes targets and weights so that the loss of a row is the sum of both samples' losses, each by its share and its own
 * weight. The sum of all weights stays what it was.
 */
function mixTargets({ targets, weights, count }: MixedBatch, share: number): void {
  const classes = targets.length / count;
  const [oldTargets, oldWeights] = [targets.slice(), weights.slice()];
  for (let b = 0; b < count; b++) {
    const from = (b + count - 1) % count;
    const [own, before] = [share * oldWeights[b]!, (1 - share) * oldWeights[from]!];
    weights[b] = own + before;
    if (own + before === 0) continue;
    for (let k = 0; k < classes; k++) {
      const mixed = own * oldTargets[b * classes + k]! + before * oldTargets[from * classes + k]!;
      targets[b * classes + k] = mixed / (own + before);
    }
  }
}

/** Returns the share of the area that each sample keeps. */
function paste({ pixels, count, shape }: MixedBatch, rectangle: ReturnType<typeof drawRectangle>): number {
  const { height, width, channels, layout } = shape;
  const { left, right, top, bottom } = rectangle;
  // A row of the rectangle is one piece of memory in either layout, once for each plane.
  const [planes, step] = layout === 'NCHW' ? [channels, 1] : [1, channels];
  const size = height * width * channels;
  const last = pixels.slice((count - 1) * size, count * size);
  for (let b = count - 1; b >= 0; b--) {
    const before = b === 0 ? last : pixels.subarray((b - 1) * size, b * size);
    for (let plane = 0; plane < planes; plane++)
      for (let y = top; y < bottom; y++) {
        const row = (plane * height + y) * width;
        pixels.set(before.subarray((row + left) * step, (row + right) * step), b * size + (row + left) * step);
      }
  }
  return 1 - ((right - left) * (bottom - top)) / (width * height);
}
