// Runs in a pool of threads: the pixels of a block of pictures, for a packed file.

import { workerData } from 'node:worker_threads';
import { type Outcome, outcomeOf } from '../../errors.js';
import { serve } from '../../threads/serve.js';
import type { PictureSlice } from '../columns.js';
import type { BadRow } from '../encode.js';
import { BadPicture, withChannels } from '../images/decode.js';
import { PictureReader, pictureOf } from '../images/read-picture.js';
import { type PackSize, PictureFitter } from './fit-picture.js';
import type { PackedBlock } from './pack-blocks.js';

export interface PixelWorkerData {
  size: PackSize;
  channels: number;
  maxPixels: number;
}

export type PixelTask = Pick<PictureSlice, 'sources' | 'places'>;

/** What is to be known of the pictures of a block beside their pixels. */
export interface PixelBlock {
  /** Height and width of each that could be decoded. */
  sizes: [height: number, width: number][];
  bad: BadRow[];
}

const { size, channels, maxPixels } = workerData as PixelWorkerData;
const reader = new PictureReader({ channels, maxPixels });
const fitter = new PictureFitter(size, channels);

serve({ default: (task: PixelTask): Promise<Outcome<PackedBlock<PixelBlock>>> => outcomeOf(() => pack(task)) });

async function pack({ sources, places }: PixelTask): Promise<PackedBlock<PixelBlock>> {
  const pictures: Uint8Array[] = [];
  const info: PixelBlock = { sizes: [], bad: [] };
  for (let row = 0; 2 * row < places.length; row++) {
    const source = sources[places[2 * row]!]!;
    try {
      const { pixels, width, height } = fitter.fit(await read(source, places[2 * row + 1]!));
      pictures.push(pixels);
      info.sizes.push([height, width]);
    } catch (error) {
      if (!(error instanceof BadPicture)) throw error;
      info.bad.push({ row, reason: error.message });
    }
  }
  return { bytes: Buffer.concat(pictures), info };
}

async function read(source: PixelTask['sources'][number], row: number): Promise<Parameters<PictureFitter['fit']>[0]> {
  if (source.kind !== 'pixels') return reader.read(source, row, (whole) => fitter.need(whole));
  const picture = pictureOf(reader.pixels(source, row), source.shape);
  return { ...picture, data: withChannels(picture.data, picture.channels, channels), channels };
}
