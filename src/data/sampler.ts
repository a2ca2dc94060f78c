// Which samples make up which batch: a pure function of (seed, epoch), so that resuming at any batch and any number of
// workers give the same batches. Texts of similar length share a batch, which saves padding: the shuffled samples are
// taken in groups of 50 batches, sorted by length within the group, and the group's batches are shuffled again.

import { hash } from '../random.js';

export interface PlanOptions {
  /** Length of every sample in any unit; only their order matters. */
  lengths: ArrayLike<number>;
  batchSize: number;
  seed: number;
  epoch: number;
  /** false: batches follow the file (evaluation). Default true. */
  shuffle?: boolean | undefined;
  /** Default true. */
  groupByLength?: boolean | undefined;
}

export interface EpochPlan {
  readonly samples: number;
  readonly batches: number;
  /** The indices of batch `index`; only the last batch may be short. */
  batch(index: number): Uint32Array;
}

const groupBatches = 50;

/** The batches of one epoch. Every sample comes once. */
export function planEpoch(options: PlanOptions): EpochPlan {
  const { lengths, batchSize, seed, epoch, shuffle = true, groupByLength = true } = options;
  const samples = lengths.length;
  const order = Uint32Array.from({ length: samples }, (_, i) => i);
  if (shuffle) shuffleInPlace(order, seed, 2 * epoch);
  const groupSize = groupBatches * batchSize;
  let cached = -1;
  let group: Uint32Array[] = [];

  const groupAt = (index: number): Uint32Array[] => {
    const members = order.slice(index * groupSize, (index + 1) * groupSize);
    if (groupByLength) members.sort((a, b) => lengths[b]! - lengths[a]! || a - b);
    const count = Math.ceil(members.length / batchSize);
    const whole = Uint32Array.from({ length: Math.floor(members.length / batchSize) }, (_, i) => i);
    if (shuffle && groupByLength) shuffleInPlace(whole, hash(seed, 2 * epoch + 1, index), index);
    return Array.from({ length: count }, (_, i) => {
      const at = (whole[i] ?? i) * batchSize;
      return members.slice(at, at + batchSize);
    });
  };
  return {
    samples,
    batches: Math.ceil(samples / batchSize),
    batch(index) {
      const number = Math.floor(index / groupBatches);
      if (number !== cached) {
        group = groupAt(number);
        cached = number;
      }
      return group[index % groupBatches]!;
    },
  };
}

/** Fisher and Yates' shuffle with hashed indices. */
function shuffleInPlace(values: Uint32Array, seed: number, stream: number): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor((hash(seed, stream, i) / 2 ** 32) * (i + 1));
    const swap = values[i]!;
    values[i] = values[j]!;
    values[j] = swap;
  }
}
