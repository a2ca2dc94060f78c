// Pictures of the goldens of augmentation, and what a program makes of one.

import type { Program } from '#ortune/data/images/augment/program.js';
import { addon } from '#ortune/runtime/native.js';

export interface StoredPicture {
  size: [height: number, width: number, channels: number];
  /** base64 */
  pixels: string;
}

export const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));

/** The numbers that a program makes of pixels where nothing is normalised, [height, width, channels]. */
export function run(program: Program, size: StoredPicture['size'], pixels: Uint8Array): Float32Array {
  const { height, width } = program.size;
  const channels = size[2];
  const out = new Float32Array(height * width * channels);
  const same = Float32Array.from({ length: 2 * channels }, (_, i) => (i < channels ? 1 : 0));
  addon().renderPicture(pixels, size, program.finish(), same, 2, out, [height, width]);
  return out;
}

/** Largest difference. */
export const worst = (found: Float32Array, expected: Uint8Array): number =>
  found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
