// The steps that move pixels: names, defaults and meaning of torchvision.transforms.v2 (0.28), on uint8.

import { z } from '../../../config/zod.js';
import type { Rectangle } from '../picture.js';
import type { Size } from '../preprocessing.js';
import type { Rng } from './draws.js';
import { filters, type Padding, padModes } from './program.js';
import { fill, probability, range, type StepKind, sizeOption, stepKind } from './step.js';

const interpolation = z.enum(filters).default('bilinear');
/** Of an affine map. */
const sampling = z.enum(['nearest', 'bilinear']).default('nearest');
const whole = ({ width, height }: Size): Rectangle => ({ left: 0, top: 0, width, height });

/** Where a part of the picture is cut out, and how large: by share of the area and ratio of width to height. */
function drawResizedCrop(
  { width, height }: Size,
  { scale, ratio }: { scale: readonly [number, number]; ratio: readonly [number, number] },
  draws: Rng,
): Rectangle {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * draws.between(...scale);
    const aspect = Math.exp(draws.between(Math.log(ratio[0]), Math.log(ratio[1])));
    const [w, h] = [Math.round(Math.sqrt(area * aspect)), Math.round(Math.sqrt(area / aspect))];
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const top = draws.below(height - h + 1);
    return { left: draws.below(width - w + 1), top, width: w, height: h };
  }
  // The middle, as wide or high as the ratio allows.
  const aspect = Math.min(Math.max(width / height, ratio[0]), ratio[1]);
  const w = Math.min(width, Math.max(1, Math.round(height * aspect)));
  const h = Math.min(height, Math.max(1, Math.round(width / aspect)));
  return { left: (width - w) >> 1, top: (height - h) >> 1, width: w, height: h };
}

/** What is missing of a size is added at both sides, evenly. */
function missing(size: Size, wanted: Size): Padding {
  const [x, y] = [Math.max(0, wanted.width - size.width), Math.max(0, wanted.height - size.height)];
  return { left: x >> 1, top: y >> 1, right: x - (x >> 1), bottom: y - (y >> 1) };
}

/** One number for all sides, two for left and right, top and bottom, or left, top, right, bottom. */
const amount = z.int().min(0).max(65535);
const padding = z
  .union([amount, z.tuple([amount, amount]), z.tuple([amount, amount, amount, amount])])
  .transform((value): Padding => {
    const [left, top, right, bottom] = typeof value === 'number' ? [value, value] : value;
    return { left, top, right: right ?? left, bottom: bottom ?? top };
  });
const paddingMode = z.enum(padModes).default('constant');

/** Degrees from -n to n, or from one number to another. */
const degrees = z.union([
  z
    .number()
    .min(0)
    .max(360)
    .transform((n): [number, number] => [-n, n]),
  range(-360, 360),
]);

export interface AffineParameters {
  /** Degrees, clockwise. */
  angle: number;
  /** Pixels to the right and down. */
  translate: readonly [number, number];
  scale: number;
  /** Degrees along x and y. */
  shear: readonly [number, number];
}

/**
 * The matrix by which a pixel of the result finds its source: the inverse of shearing, scaling and rotating about a
 * point, then translating. Source: torchvision's _get_inverse_affine_matrix.
 * @param centre x and y of that point, where the first pixel's middle is (0, 0); default the middle of the picture
 */
export function affineMatrix(
  { width, height }: Size,
  { angle, translate, scale, shear }: AffineParameters,
  [cx, cy]: readonly [number, number] = [(width - 1) / 2, (height - 1) / 2],
): number[] {
  const radians = (value: number) => (value * Math.PI) / 180;
  const [rotation, sx, sy] = [radians(angle), radians(shear[0]), radians(shear[1])];
  const a = Math.cos(rotation - sy) / Math.cos(sy);
  const b = (-Math.cos(rotation - sy) * Math.tan(sx)) / Math.cos(sy) - Math.sin(rotation);
  const c = Math.sin(rotation - sy) / Math.cos(sy);
  const d = (-Math.sin(rotation - sy) * Math.tan(sx)) / Math.cos(sy) + Math.cos(rotation);
  const [m0, m1, m3, m4] = [d / scale, -b / scale, -c / scale, a / scale];
  const [x, y] = [-translate[0] - cx, -translate[1] - cy];
  return [m0, m1, m0 * x + m1 * y + cx, m3, m4, m3 * x + m4 * y + cy];
}

/** Shear along x from -n to n; along x from one number to another; or along x and along y. */
const angle = z.number().min(-180).max(180);
const shear = z.union([
  z
    .number()
    .min(0)
    .max(180)
    .transform((n) => [-n, n, 0, 0] as const),
  z.tuple([angle, angle]).transform(([low, high]) => [low, high, 0, 0] as const),
  z.tuple([angle, angle, angle, angle]),
]);

export const geometry: Readonly<Record<string, StepKind>> = {
  randomResizedCrop: stepKind({
    sizes: true,
    options: z.strictObject({
      size: sizeOption,
      scale: range(0, 1).default([0.08, 1]),
      ratio: range(0.01, 100).default([3 / 4, 4 / 3]),
      interpolation,
    }),
    draw({ size, scale, ratio, interpolation }, { program, draws, target }) {
      const part = drawResizedCrop(program.size, { scale, ratio }, draws);
      program.resample(interpolation, part, size ?? target);
    },
  }),
  resize: stepKind({
    sizes: true,
    options: z.strictObject({
      /** Left out: the model's. */
      size: sizeOption,
      /** Of the shorter side, keeping the ratio. */
      shortestEdge: z.int().min(1).max(65535).optional(),
      interpolation,
    }),
    draw({ size, shortestEdge, interpolation }, { program, target }) {
      const to = shortestEdge === undefined ? (size ?? target) : scaledTo(program.size, shortestEdge);
      program.resample(interpolation, whole(program.size), to);
    },
  }),
  centerCrop: stepKind({
    sizes: true,
    options: z.strictObject({ size: sizeOption }),
    draw({ size }, { program, target }) {
      const wanted = size ?? target;
      const added = missing(program.size, wanted);
      if (Object.values(added).some(Boolean)) program.pad(added, 'constant', [0]);
      const [left, top] = [program.size.width - wanted.width, program.size.height - wanted.height];
      program.crop({ left: Math.round(left / 2), top: Math.round(top / 2), ...wanted });
    },
  }),
  randomCrop: stepKind({
    sizes: true,
    options: z.strictObject({
      size: sizeOption,
      padding: padding.optional(),
      /** Pads a picture that is smaller than the crop. */
      padIfNeeded: z.boolean().default(true),
      fill,
      paddingMode,
    }),
    draw({ size, padding, padIfNeeded, fill, paddingMode }, { program, draws, target }) {
      const wanted = size ?? target;
      if (padding) program.pad(padding, paddingMode, fill);
      const { left, top, right, bottom } = missing(program.size, wanted);
      if (padIfNeeded && left + top + right + bottom > 0) {
        // As torchvision does: as much at both sides, so that the place of the picture in the crop is random too.
        const [x, y] = [left + right, top + bottom];
        program.pad({ left: x, top: y, right: x, bottom: y }, paddingMode, fill);
      }
      const at = { top: draws.below(program.size.height - wanted.height + 1) };
      program.crop({ left: draws.below(program.size.width - wanted.width + 1), ...at, ...wanted });
    },
  }),
  pad: stepKind({
    options: z.strictObject({ padding, fill, paddingMode }),
    draw: ({ padding, fill, paddingMode }, { program }) => program.pad(padding, paddingMode, fill),
  }),
  randomHorizontalFlip: stepKind({
    options: z.strictObject({ p: probability.default(0.5) }),
    draw({ p }, { program, draws }) {
      if (draws.happens(p)) program.mirror('horizontal');
    },
  }),
  randomVerticalFlip: stepKind({
    options: z.strictObject({ p: probability.default(0.5) }),
    draw({ p }, { program, draws }) {
      if (draws.happens(p)) program.mirror('vertical');
    },
  }),
  randomRotation: stepKind({
    options: z.strictObject({ degrees: degrees.prefault(30), interpolation: sampling, fill }),
    draw({ degrees, interpolation, fill }, { program, draws }) {
      // Counter-clockwise, as torchvision's rotate turns.
      const turn = { angle: -draws.between(...degrees), translate: [0, 0], scale: 1, shear: [0, 0] } as const;
      program.affine(interpolation, affineMatrix(program.size, turn), fill);
    },
  }),
  randomAffine: stepKind({
    options: z.strictObject({
      degrees: degrees.prefault(0),
      /** Most of the width and of the height by which the picture is moved. */
      translate: z.tuple([probability, probability]).optional(),
      scale: range(0.01, 100).optional(),
      shear: shear.optional(),
      interpolation: sampling,
      fill,
    }),
    draw({ degrees, translate, scale, shear, interpolation, fill }, { program, draws }) {
      const { width, height } = program.size;
      const angle = draws.between(...degrees);
      const [x, y] = translate ?? [0, 0];
      const moved = [x * width, y * height].map((most) => Math.round(draws.between(-most, most))) as [number, number];
      const parameters = {
        angle,
        translate: moved,
        scale: scale ? draws.between(...scale) : 1,
        shear: shear
          ? ([draws.between(shear[0], shear[1]), draws.between(shear[2], shear[3])] as const)
          : ([0, 0] as const),
      };
      program.affine(interpolation, affineMatrix(program.size, parameters), fill);
    },
  }),
};

/** The size whose shorter side is `edge` pixels. */
export function scaledTo({ width, height }: Size, edge: number): Size {
  const long = Math.max(1, Math.trunc((edge * Math.max(width, height)) / Math.min(width, height)));
  return width <= height ? { width: edge, height: long } : { width: long, height: edge };
}
