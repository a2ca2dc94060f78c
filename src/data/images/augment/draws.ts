// The random numbers of one step on one sample: a function of (seed, epoch, sample) and of the step's place in the
// chain, so the same pixels come out for any number of workers, and a run that is resumed goes on with the same ones.

import { hash, uniform } from '../../../random.js';
import type { SampleKey } from '../picture.js';

// Streams of the generator that nothing else uses: one for each step of a chain.
const firstStream = 0x61756700;

/** A seed for everything that is random about a sample. */
export const seedOf = ({ seed, epoch, sample }: SampleKey): number => hash(hash(seed, firstStream, epoch), 1, sample);

export class Rng {
  readonly #seed: number;
  readonly #stream: number;
  #next = 0;

  /**
   * @param seed of the sample
   * @param step number of the step in the chain
   */
  constructor(seed: number, step: number) {
    this.#seed = seed;
    this.#stream = firstStream + 1 + step;
  }

  /** In [0, 1). */
  unit(): number {
    return uniform(this.#seed, this.#stream, this.#next++);
  }

  /** In [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.unit();
  }

  /** A whole number from 0 to count - 1. */
  below(count: number): number {
    return Math.min(count - 1, Math.floor(this.unit() * count));
  }

  /** Whether something that happens with probability p does. */
  happens(p: number): boolean {
    return this.unit() < p;
  }
}
