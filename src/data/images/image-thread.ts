// The thread behind an image worker: reads the pictures of one batch, decodes them as far as they are needed and writes them,
// resized, cropped and normalised, into the batch's slot in the model's layout. It gives way to the trainer's threads.
// Pictures that cannot be decoded are left out of the batch and told of; an exception means that the worker itself is broken.

import { workerData } from 'node:worker_threads';
import { serveAtLowPriority } from '../../threads/low-priority.js';
import { writeClasses } from '../collate.js';
import { ofKind } from '../columns.js';
import type { BadRow, EncodeResult, EncodeTask } from '../feeder.js';
import { keptRows } from '../samples.js';
import { Slot } from '../slots.js';
import { type Augmentation, mixStepsOf } from './augment/chain.js';
import { Rng, seedOf } from './augment/draws.js';
import { mixBatch } from './augment/mix.js';
import { Renderer } from './augment/renderer.js';
import { BadPicture } from './decode.js';
import { type ImageShape, pixelsOf, pixelTable, sameSize, writePixels } from './pixels.js';
import type { Preprocessing } from './preprocessing.js';
import { PictureReader, pictureOf } from './read-picture.js';

export interface ImageWorkerData {
  /** The model's input. */
  input: string;
  /** In which the model reads every picture. */
  shape: ImageShape;
  preprocessing: Preprocessing;
  /** Most pixels that a picture may have before it is decoded. */
  maxPixels: number;
  augmentation: Augmentation;
}

const { input, shape, preprocessing, maxPixels, augmentation } = workerData as ImageWorkerData;
const table = pixelTable(preprocessing, shape.channels);
const reader = new PictureReader({ channels: shape.channels, maxPixels });
const plain = new Renderer({ shape, preprocessing });
const augmenting = new Renderer({ shape, preprocessing, augmentation });
const mixing = mixStepsOf(augmentation);
/** Behind the numbers of the chain's steps. */
const mixStream = 1000;
serveAtLowPriority(fill);

/** Fills the slot of `task`. The rows behind the last sample repeat it with weight 0. */
async function fill(task: EncodeTask): Promise<EncodeResult> {
  const slot = new Slot(task.layout, task.buffer);
  const field = slot.layout.fields.find(({ name }) => name === input)!;
  const out = slot.data(field, 1) as Float32Array;
  const size = pixelsOf(shape);
  const kept: number[] = [];
  const bad: BadRow[] = [];
  for (let row = 0; row < task.samples.length; row++) {
    const at = kept.length * size;
    try {
      await write(task, row, out.subarray(at, at + size));
      kept.push(row);
    } catch (error) {
      const reason = (error as Error).message;
      if (!(error instanceof BadPicture)) return { failed: row, message: reason };
      bad.push({ row, reason });
    }
  }
  const last = kept.length - 1;
  if (last < 0) out.fill(0);
  else for (let b = last + 1; b < slot.layout.batchSize; b++) out.copyWithin(b * size, last * size, (last + 1) * size);
  const rows = { ...task, ...keptRows(task, kept), weights: Float32Array.from(kept, (row) => task.weights[row]!) };
  const normaliser = writeClasses(slot, 1, rows);
  if (task.augment && mixing.length > 0) mix(slot, task, kept.length);
  slot.to('filled');
  return { length: 1, tokens: 0, truncated: 0, weights: { normaliser }, ...(bad.length > 0 && { bad }) };
}

/** Blends the samples that count with each other. The draw depends on the first of them. */
function mix(slot: Slot, { seed, epoch, samples }: EncodeTask, count: number): void {
  const rows = (name: string): Float32Array => {
    const data = slot.data(slot.layout.fields.find((field) => field.name === name)!, 1) as Float32Array;
    return data.subarray(0, (data.length / slot.layout.batchSize) * count);
  };
  const batch = { count, shape, pixels: rows(input), targets: rows('labels'), weights: rows('sample_weights') };
  mixBatch(mixing, batch, new Rng(seedOf({ seed, epoch, sample: samples[0]! }), mixStream));
}

/** One finished picture. @throws BadPicture */
async function write(task: EncodeTask, row: number, out: Float32Array): Promise<void> {
  const { slices, samples, seed, epoch, augment } = task;
  const { sources, places } = ofKind(slices, 'image', 'picture')!;
  const source = sources[places[2 * row]!]!;
  const at = places[2 * row + 1]!;
  const key = { seed, epoch, sample: samples[row]! };
  const renderer = augment ? augmenting : plain;
  if (source.kind !== 'pixels') {
    const picture = await reader.read(source, at, (size) => renderer.need(size, key));
    return renderer.render(picture, key, out);
  }
  const raw = reader.pixels(source, at);
  // Of the model's size: nothing but arithmetic.
  if (sameSize(source.shape, shape) && !(augment && augmentation.length > 0)) {
    const how = { type: source.type, shape: source.shape, to: shape.layout, flip: preprocessing.flipChannels, table };
    return writePixels(raw, how, out);
  }
  renderer.render(pictureOf(raw, source.shape), key, out);
}
