// Pictures of a batch as numbers in its slot: read, decoded as far as they are needed, and written resized, cropped and
// normalised in the model's layout. Pictures that cannot be decoded are left out of the batch and reported with it.

import type { PictureSlice } from '../columns.js';
import {
  type BadRow,
  type EncodeRequest,
  type Encoder,
  keptSlices,
  type RemarkedRow,
  SampleError,
  writeLabels,
} from '../encode.js';
import type { Slot } from '../slots.js';
import { type Augmentation, mixStepsOf } from './augment/chain.js';
import { Rng, seedOf } from './augment/draws.js';
import { mixBatch } from './augment/mix.js';
import { Renderer } from './augment/renderer.js';
import { BadPicture } from './bad-picture.js';
import type { PictureLimits } from './picture-names.js';
import { type ImageShape, pixelsOf, pixelTable, sameSize, writePixels } from './pixels.js';
import type { Preprocessing } from './preprocessing.js';
import { PictureReader, pictureOf } from './read-picture.js';
import type { Remark } from './remarks.js';

/** What a picture's numbers follow from; JSON. */
export interface ImageEncoding extends PictureLimits {
  /** The model's input. */
  input: string;
  /** In which the model reads every picture. */
  shape: ImageShape;
  preprocessing: Preprocessing;
  augmentation: Augmentation;
}

/** Behind the numbers of the chain's steps. */
const mixStream = 1000;

/** Reads the column 'image', and the labels and weights of classification. */
export function imageEncoder({ input, shape, preprocessing, augmentation, ...limits }: ImageEncoding): Encoder {
  const table = pixelTable(preprocessing, shape.channels);
  const reader = new PictureReader({ channels: shape.channels, ...limits });
  const plain = new Renderer({ shape, preprocessing });
  const augmenting = new Renderer({ shape, preprocessing, augmentation });
  const mixing = mixStepsOf(augmentation);
  const size = pixelsOf(shape);

  /** Blends the samples that count with each other. The draw depends on the first of them. */
  const mix = (slot: Slot, { seed, epoch, samples }: EncodeRequest, count: number): void => {
    const rows = (name: string): Float32Array => {
      const data = slot.field(name) as Float32Array;
      return data.subarray(0, (data.length / slot.batchSize) * count);
    };
    const batch = { count, shape, pixels: rows(input), targets: rows('labels'), weights: rows('sample_weights') };
    mixBatch(mixing, batch, new Rng(seedOf({ seed, epoch, sample: samples[0]! }), mixStream));
  };

  /** Writes one finished picture; what is to be known of it. @throws BadPicture */
  const write = async (request: EncodeRequest, row: number, out: Float32Array): Promise<readonly Remark[]> => {
    const { samples, seed, epoch, augment } = request;
    const { sources, places } = request.slices.image as PictureSlice;
    const source = sources[places[2 * row]!]!;
    const at = places[2 * row + 1]!;
    const key = { seed, epoch, sample: samples[row]! };
    const renderer = augment ? augmenting : plain;
    if (source.kind !== 'pixels') {
      const picture = await reader.read(source, at, (whole) => renderer.need(whole, key));
      renderer.render(picture, key, out);
      return picture.remarks ?? [];
    }
    const raw = reader.pixels(source, at);
    // Of the model's size: nothing but arithmetic.
    if (sameSize(source.shape, shape) && !(augment && augmentation.length > 0)) {
      const how = { type: source.type, shape: source.shape, to: shape.layout, flip: preprocessing.flipChannels, table };
      writePixels(raw, how, out);
      return [];
    }
    renderer.render(pictureOf(raw, source.shape), key, out);
    return [];
  };

  return async (request, slot) => {
    const out = slot.field(input) as Float32Array;
    const kept: number[] = [];
    const bad: BadRow[] = [];
    const remarks: RemarkedRow[] = [];
    for (let row = 0; row < request.samples.length; row++) {
      const at = kept.length * size;
      try {
        const said = await write(request, row, out.subarray(at, at + size));
        for (const remark of said) remarks.push({ row, ...remark });
        kept.push(row);
      } catch (error) {
        const reason = (error as Error).message;
        if (!(error instanceof BadPicture)) throw new SampleError(row, `the picture cannot be read: ${reason}`);
        bad.push({ row, reason });
      }
    }
    const last = kept.length - 1;
    if (last < 0) out.fill(0);
    else for (let b = last + 1; b < slot.batchSize; b++) out.copyWithin(b * size, last * size, (last + 1) * size);
    const slices = bad.length > 0 ? keptSlices(request.slices, kept) : request.slices;
    const weights = bad.length > 0 ? Float32Array.from(kept, (row) => request.weights[row]!) : request.weights;
    const normaliser = writeLabels(slot, { slices, weights });
    if (request.augment && mixing.length > 0) mix(slot, request, kept.length);
    const told = { ...(bad.length > 0 && { bad }), ...(remarks.length > 0 && { remarks }) };
    return { axes: {}, tokens: 0, truncated: 0, weights: { normaliser }, ...told };
  };
}
