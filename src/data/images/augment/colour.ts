// The steps that change colours, and random erasing: names, defaults and meaning of torchvision.transforms.v2 (0.28),
// on uint8.

import { z } from '../../../config/zod.js';
import type { Rng } from './draws.js';
import type { Program } from './program.js';
import { probability, range, type StepKind, stepKind } from './step.js';

/** Of native/data/colour.h and, for erasing, render.h. */
const codes = {
  brightness: 1,
  contrast: 2,
  saturation: 3,
  hue: 4,
  grayscale: 5,
  invert: 6,
  solarize: 7,
  posterize: 8,
  autocontrast: 9,
  equalize: 10,
  sharpness: 11,
  gaussianBlur: 12,
  erase: 201,
} as const;

/** An operation on colours with its values. */
export function recolour(program: Program, name: keyof typeof codes, ...values: number[]): void {
  program.operate(codes[name], values);
}

/** A number n for 1 - n (at least 0) to 1 + n, or from one factor to another. */
const factor = z.union([
  z
    .number()
    .min(0)
    .max(100)
    .transform((n): [number, number] => [Math.max(0, 1 - n), 1 + n]),
  range(0, 100),
]);
/** A number n for -n to n, or from one turn of the colour circle to another. */
const turn = z.union([
  z
    .number()
    .min(0)
    .max(0.5)
    .transform((n): [number, number] => [-n, n]),
  range(-0.5, 0.5),
]);

/** What is done with a probability and has one value, or none. */
const sometimes = (name: keyof typeof codes, p: number): StepKind =>
  stepKind({
    options: z.strictObject({ p: probability.default(p) }),
    draw({ p }, { program, draws }) {
      if (draws.happens(p)) recolour(program, name);
    },
  });

function shuffled<T>(items: readonly T[], draws: Rng): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = draws.below(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

/** Odd numbers of weights along x and y, cut where a small picture has no more to reflect. */
function gaussianWeights(size: number, sigma: number, pixels: number): number[] {
  const taps = Math.min(size, 2 * pixels - 1);
  const weights = Array.from({ length: taps }, (_, i) => Math.exp(-0.5 * ((i - (taps - 1) / 2) / sigma) ** 2));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

const odd = z
  .int()
  .min(1)
  .max(255)
  .refine((n) => n % 2 === 1, { error: 'expected an odd number' });

export const colour: Readonly<Record<string, StepKind>> = {
  colorJitter: stepKind({
    options: z.strictObject({
      brightness: factor.optional(),
      contrast: factor.optional(),
      saturation: factor.optional(),
      hue: turn.optional(),
    }),
    draw({ brightness, contrast, saturation, hue }, { program, draws }) {
      const given = Object.entries({ brightness, contrast, saturation, hue });
      for (const [name, bounds] of shuffled(given, draws))
        if (bounds) recolour(program, name as 'hue', draws.between(...bounds));
    },
  }),
  randomGrayscale: sometimes('grayscale', 0.1),
  randomInvert: sometimes('invert', 0.5),
  randomAutocontrast: sometimes('autocontrast', 0.5),
  randomEqualize: sometimes('equalize', 0.5),
  randomSolarize: stepKind({
    options: z.strictObject({ threshold: z.number().min(0).max(255).default(128), p: probability.default(0.5) }),
    draw({ threshold, p }, { program, draws }) {
      if (draws.happens(p)) recolour(program, 'solarize', threshold);
    },
  }),
  randomPosterize: stepKind({
    options: z.strictObject({ bits: z.int().min(0).max(8).default(4), p: probability.default(0.5) }),
    draw({ bits, p }, { program, draws }) {
      if (draws.happens(p)) recolour(program, 'posterize', bits);
    },
  }),
  randomAdjustSharpness: stepKind({
    options: z.strictObject({ sharpnessFactor: z.number().min(0).max(100).default(2), p: probability.default(0.5) }),
    draw({ sharpnessFactor, p }, { program, draws }) {
      if (draws.happens(p)) recolour(program, 'sharpness', sharpnessFactor);
    },
  }),
  gaussianBlur: stepKind({
    options: z.strictObject({
      /** Pixels; odd. */
      kernelSize: odd.default(5),
      /** Deviation in pixels, from one to another. */
      sigma: range(0.01, 100).default([0.1, 2]),
    }),
    draw({ kernelSize, sigma }, { program, draws }) {
      const deviation = draws.between(...sigma);
      const { width, height } = program.size;
      const [x, y] = [width, height].map((pixels) => gaussianWeights(kernelSize, deviation, pixels));
      recolour(program, 'gaussianBlur', x!.length, ...x!, ...y!);
    },
  }),
  randomErasing: stepKind({
    finished: true,
    options: z.strictObject({
      p: probability.default(0.5),
      /** Share of the picture's area. */
      scale: range(0, 1).default([0.02, 0.33]),
      /** Of height to width. */
      ratio: range(0.01, 100).default([0.3, 3.3]),
      /** After normalisation: a number, one for each channel, or 'random' for standard normal noise. */
      value: z.union([z.literal('random'), z.number(), z.array(z.number()).min(1).max(4)]).default(0),
    }),
    draw({ p, scale, ratio, value }, { program, draws }) {
      if (!draws.happens(p)) return;
      const { width, height } = program.size;
      for (let attempt = 0; attempt < 10; attempt++) {
        const area = width * height * draws.between(...scale);
        const aspect = Math.exp(draws.between(Math.log(ratio[0]), Math.log(ratio[1])));
        const [w, h] = [Math.round(Math.sqrt(area / aspect)), Math.round(Math.sqrt(area * aspect))];
        if (w >= width || h >= height) continue;
        const [left, top] = [draws.below(width - w + 1), draws.below(height - h + 1)];
        const seed = value === 'random' ? draws.below(2 ** 32) : -1;
        const values = value === 'random' ? [0] : [value].flat();
        const four = Array.from({ length: 4 }, (_, c) => values[c] ?? values.at(-1)!);
        recolour(program, 'erase', left, top, w, h, seed, ...four);
        return;
      }
    },
  }),
};
