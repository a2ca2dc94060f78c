// Runs in a pool of threads: the pixels of a block of pictures, for a packed file.

import { workerData } from 'node:worker_threads';
import { type Outcome, outcomeOf } from '../../errors.js';
import { serve } from '../../threads/serve.js';
import type { PictureSlice } from '../columns.js';
import type { BadRow, RemarkedRow } from '../encode.js';
import { BadPicture } from '../images/bad-picture.js';
import { withChannels } from '../images/channels.js';
import type { PictureLimits } from '../images/picture-names.js';
import { PictureReader, pictureOf } from '../images/read-picture.js';
import { type PackSize, PictureFitter } from './fit-picture.js';
import type { PackedBlock } from './pack-blocks.js';

export interface PixelWorkerData extends PictureLimits {
  size: PackSize;
  channels: number;
}

export type PixelTask = Pick<PictureSlice, 'sources' | 'places'>;

/** What is to be known of the pictures of a block beside their pixels. */
export interface PixelBlock {
  /** Height and width of each that could be decoded. */
  sizes: [height: number, width: number][];
  bad: BadRow[];
  /** Left out by blocks of earlier versions. */
  remarks?: RemarkedRow[];
}

const { size, channels, ...limits } = workerData as PixelWorkerData;
const reader = new PictureReader({ channels, ...limits });
const fitter = new PictureFitter(size, channels);

serve({ default: (task: PixelTask): Promise<Outcome<PackedBlock<PixelBlock>>> => outcomeOf(() => pack(task)) });

async function pack({ sources, places }: PixelTask): Promise<PackedBlock<PixelBlock>> {
  const pictures: Uint8Array[] = [];
  const info = { sizes: [], bad: [], remarks: [] } satisfies PixelBlock as Required<PixelBlock>;
  for (let row = 0; 2 * row < places.length; row++) {
    const source = sources[places[2 * row]!]!;
    try {
      const picture = await read(source, places[2 * row + 1]!);
      const { pixels, width, height } = fitter.fit(picture);
      pictures.push(pixels);
      info.sizes.push([height, width]);
      for (const remark of picture.remarks ?? []) info.remarks.push({ row, ...remark });
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
