// A decoded picture on its way into a batch.

import type { Size } from './preprocessing.js';
import type { Remark } from './remarks.js';

/** A rectangle in pixels; fractions are allowed where something is read from it. */
export interface Rectangle extends Size {
  left: number;
  top: number;
}

/** Decoded pixels, uint8: rows packed, channels interleaved. */
export interface Picture extends Size {
  data: Uint8Array;
  /** As many as the model reads: 1, 3 or 4. */
  channels: number;
  /**
   * Where the pixels show but a part of the picture, or all of it at a smaller scale: which, in pixels of the whole.
   */
  part?: (Rectangle & { of: Size }) | undefined;
  /** How it differs from what might be expected. */
  remarks?: readonly Remark[] | undefined;
}

/** What a decoder may leave out: what lies outside the rectangle, and detail beyond `enough` pixels of it. */
export interface Need extends Rectangle {
  enough: Size;
}

/** What the random numbers of a sample depend on. */
export interface SampleKey {
  seed: number;
  epoch: number;
  sample: number;
}
