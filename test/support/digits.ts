// The handwritten digits of the fixtures, 8x8 pixels each, as their files store them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import { openImageFile } from '#ortune/data/images/tensor-file.js';

export type DigitsPart = 'train' | 'test';

export const digitsFile = (part: DigitsPart): string =>
  join(import.meta.dirname, `../fixtures/digits/${part}.safetensors`);

/** `pixels`: 64 bytes for each of `rows` pictures. */
export function storedDigits(part: DigitsPart): { rows: number; pixels: Uint8Array; labels: number[] } {
  const source = openImageFile(digitsFile(part), true);
  if (source.kind !== 'pixels') throw new Error('the digits are not packed');
  const { begin, rows, labels } = source;
  const pixels = Uint8Array.from(readFileSync(digitsFile(part)).subarray(begin, begin + 64 * rows));
  return { rows, pixels, labels: [...labels!.values] };
}

export const digitsNetwork = join(import.meta.dirname, '../fixtures/digits/net.onnx');

/** Options of short runs of the network on the digits, each with an output of its own in a directory. */
export function digitsRuns(directory: string): (more?: Partial<TrainOptions>) => TrainOptions {
  let runs = 0;
  return (more = {}) => ({
    model: digitsNetwork,
    train: digitsFile('train'),
    output: join(directory, `run${runs++}`),
    epochs: 2,
    learningRate: 1e-2,
    threads: 1,
    ...more,
  });
}
