// Reads the pictures of sources, in a worker's thread: the bytes of a file, or of a piece of one, decoded; stored
// pixels as they are. Memory is used again from picture to picture, so what is returned is valid until the next call.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { BadPicture } from './bad-picture.js';
import { withChannels } from './channels.js';
import { type NeedOf, PictureDecoder } from './decode.js';
import type { Picture } from './picture.js';
import type { PictureLimits } from './picture-names.js';
import type { ImageShape } from './pixels.js';
import { ReusedBytes } from './reused-bytes.js';
import {
  bytesOf,
  type EncodedSource,
  type FileSource,
  type PackedSource,
  type PixelSource,
  textAt,
} from './sources.js';

export class PictureReader {
  readonly #channels: number;
  readonly #maxBytes: number;
  readonly #decoder: PictureDecoder;
  readonly #bytes = new ReusedBytes();
  /** Files of many pictures, which stay open. */
  readonly #files = new Map<string, number>();

  constructor(options: PictureLimits & { channels: number }) {
    this.#channels = options.channels;
    this.#maxBytes = options.maxPictureBytes;
    this.#decoder = new PictureDecoder(options);
  }

  /** @throws BadPicture */
  async read(source: FileSource | EncodedSource | PackedSource, row: number, needOf: NeedOf): Promise<Picture> {
    if (source.kind === 'packed') return this.#packed(source, row);
    const bytes = source.kind === 'files' ? this.#fileBytes(textAt(source.paths, row)) : this.#pieceBytes(source, row);
    return this.#decoder.decode(bytes, needOf);
  }

  /** The bytes of a picture of stored tensors. */
  pixels(source: PixelSource, row: number): Uint8Array {
    const length = bytesOf(source);
    return this.#bytesAt(source.memory ?? source.name, source.begin + row * length, length);
  }

  #packed({ name, channels, begin, height, width }: PackedSource, row: number): Picture {
    const size = { height: height[row]!, width: width[row]! };
    const data = this.#bytesAt(name, begin[row]!, size.height * size.width * channels);
    return { data: withChannels(data, channels, this.#channels), ...size, channels: this.#channels };
  }

  #fileBytes(path: string): Uint8Array {
    try {
      const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      try {
        const stat = fstatSync(file);
        if (!stat.isFile()) throw new BadPicture('it is no file');
        this.#refuseLarge(stat.size);
        const bytes = this.#bytes.take(stat.size);
        return bytes.subarray(0, readInto(file, bytes, 0));
      } finally {
        closeSync(file);
      }
    } catch (error) {
      if (error instanceof BadPicture) throw error;
      throw new BadPicture(`it cannot be read: ${(error as Error).message}`);
    }
  }

  #refuseLarge(bytes: number): void {
    if (bytes <= this.#maxBytes) return;
    throw new BadPicture(`it has ${bytes} bytes, more than the ${this.#maxBytes} that maxPictureBytes allows`);
  }

  #pieceBytes({ file, memory, begin, length }: EncodedSource, row: number): Uint8Array {
    if (length[row] === 0) throw new BadPicture('there is no picture in this row');
    this.#refuseLarge(length[row]!);
    const bytes = this.#bytesAt(memory ?? file!, begin[row]!, length[row]!);
    // The decoders take no shared memory.
    if (memory) this.#bytes.take(bytes.length).set(bytes);
    return memory ? this.#bytes.take(bytes.length) : bytes;
  }

  #bytesAt(place: SharedArrayBuffer | string, begin: number, length: number): Uint8Array {
    if (typeof place !== 'string') return new Uint8Array(place, begin, length);
    const file = this.#files.get(place) ?? openSync(place, 'r');
    this.#files.set(place, file);
    const bytes = this.#bytes.take(length);
    if (readInto(file, bytes, begin) < length)
      throw new Error('the file ends before its pixels do; it has been cut since the run began');
    return bytes;
  }
}

/** Reads until `bytes` is full or the file ends; how many. */
function readInto(file: number, bytes: Uint8Array, from: number): number {
  let done = 0;
  while (done < bytes.length) {
    const read = readSync(file, bytes, done, bytes.length - done, from + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

/** Stored uint8 pixels as a picture: channels last. */
export function pictureOf(raw: Uint8Array, { channels, height, width, layout }: ImageShape): Picture {
  if (layout === 'NHWC' || channels === 1) return { data: raw, width, height, channels };
  const data = new Uint8Array(raw.length);
  const places = height * width;
  for (let c = 0; c < channels; c++)
    for (let i = 0, at = c; i < places; i++, at += channels) data[at] = raw[c * places + i]!;
  return { data, width, height, channels };
}
