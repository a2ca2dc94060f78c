// From the bytes of a picture file to the pixels a sample needs. Plain JPEGs are decoded by libjpeg-turbo, of which
// only the blocks that will be read, at the least of its scales that is enough; all else by sharp: turned as Exif says,
// colours without their profile, no alpha, 16 bits cut to 8, the first picture of several. A file is judged by its
// first bytes, not by its name, and its size is known before anything of that size is allocated.

import type { default as Sharp } from 'sharp';
import { addon, openJpegLibrary } from '../../runtime/native.js';
import { type JpegHeader, readJpegHeader } from './jpeg-header.js';
import type { Need, Picture } from './picture.js';
import type { Size } from './preprocessing.js';
import { ReusedBytes } from './reused-bytes.js';

/** A picture that cannot be used; the message says why. */
export class BadPicture extends Error {}

/** What is needed of a picture of this size; undefined: all of it, as large as it is. */
export type NeedOf = (size: Size) => Need | undefined;

export class PictureDecoder {
  readonly #channels: number;
  readonly #maxPixels: number;
  readonly #turbo = openJpegLibrary();
  readonly #pixels = new ReusedBytes();
  #sharp: typeof Sharp | undefined;

  /** @param maxPixels of a picture as a whole, however little of it is needed */
  constructor({ channels, maxPixels }: { channels: number; maxPixels: number }) {
    this.#channels = channels;
    this.#maxPixels = maxPixels;
  }

  /** The pixels are valid until the next call. @throws BadPicture for what is no picture, is damaged or is too large */
  async decode(file: Uint8Array, needOf: NeedOf): Promise<Picture> {
    if (file.length === 0) throw new BadPicture('the file is empty');
    const header = readJpegHeader(file);
    const plain = header && header.precision === 8 && header.blocks && header.orientation === 1;
    if (this.#turbo && plain && (header.components === 3 || header.components === 1) && this.#channels !== 4) {
      this.#refuseLarge(header);
      const picture = this.#decodeJpeg(file, header, needOf(header));
      // What libjpeg-turbo only warns of may be harmless; sharp distinguishes the cases.
      if (picture) return picture;
    }
    return this.#decodeAny(file, needOf);
  }

  #refuseLarge({ width, height }: Size): void {
    if (width * height <= this.#maxPixels) return;
    throw new BadPicture(`it has ${width} x ${height} pixels, more than the ${this.#maxPixels} that maxPixels allows`);
  }

  /** Undefined where the library has something to say against the file. */
  #decodeJpeg(file: Uint8Array, header: JpegHeader, need: Need | undefined): Picture | undefined {
    const { eighths, left, top, width, height } = jpegPart(header, need);
    const channels = this.#channels;
    const data = this.#pixels.take(width * height * channels);
    if (addon().decodeJpeg(file, eighths, left, top, width, height, channels, data) !== '') return undefined;
    const scale = 8 / eighths;
    const part = { left: left * scale, top: top * scale, width: width * scale, height: height * scale, of: header };
    return { data, width, height, channels, part };
  }

  async #decodeAny(file: Uint8Array, needOf: NeedOf): Promise<Picture> {
    const sharp = await this.#openSharp();
    try {
      const image = sharp(file, { failOn: 'error', limitInputPixels: false, sequentialRead: true, ignoreIcc: true });
      const { autoOrient: whole } = await image.metadata();
      this.#refuseLarge(whole);
      const size = reducedSize(whole, needOf(whole));
      image.autoOrient();
      if (size) image.resize({ ...size, fit: 'fill', kernel: 'linear' });
      // Grey is made of the colours below, with the weights of JPEG; sharp's differ.
      if (this.#channels === 4) image.ensureAlpha();
      else image.removeAlpha();
      const { data, info } = await image
        .toColourspace('srgb')
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true });
      const { width, height } = info;
      const part = { left: 0, top: 0, width: whole.width, height: whole.height, of: whole };
      return { data: withChannels(data, info.channels, this.#channels), width, height, channels: this.#channels, part };
    } catch (error) {
      if (error instanceof BadPicture) throw error;
      throw new BadPicture(`it cannot be decoded: ${(error as Error).message.trim().split('\n')[0]}`);
    }
  }

  /**
   * Loaded when the first picture needs it. The settings are those of the process: a picture is decoded by one thread,
   * and none kept.
   */
  async #openSharp(): Promise<typeof Sharp> {
    if (this.#sharp) return this.#sharp;
    const { default: sharp } = await import('sharp');
    sharp.concurrency(1);
    sharp.cache(false);
    this.#sharp = sharp;
    return sharp;
  }
}

/** Which pixels of a JPEG to decode, at eighths/8 of its size, counted at that scale. */
export function jpegPart(
  { width, height, block }: Pick<JpegHeader, 'width' | 'height' | 'block'>,
  need: Need | undefined,
): { eighths: number; left: number; top: number; width: number; height: number } {
  const eighths = need ? leastScale(need) : 8;
  const scaled = (side: number): number => Math.ceil((side * eighths) / 8);
  const [across, down] = [scaled(width), scaled(height)];
  if (!need) return { eighths, left: 0, top: 0, width: across, height: down };
  // Colours are interpolated between blocks, so that pixels come out as of the whole picture only with a neighbour
  // around.
  const [stepX, stepY] = [(block.width * eighths) / 8, (block.height * eighths) / 8];
  const before = (at: number, step: number): number => Math.max(0, Math.floor((at * eighths) / 8 / step) - 1) * step;
  const [left, top] = [before(need.left, stepX), before(need.top, stepY)];
  return {
    eighths,
    left,
    top,
    width: Math.min(across, scaled(need.left + need.width) + stepX) - left,
    height: Math.min(down, scaled(need.top + need.height) + stepY) - top,
  };
}

/**
 * Sides that are reduced twice, by the decoder and then by the resampling, come out well where the first leaves twice
 * what is needed.
 */
const margin = 2;

/** The smallest of the scales 1/8, 1/4, 1/2 and 1 that is enough. */
function leastScale({ width, height, enough: { width: across, height: down } }: Need): number {
  const enough = (eighths: number): boolean =>
    (width * eighths) / 8 >= margin * across && (height * eighths) / 8 >= margin * down;
  return [1, 2, 4].find(enough) ?? 8;
}

/** A picture of more pixels is reduced by whole numbers as it is decoded, where less is needed. */
const largePixels = 4_000_000;

function reducedSize({ width, height }: Size, need: Need | undefined): Size | undefined {
  if (!need || width * height < largePixels) return undefined;
  const spare = Math.min(need.width / need.enough.width, need.height / need.enough.height);
  const by = Math.floor(spare / margin);
  return by < 2 ? undefined : { width: Math.ceil(width / by), height: Math.ceil(height / by) };
}

/** The same pixels with another number of channels: grey by the weights of JPEG, colours from grey alike. */
export function withChannels(data: Uint8Array, from: number, to: number): Uint8Array {
  if (from === to) return data;
  const count = data.length / from;
  const out = new Uint8Array(count * to);
  for (let i = 0; i < count; i++) {
    const [r, g, b] =
      from >= 3 ? [data[i * from]!, data[i * from + 1]!, data[i * from + 2]!] : Array(3).fill(data[i * from]!);
    if (to === 1) out[i] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    else {
      out[i * to] = r;
      out[i * to + 1] = g;
      out[i * to + 2] = b;
      if (to === 4) out[i * to + 3] = 255;
    }
  }
  return out;
}
