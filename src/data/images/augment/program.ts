// The program of one sample, as native/data/render.h reads it: a row of operations, each its code, how many values
// follow, and these. A step of a chain appends to it and knows the size that the picture has by then. Crops and
// mirrorings join the resampling before them, so that the usual chain reads each pixel once.

import type { Rectangle } from '../picture.js';
import type { Size } from '../preprocessing.js';

const codes = { resample: 101, affine: 102, pad: 103 } as const;

/** In the order of native/data/render.h's Filter. */
export const filters = ['nearest', 'nearestExact', 'bilinear', 'bicubic', 'lanczos'] as const;
export type ResampleFilter = (typeof filters)[number];

/** In the order of native/data/render.h's PadMode. */
export const padModes = ['constant', 'edge', 'reflect', 'symmetric'] as const;
export type PadMode = (typeof padModes)[number];

export interface Padding {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Offsets among the values of a resampling. */
const place = { left: 1, top: 2, width: 3, height: 4, window: 7, mirror: 11 } as const;

export class Program {
  #size: Size;
  readonly #numbers: number[] = [];
  /** Where the values of the last operation begin, if that is a resampling. */
  #resampling: number | undefined;

  /** @param size of the whole picture */
  constructor(size: Size) {
    this.#size = size;
  }

  /** What the picture has become so far. */
  get size(): Size {
    return this.#size;
  }

  /** The part that the first operation reads and what it becomes, where that is a resampling. */
  get first(): { from: Rectangle; to: Size } | undefined {
    const [code, , , left, top, width, height, toWidth, toHeight] = this.#numbers;
    if (code !== codes.resample) return undefined;
    const from = { left: left!, top: top!, width: width!, height: height! };
    return { from, to: { width: toWidth!, height: toHeight! } };
  }

  #append(code: number, values: readonly number[]): void {
    this.#resampling = code === codes.resample ? this.#numbers.length + 2 : undefined;
    this.#numbers.push(code, values.length, ...values);
  }

  /** Brings a part of the picture to a size. */
  resample(filter: ResampleFilter, { left, top, width, height }: Rectangle, to: Size): void {
    const kept = [0, 0, to.width, to.height];
    this.#append(codes.resample, [
      filters.indexOf(filter),
      ...[left, top, width, height],
      ...[to.width, to.height, ...kept],
      ...[0, 0],
    ]);
    this.#size = { height: to.height, width: to.width };
  }

  /** Turns the picture's left to its right, or its top to its bottom. */
  mirror(axis: 'horizontal' | 'vertical'): void {
    if (this.#resampling === undefined) this.resample('nearestExact', { left: 0, top: 0, ...this.#size }, this.#size);
    const at = this.#resampling! + place.mirror + (axis === 'horizontal' ? 0 : 1);
    this.#numbers[at] = 1 - this.#numbers[at]!;
  }

  /** Keeps a part of the picture; whole pixels within it. */
  crop({ left, top, width, height }: Rectangle): void {
    const values = this.#resampling;
    const mirrored =
      values !== undefined && (this.#numbers[values + place.mirror] || this.#numbers[values + place.mirror + 1]);
    if (values === undefined || mirrored) {
      const { width: from, height: high } = this.#size;
      this.pad({ left: -left, top: -top, right: left + width - from, bottom: top + height - high }, 'constant', [0]);
      return;
    }
    const window = values + place.window;
    const [x, y] = [this.#numbers[window]! + left, this.#numbers[window + 1]! + top];
    for (const [i, value] of [x, y, width, height].entries()) this.#numbers[window + i] = value;
    this.#size = { height, width };
  }

  /** Adds pixels at the sides; a negative number takes them away. `fill`: one value, or one for each channel. */
  pad({ left, top, right, bottom }: Padding, mode: PadMode, fill: readonly number[]): void {
    this.#append(codes.pad, [padModes.indexOf(mode), left, top, right, bottom, ...fourOf(fill)]);
    this.#size = { height: this.#size.height + top + bottom, width: this.#size.width + left + right };
  }

  /** @param matrix by which each pixel of the result finds its source: x' = m0 x + m1 y + m2, y' = m3 x + m4 y + m5 */
  affine(filter: 'nearest' | 'bilinear', matrix: readonly number[], fill: readonly number[]): void {
    this.#append(codes.affine, [filter === 'bilinear' ? 1 : 0, ...matrix, ...fourOf(fill)]);
  }

  /** Any other operation, which keeps the size. */
  operate(code: number, values: readonly number[]): void {
    this.#append(code, values);
  }

  /**
   * The numbers for the addon.
   * @param part what there is of the whole picture, at which scale, if not all of it
   */
  finish(part?: { shown: Rectangle; pixels: Size }): Float64Array {
    const numbers = Float64Array.from(this.#numbers);
    if (part && numbers[0] === codes.resample) {
      const { shown, pixels } = part;
      const [x, y] = [pixels.width / shown.width, pixels.height / shown.height];
      const values = numbers.subarray(2);
      values[place.left] = (values[place.left]! - shown.left) * x;
      values[place.top] = (values[place.top]! - shown.top) * y;
      values[place.width]! *= x;
      values[place.height]! *= y;
    }
    return numbers;
  }
}

const fourOf = (fill: readonly number[]): number[] => Array.from({ length: 4 }, (_, c) => fill[c] ?? fill.at(-1) ?? 0);
