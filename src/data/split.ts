// Holds a share of the training data out to evaluate on: the same share of every class, chosen by the hash of each
// record's number, so the choice is a function of (seed, record) within its class and does not change the order.

import { hash } from '../random.js';

/** The two parts as ascending record numbers. */
export interface SplitIndices {
  train: Uint32Array;
  eval: Uint32Array;
}

// A stream of the generator that neither shuffling nor drawing uses.
const splitStream = 0x7fffffff;

/**
 * Of a class with n records, round(share * n) are held out, but never all.
 * @param labels class of every one of `count` records
 * @param share between 0 and 1
 */
export function stratifiedSplit(
  labels: ArrayLike<number>,
  count: number,
  classes: number,
  share: number,
  seed: number,
): SplitIndices {
  const heldOut = new Uint8Array(count);
  const counts = new Uint32Array(classes);
  for (let i = 0; i < count; i++) counts[labels[i]!]!++;
  const members = Array.from(counts, (count) => new Uint32Array(count));
  const filled = new Uint32Array(classes);
  for (let i = 0; i < count; i++) {
    const label = labels[i]!;
    members[label]![filled[label]!++] = i;
  }
  for (const records of members) {
    const wanted = Math.min(Math.round(share * records.length), records.length - 1);
    for (const record of lowest(records, wanted, seed)) heldOut[record] = 1;
  }
  return { train: indicesOf(heldOut, 0), eval: indicesOf(heldOut, 1) };
}

/** The `wanted` records with the lowest hashes; of equal ones, the first. */
function lowest(records: Uint32Array, wanted: number, seed: number): number[] {
  if (wanted <= 0) return [];
  const hashes = records.map((record) => hash(seed, splitStream, record));
  const last = hashes.slice().sort()[wanted - 1]!;
  const chosen: number[] = [];
  const ties: number[] = [];
  for (const [i, record] of records.entries()) {
    if (hashes[i]! < last) chosen.push(record);
    else if (hashes[i] === last) ties.push(record);
  }
  return [...chosen, ...ties.slice(0, wanted - chosen.length)];
}

function indicesOf(flags: Uint8Array, flag: number): Uint32Array {
  const indices = new Uint32Array(flags.reduce((count, value) => count + (value === flag ? 1 : 0), 0));
  for (let i = 0, at = 0; i < flags.length; i++) if (flags[i] === flag) indices[at++] = i;
  return indices;
}
