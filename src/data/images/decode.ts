// From the bytes of a picture file to the pixels a sample needs: those of Pillow's Image.open(f).convert('RGB'), but
// where a remark says otherwise. Plain JPEGs are decoded by libjpeg-turbo, of which only the blocks that will be read,
// at the least of its scales that is enough; the first picture of a GIF here; all else by sharp: turned as Exif says,
// colours without their profile, no alpha, 16 bits cut to 8. A file is judged by its first bytes, not by its name, and
// its size is known before anything of that size is allocated. Nothing is kept from picture to picture.

import type { default as Sharp } from 'sharp';
import { openJpegLibrary } from '../../runtime/jpeg-library.js';
import { addon } from '../../runtime/native.js';
import { BadPicture } from './bad-picture.js';
import { coloursOfCmyk, withChannels } from './channels.js';
import { decodeGif, readGif } from './gif.js';
import { type JpegHeader, readJpegHeader } from './jpeg-header.js';
import { jpegPart, reducedSize } from './jpeg-part.js';
import type { Need, Picture } from './picture.js';
import { type PictureFormat, pictureFormat } from './picture-format.js';
import type { Size } from './preprocessing.js';
import type { Remark } from './remarks.js';
import { ReusedBytes } from './reused-bytes.js';

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
    const format = pictureFormat(file);
    if (format === 'GIF') return this.#decodeGif(file);
    const header = format === 'JPEG' ? readJpegHeader(file) : undefined;
    if (header) this.#refuseLarge(header);
    const remarks: Remark[] = [];
    if (this.#turbo && header && isPlain(header) && this.#channels !== 4) {
      const found = this.#decodeJpeg(file, header, needOf(header));
      if (typeof found !== 'string') return found;
      // Made to take long: whoever decodes it.
      if (/more than \d+ scans/.test(found)) throw new BadPicture(`it cannot be decoded: ${found}`);
      // What libjpeg-turbo only warns of may be harmless; sharp distinguishes the cases.
      remarks.push({ kind: 'other decoder', reason: found });
    }
    if (format === 'AVIF') remarks.push({ kind: 'AVIF' }, ...(isTurned(file) ? [{ kind: 'turned' } as const] : []));
    try {
      return await this.#decodeAny(format === 'AVIF' ? firstOfAvif(file) : file, needOf, header, remarks);
    } catch (error) {
      if (error instanceof BadPicture) throw error;
      throw new BadPicture(`it cannot be decoded: ${damageOf(format, header, remarks[0]?.reason)}`);
    }
  }

  #refuseLarge({ width, height }: Size): void {
    if (width * height <= this.#maxPixels) return;
    throw new BadPicture(`it has ${width} x ${height} pixels, more than the ${this.#maxPixels} that maxPixels allows`);
  }

  #decodeGif(file: Uint8Array): Picture {
    const frame = readGif(file);
    this.#refuseLarge(frame.size);
    const indices = decodeGif(file, frame);
    const { size, palette, transparent } = frame;
    const data = new Uint8Array(indices.length * 4);
    for (const [i, colour] of indices.entries()) {
      for (let c = 0; c < 3; c++) data[4 * i + c] = palette[3 * colour + c]!;
      data[4 * i + 3] = colour === transparent ? 0 : 255;
    }
    return { data: withChannels(data, 4, this.#channels), ...size, channels: this.#channels };
  }

  /** What the library has to say against the file, where it has. */
  #decodeJpeg(file: Uint8Array, header: JpegHeader, need: Need | undefined): Picture | string {
    const { eighths, left, top, width, height } = jpegPart(header, need);
    const channels = this.#channels;
    const stored = header.components === 4 ? 4 : channels;
    const data = this.#pixels.take(width * height * stored);
    const problem =
      header.components === 4
        ? addon().decodeCmykJpeg(file, eighths, left, top, width, height, data)
        : addon().decodeJpeg(file, eighths, left, top, width, height, channels === 1, data);
    if (problem !== '') return problem;
    const scale = 8 / eighths;
    const part = { left: left * scale, top: top * scale, width: width * scale, height: height * scale, of: header };
    // Whatever the file says, its four values are inverted.
    const pixels = header.components === 4 ? withChannels(coloursOfCmyk(data, { inverted: true }), 3, channels) : data;
    return { data: pixels, width, height, channels, part };
  }

  async #decodeAny(
    file: Uint8Array,
    needOf: NeedOf,
    header: JpegHeader | undefined,
    remarks: Remark[],
  ): Promise<Picture> {
    const sharp = await this.#openSharp();
    const image = sharp(file, { failOn: 'error', limitInputPixels: false, sequentialRead: true, ignoreIcc: true });
    const { autoOrient: whole, orientation = 1, space, depth, format, channels: stored } = await image.metadata();
    this.#refuseLarge(whole);
    // Pillow turns a TIFF by itself.
    if (orientation > 1 && format !== 'tiff') remarks.push({ kind: 'turned' });
    if (depth === 'ushort' && stored === 1) remarks.push({ kind: 'grey of 16 bits' });
    const cmyk = space === 'cmyk';
    const size = reducedSize(whole, needOf(whole));
    image.autoOrient();
    if (size) image.resize({ ...size, fit: 'fill', kernel: 'linear' });
    // Grey is made of the colours below, with the weights of JPEG; sharp's differ.
    if (this.#channels === 4 && !cmyk) image.ensureAlpha();
    else image.removeAlpha();
    if (cmyk) image.pipelineColourspace('cmyk').toColourspace('cmyk');
    else image.toColourspace('srgb');
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    const part = { left: 0, top: 0, width: whole.width, height: whole.height, of: whole };
    const pixels = cmyk
      ? withChannels(coloursOfCmyk(data, { inverted: header?.adobe === false }), 3, this.#channels)
      : withChannels(data, channels, this.#channels);
    return { data: pixels, width, height, channels: this.#channels, part, ...(remarks.length > 0 && { remarks }) };
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

/**
 * Why a file could not be decoded. Not in the words of libvips, which keeps those of all threads in one place: a
 * picture would be told the reason of another one.
 */
function damageOf(format: PictureFormat, header: JpegHeader | undefined, reason: string | undefined): string {
  if (reason) return reason;
  if (header && header.precision !== 8) return `the JPEG has numbers of ${header.precision} bits, 8 are supported`;
  return `the ${format} is cut, damaged or of a kind that is not supported`;
}

/** What libjpeg-turbo decodes in parts and at a scale. */
const isPlain = ({ precision, blocks, orientation, components }: JpegHeader): boolean =>
  precision === 8 && blocks && orientation === 1 && [1, 3, 4].includes(components);

/** Whether the boxes of an AVIF say to rotate or mirror it, which libheif has done when sharp sees it. */
function isTurned(file: Uint8Array): boolean {
  const boxes = Buffer.from(file.buffer, file.byteOffset, Math.min(file.length, 4096));
  const rotation = boxes.indexOf('irot');
  return boxes.includes('imir') || (rotation >= 0 && (boxes[rotation + 4]! & 3) !== 0);
}

/** An animated AVIF has a still picture, too, which libvips reads where the file is called by the still's name. */
function firstOfAvif(file: Uint8Array): Uint8Array {
  if (Buffer.from(file.subarray(8, 12)).toString('latin1') !== 'avis') return file;
  const still = Uint8Array.from(file);
  still.set(Buffer.from('avif'), 8);
  return still;
}
