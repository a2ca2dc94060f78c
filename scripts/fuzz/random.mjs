// Random choices of the fuzzer: a stream of numbers that follows from a text alone.

import { createHash } from 'node:crypto';

/** @param of what the stream follows from */
export function randomOf(of) {
  let state = createHash('sha256').update(of).digest().readUInt32LE(0);
  // mulberry32
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  /** A whole number from 0 to below `n`. */
  const below = (n) => Math.floor(next() * n);
  return { next, below, pick: (list) => list[below(list.length)], chance: (share) => next() < share };
}
