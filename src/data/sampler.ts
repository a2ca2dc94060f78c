// Which samples make up which batch: a pure function of (seed, epoch), so that resuming at any batch and any number of
// workers give the same batches. The order of an epoch is one list whose consecutive slices are the batches. Texts of
// similar length share a batch, which saves padding: the order is taken in groups of 50 batches, sorted by length
// within the group, and the group's batches are shuffled again.

import { hash } from '../random.js';
import { keepApart } from './apart.js';
import type { Spans } from './columns.js';
import { keepTogether } from './together.js';

/**
 * shuffle: every sample once; sequential: every sample once, as they come. With replacement, as many as there are
 * samples: balanced gives every class the same number of places, weighted draws each sample with its weight's odds.
 */
export type Sampling = 'shuffle' | 'sequential' | 'balanced' | 'weighted';

export interface OrderOptions {
  /** Samples there are; default: as many as `lengths`. */
  count?: number | undefined;
  /** Length of every sample in any unit; only their order matters. Without, samples are not grouped. */
  lengths?: ArrayLike<number> | undefined;
  batchSize: number;
  seed: number;
  epoch: number;
  /** Default shuffle. */
  sampling?: Sampling | undefined;
  /** Default true. */
  groupByLength?: boolean | undefined;
  /** Class of every sample, for balanced; default: one class. */
  labels?: ArrayLike<number> | undefined;
  /** Weight of every sample, for weighted; their sum must be above 0. */
  weights?: ArrayLike<number> | undefined;
  /** Columns of texts; samples that have one in common are kept out of each other's batch, for shuffle. */
  apart?: readonly Spans[] | undefined;
  /** Classes of which samples come two by two into a batch, where each sample is there once. */
  together?: Spans | undefined;
}

/** Batches that are sorted by length together. */
export const groupBatches = 50;

/**
 * The samples of one epoch in order, in shared memory; batch i is the i-th run of `batchSize`, the last may be short.
 */
export function epochOrder(options: OrderOptions): Uint32Array {
  const order = grouped(options);
  const { apart, together, batchSize, sampling = 'shuffle' } = options;
  if (apart && sampling === 'shuffle') keepApart(order, apart, batchSize);
  if (together && drawsOnce(sampling)) keepTogether(order, together, batchSize);
  return order;
}

/** Whether every sample is there once. */
export const drawsOnce = (sampling: Sampling): boolean => sampling === 'shuffle' || sampling === 'sequential';

/** Samples of like length in a batch. */
function grouped(options: OrderOptions): Uint32Array {
  const { lengths, batchSize, seed, epoch, sampling = 'shuffle', groupByLength = true } = options;
  const order = drawn(options);
  if (!groupByLength || !lengths) return order;
  const groupSize = groupBatches * batchSize;
  for (let group = 0; group * groupSize < order.length; group++) {
    const members = order.slice(group * groupSize, (group + 1) * groupSize);
    members.sort((a, b) => lengths[b]! - lengths[a]! || a - b);
    // The short batch, if there is one, stays the last.
    const whole = Uint32Array.from({ length: Math.floor(members.length / batchSize) }, (_, i) => i);
    if (sampling !== 'sequential') shuffleInPlace(whole, hash(seed, 2 * epoch + 1, group), group);
    for (const [i, batch] of whole.entries())
      order.set(members.subarray(batch * batchSize, (batch + 1) * batchSize), group * groupSize + i * batchSize);
    const rest = whole.length * batchSize;
    order.set(members.subarray(rest), group * groupSize + rest);
  }
  return order;
}

/** The samples before they are grouped by length. */
function drawn(options: OrderOptions): Uint32Array {
  const { lengths, count = lengths?.length ?? 0, seed, epoch, sampling = 'shuffle', labels, weights } = options;
  const order = new Uint32Array(new SharedArrayBuffer(4 * count));
  if (sampling === 'balanced') drawByClass(order, labels ?? new Int32Array(count), seed, epoch);
  else if (sampling === 'weighted') drawByWeight(order, weights!, seed, epoch);
  else for (let i = 0; i < order.length; i++) order[i] = i;
  if (sampling === 'shuffle' || sampling === 'balanced') shuffleInPlace(order, seed, 2 * epoch);
  return order;
}

// Streams of the generator beside those of the shuffles (2 * epoch and 2 * epoch + 1), which stay below 2 ** 31.
const drawStream = 0x80000000;

/** In [0, 1) with 53 bits: 32 would favour some of a few million samples. */
function fraction(seed: number, epoch: number, i: number): number {
  const high = hash(seed, drawStream + 2 * epoch, i);
  const low = hash(seed, drawStream + 2 * epoch + 1, i);
  return (high * 2 ** 21 + (low >>> 11)) / 2 ** 53;
}

function drawByClass(order: Uint32Array, labels: ArrayLike<number>, seed: number, epoch: number): void {
  const members = new Map<number, number[]>();
  for (let i = 0; i < order.length; i++) {
    const list = members.get(labels[i]!);
    if (list) list.push(i);
    else members.set(labels[i]!, [i]);
  }
  const classes = [...members].sort(([a], [b]) => a - b).map(([, list]) => list);
  for (let i = 0; i < order.length; i++) {
    const list = classes[i % classes.length]!;
    order[i] = list[Math.floor(fraction(seed, epoch, i) * list.length)]!;
  }
}

/** Inverts the cumulative weights by bisection. */
function drawByWeight(order: Uint32Array, weights: ArrayLike<number>, seed: number, epoch: number): void {
  const upTo = new Float64Array(order.length);
  let sum = 0;
  for (let i = 0; i < order.length; i++) {
    sum += weights[i]!;
    upTo[i] = sum;
  }
  for (let i = 0; i < order.length; i++) {
    const wanted = fraction(seed, epoch, i) * sum;
    let [low, high] = [0, order.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    order[i] = low;
  }
}

/** Fisher and Yates' shuffle with hashed indices. */
export function shuffleInPlace(values: Uint32Array, seed: number, stream: number): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor((hash(seed, stream, i) / 2 ** 32) * (i + 1));
    const swap = values[i]!;
    values[i] = values[j]!;
    values[j] = swap;
  }
}
