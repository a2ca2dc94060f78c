// How long the rows of a text model may be, and the lengths that they are padded to: what the options set, bounded by
// the positions that the model has.

export interface SequenceLengths {
  /** Most tokens of a row. */
  maxLength: number;
  /** Lengths that rows are padded to, ascending; the last is maxLength. */
  buckets: number[];
}

/** 32, 64, 128, … and `maxLength` itself, or the multiples of `multiple` where that is given. */
export function bucketsUpTo(maxLength: number, multiple?: number): number[] {
  const buckets: number[] = [];
  const first = multiple ?? 32;
  for (let length = first; length < maxLength; length = multiple ? length + multiple : length * 2) buckets.push(length);
  return [...buckets, maxLength];
}

/** `positions`: of the model; Infinity when it has no position table. */
export function sequenceLengths(
  positions: number,
  wish: { maxLength: number; buckets?: readonly number[] | undefined },
): SequenceLengths {
  const maxLength = Math.min(wish.maxLength, positions);
  const buckets = (wish.buckets ?? bucketsUpTo(maxLength)).filter((length) => length < maxLength).sort((a, b) => a - b);
  return { maxLength, buckets: [...buckets, maxLength] };
}
