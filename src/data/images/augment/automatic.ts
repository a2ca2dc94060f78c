// RandAugment and TrivialAugmentWide: a few operations drawn from a fixed set, with the sets and magnitudes of
// torchvision.transforms.v2 (0.28). Sources: Cubuk et al., RandAugment (2019); Müller and Hutter, TrivialAugment
// (2021).

import { z } from '../../../config/zod.js';
import type { Size } from '../preprocessing.js';
import { recolour } from './colour.js';
import type { Rng } from './draws.js';
import { type AffineParameters, affineMatrix } from './geometry.js';
import type { Program } from './program.js';
import { fill, type StepKind, stepKind } from './step.js';

/** How an operation is applied; `fill` and `filter` are for what moves pixels. */
interface Applied {
  program: Program;
  filter: 'nearest' | 'bilinear';
  fill: readonly number[];
}

function move({ program, filter, fill }: Applied, change: Partial<AffineParameters>, centre?: [number, number]): void {
  const still = { angle: 0, translate: [0, 0], scale: 1, shear: [0, 0] } as const;
  program.affine(filter, affineMatrix(program.size, { ...still, ...change }, centre), fill);
}

const degreesOf = (slope: number): number => (Math.atan(slope) * 180) / Math.PI;
// Shears leave the upper left corner where it is.
const corner: [number, number] = [-0.5, -0.5];

const operations = {
  identity: () => {},
  shearX: (at, m) => move(at, { shear: [degreesOf(m), 0] }, corner),
  shearY: (at, m) => move(at, { shear: [0, degreesOf(m)] }, corner),
  translateX: (at, m) => move(at, { translate: [Math.trunc(m), 0] }),
  translateY: (at, m) => move(at, { translate: [0, Math.trunc(m)] }),
  rotate: (at, m) => move(at, { angle: -m }),
  brightness: ({ program }, m) => recolour(program, 'brightness', 1 + m),
  color: ({ program }, m) => recolour(program, 'saturation', 1 + m),
  contrast: ({ program }, m) => recolour(program, 'contrast', 1 + m),
  sharpness: ({ program }, m) => recolour(program, 'sharpness', 1 + m),
  posterize: ({ program }, m) => recolour(program, 'posterize', m),
  solarize: ({ program }, m) => recolour(program, 'solarize', 255 * m),
  autocontrast: ({ program }) => recolour(program, 'autocontrast'),
  equalize: ({ program }) => recolour(program, 'equalize'),
} as const satisfies Record<string, (at: Applied, magnitude: number) => void>;

type Operation = keyof typeof operations;
/** Magnitude at a share from 0 to 1 of the strongest; it may also be negative where `signed`. */
type Space = Readonly<Record<Operation, { at(share: number, size: Size): number; signed?: true }>>;

const none = { at: () => 0 };
const upTo = (most: number) => ({ at: (share: number) => share * most, signed: true }) as const;
/** Ties to even, as torch rounds. */
function rounded(x: number): number {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + (low % 2) : Math.round(x);
}
const common = {
  identity: none,
  solarize: { at: (share: number) => 1 - share },
  autocontrast: none,
  equalize: none,
};

export const randAugmentSpace: Space = {
  ...common,
  shearX: upTo(0.3),
  shearY: upTo(0.3),
  translateX: { at: (share, { width }) => (share * 150 * width) / 331, signed: true },
  translateY: { at: (share, { height }) => (share * 150 * height) / 331, signed: true },
  rotate: upTo(30),
  brightness: upTo(0.9),
  color: upTo(0.9),
  contrast: upTo(0.9),
  sharpness: upTo(0.9),
  posterize: { at: (share) => rounded(8 - 4 * share) },
};

export const trivialAugmentSpace: Space = {
  ...common,
  shearX: upTo(0.99),
  shearY: upTo(0.99),
  translateX: upTo(32),
  translateY: upTo(32),
  rotate: upTo(135),
  brightness: upTo(0.99),
  color: upTo(0.99),
  contrast: upTo(0.99),
  sharpness: upTo(0.99),
  posterize: { at: (share) => rounded(8 - 6 * share) },
};

const names = Object.keys(operations) as Operation[];

/** Draws one operation and applies it. `bin`: the magnitude's number of `bins`. */
function applyOne(space: Space, { bin, bins }: { bin: number; bins: number }, draws: Rng, at: Applied): void {
  const name = names[draws.below(names.length)]!;
  const { at: magnitudeAt, signed } = space[name];
  const magnitude = magnitudeAt(bins === 1 ? 0 : bin / (bins - 1), at.program.size);
  operations[name](at, signed && draws.happens(0.5) ? -magnitude : magnitude);
}

const numMagnitudeBins = z.int().min(2).max(1000).default(31);
const interpolation = z.enum(['nearest', 'bilinear']).default('nearest');

export const automatic: Readonly<Record<string, StepKind>> = {
  randAugment: stepKind({
    options: z
      .strictObject({
        numOps: z.int().min(0).max(20).default(2),
        magnitude: z.int().min(0).max(999).default(9),
        numMagnitudeBins,
        interpolation,
        fill,
      })
      .refine(({ magnitude, numMagnitudeBins }) => magnitude < numMagnitudeBins, {
        error: 'expected a number below numMagnitudeBins',
        path: ['magnitude'],
      }),
    draw({ numOps, magnitude, numMagnitudeBins, interpolation, fill }, { program, draws }) {
      const at = { program, filter: interpolation, fill };
      for (let i = 0; i < numOps; i++)
        applyOne(randAugmentSpace, { bin: magnitude, bins: numMagnitudeBins }, draws, at);
    },
  }),
  trivialAugmentWide: stepKind({
    options: z.strictObject({ numMagnitudeBins, interpolation, fill }),
    draw({ numMagnitudeBins, interpolation, fill }, { program, draws }) {
      const bin = draws.below(numMagnitudeBins);
      applyOne(trivialAugmentSpace, { bin, bins: numMagnitudeBins }, draws, { program, filter: interpolation, fill });
    },
  }),
};
