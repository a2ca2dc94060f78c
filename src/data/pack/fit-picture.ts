// The size that pictures are packed at, and one picture brought to it: uint8 pixels, channels last. Resampling is that
// of the renderer, antialiased and bilinear, so that what is cropped later comes from what a run would have made of the
// picture itself.

import { Renderer } from '../images/augment/renderer.js';
import type { Need, Picture } from '../images/picture.js';
import type { Preprocessing, Size } from '../images/preprocessing.js';

/**
 * All of a picture, its shorter side at most so many pixels; or a size that all have, cut from the middle where shapes
 * differ.
 */
export type PackSize = { edge: number } | Size;

/** '256' or '256x320': height x width. Undefined for what is no size. */
export function parseSize(text: string): PackSize | undefined {
  const [, first, second] = /^([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?$/.exec(text) ?? [];
  if (first === undefined) return undefined;
  return second === undefined ? { edge: Number(first) } : { height: Number(first), width: Number(second) };
}

/** What a picture of this size is resized to, and what of that stays. */
export function fit({ width, height }: Size, size: PackSize): { resize: Size; crop: Size } {
  if ('edge' in size) {
    const by = Math.min(1, size.edge / Math.min(width, height));
    const resize = { width: Math.max(1, Math.round(width * by)), height: Math.max(1, Math.round(height * by)) };
    return { resize, crop: resize };
  }
  const by = Math.max(size.width / width, size.height / height);
  const cover = (side: number, least: number): number => Math.max(least, Math.round(side * by));
  return { resize: { width: cover(width, size.width), height: cover(height, size.height) }, crop: size };
}

const key = { seed: 0, epoch: 0, sample: 0 };

export class PictureFitter {
  readonly #size: PackSize;
  readonly #channels: number;
  #renderer: { renderer: Renderer; resize: Size; crop: Size } | undefined;
  #numbers = new Float32Array(0);

  constructor(size: PackSize, channels: number) {
    this.#size = size;
    this.#channels = channels;
  }

  /** What of a picture of this size need be decoded. */
  need(size: Size): Need | undefined {
    return this.#rendererFor(size).renderer.need(size, key);
  }

  /** The picture at its packed size, in memory of its own. */
  fit(picture: Picture): { pixels: Uint8Array } & Size {
    const { data, width, height, part } = picture;
    const whole = part?.of ?? { width, height };
    const { renderer, resize, crop } = this.#rendererFor(whole);
    const count = crop.width * crop.height * this.#channels;
    const same = (a: Size): boolean => a.width === width && a.height === height;
    if (same(whole) && same(resize) && same(crop))
      return { pixels: Uint8Array.from(data.subarray(0, count)), width, height };
    if (this.#numbers.length < count) this.#numbers = new Float32Array(count);
    const numbers = this.#numbers.subarray(0, count);
    renderer.render(picture, key, numbers);
    return { pixels: new Uint8Array(Uint8ClampedArray.from(numbers).buffer), ...crop };
  }

  #rendererFor(size: Size): { renderer: Renderer; resize: Size; crop: Size } {
    const { resize, crop } = fit(size, this.#size);
    const last = this.#renderer;
    const same = (a: Size, b: Size): boolean => a.width === b.width && a.height === b.height;
    if (last && same(last.resize, resize) && same(last.crop, crop)) return last;
    const shape = { ...crop, channels: this.#channels, layout: 'NHWC' } as const;
    const renderer = new Renderer({ shape, preprocessing: asIs(this.#channels, resize, crop) });
    this.#renderer = { renderer, resize, crop };
    return this.#renderer;
  }
}

/** Pixels stay numbers from 0 to 255. */
const asIs = (channels: number, resize: Size, crop: Size): Preprocessing => ({
  rescale: 1,
  offset: 0,
  mean: new Array<number>(channels).fill(0),
  std: new Array<number>(channels).fill(1),
  flipChannels: false,
  resize,
  crop,
  resample: 2,
  notes: [],
});
