// The thread behind an image worker: reads the pixels of one batch by byte range, rescales and normalises them and writes
// them into the batch's slot, in the model's layout. It gives way to the trainer's threads.
// Bad samples come back as a value with their row; an exception here means that the worker itself is broken.

import { openSync, readSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { serveQuietly } from '../../threads/quiet.js';
import { writeClasses } from '../collate.js';
import type { FillResult, FillTask } from '../feeder.js';
import { Slot } from '../slots.js';
import type { ImageRows } from './image-dataset.js';
import { type Layout, pixelsOf, pixelTable, writePixels } from './pixels.js';
import type { Preprocessing } from './preprocessing.js';
import { bytesOf, type PixelSource } from './tensor-file.js';

export interface ImageWorkerData {
  /** The model's input. */
  input: string;
  channels: number;
  /** In which the model reads. */
  layout: Layout;
  preprocessing: Preprocessing;
}

export type ImageTask = FillTask & Pick<ImageRows, 'sources' | 'shape' | 'places'>;

const { input, channels, layout, preprocessing } = workerData as ImageWorkerData;
const table = pixelTable(preprocessing, channels);
const files = new Map<string, number>();
let scratch = new Uint8Array(0);
serveQuietly(fill);

/** Fills the slot of `task`. The rows behind the last sample repeat it with weight 0. */
function fill(task: ImageTask): FillResult {
  const { shape, places, samples } = task;
  const slot = new Slot(task.layout, task.buffer);
  const field = slot.layout.fields.find(({ name }) => name === input)!;
  const out = slot.data(field, 1) as Float32Array;
  const size = pixelsOf(shape);
  const last = samples.length - 1;
  for (let b = 0; b <= last; b++) {
    const source = task.sources[places[2 * b]!]!;
    try {
      const raw = bytesAt(source, places[2 * b + 1]!, bytesOf(source, shape));
      const how = { type: source.type, shape, to: layout, flip: preprocessing.flipChannels, table };
      writePixels(raw, how, out.subarray(b * size, (b + 1) * size));
    } catch (error) {
      return { failed: b, message: (error as Error).message };
    }
  }
  for (let b = last + 1; b < slot.layout.batchSize; b++) out.copyWithin(b * size, last * size, (last + 1) * size);
  const normaliser = writeClasses(slot, 1, task);
  slot.to('filled');
  return { length: 1, tokens: 0, truncated: 0, weights: { normaliser } };
}

/** The bytes of one picture; valid until the next call. */
function bytesAt({ name, begin, memory }: PixelSource, row: number, bytes: number): Uint8Array {
  if (memory) return new Uint8Array(memory, begin + row * bytes, bytes);
  const file = files.get(name) ?? openSync(name, 'r');
  files.set(name, file);
  if (scratch.length < bytes) scratch = new Uint8Array(bytes);
  for (let done = 0; done < bytes; ) {
    const read = readSync(file, scratch, done, bytes - done, begin + row * bytes + done);
    if (read === 0) throw new Error('the file ends before its pixels do; it has been cut since the run began');
    done += read;
  }
  return scratch.subarray(0, bytes);
}
