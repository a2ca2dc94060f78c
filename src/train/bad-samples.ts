// Samples that cannot be used, such as pictures that cannot be decoded: each is left out of its batch, counted once
// however often it comes, and reported. Too many end the run, since then something else is wrong.

import type { BadSample } from '../data/loader.js';
import { DataError } from '../errors.js';

/** A sample that was left out, and why. */
export type SkippedSample = Omit<BadSample, 'sample'>;

/** Where the options do not say: so many, or one in a hundred where that is more. */
const leastAllowed = 10;

export class BadSamples {
  readonly #known = new Map<string, SkippedSample>();
  readonly #most: number;
  readonly #report: (sample: SkippedSample) => void;

  /** @param samples how many there are; `known`: those of the run that is resumed, which are not reported again */
  constructor(
    {
      samples,
      maxBadSamples,
      known = [],
    }: { samples: number; maxBadSamples?: number | undefined; known?: readonly SkippedSample[] },
    report: (sample: SkippedSample) => void,
  ) {
    // All of them is too many in any case.
    this.#most = maxBadSamples ?? Math.min(Math.max(leastAllowed, Math.floor(samples / 100)), samples - 1);
    this.#report = report;
    for (const sample of known) this.#known.set(sample.place, sample);
  }

  get all(): readonly SkippedSample[] {
    return [...this.#known.values()];
  }

  /** @throws DataError when there are more than are allowed */
  add({ place, reason }: SkippedSample): void {
    if (this.#known.has(place)) return;
    this.#known.set(place, { place, reason });
    this.#report({ place, reason });
    if (this.#known.size <= this.#most) return;
    const last = this.all.slice(-3).map((sample) => `\n  ${sample.place}: ${sample.reason}`);
    throw new DataError(
      `${this.#known.size} samples cannot be used, maxBadSamples allows ${this.#most}. The last ones:${last.join('')}\n` +
        'Repair or remove them, or raise maxBadSamples to train without them',
    );
  }
}
