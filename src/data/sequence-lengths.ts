// How long the rows of a text model may be, and the lengths that they are padded to: what the options set, bounded by
// the positions that the model has, or the one length that its file takes.

export interface SequenceLengths {
  /** Most tokens of a row. */
  maxLength: number;
  /** Lengths that rows are padded to, ascending; the last is maxLength, or the one length that the model takes. */
  buckets: number[];
}

/** 32, 64, 128, … and `maxLength` itself, or the multiples of `multiple` where that is given. */
export function bucketsUpTo(maxLength: number, multiple?: number): number[] {
  const buckets: number[] = [];
  const first = multiple ?? 32;
  for (let length = first; length < maxLength; length = multiple ? length + multiple : length * 2) buckets.push(length);
  return [...buckets, maxLength];
}

/**
 * @param model `positions`: Infinity when it has no position table; `fixed`: the one length that its file takes
 */
export function sequenceLengths(
  { positions, fixed }: { positions: number; fixed?: number | undefined },
  wish: { maxLength: number; buckets?: readonly number[] | undefined },
): SequenceLengths {
  const maxLength = Math.min(wish.maxLength, positions, fixed ?? Number.POSITIVE_INFINITY);
  if (fixed !== undefined) return { maxLength, buckets: [fixed] };
  const buckets = (wish.buckets ?? bucketsUpTo(maxLength)).filter((length) => length < maxLength).sort((a, b) => a - b);
  return { maxLength, buckets: [...buckets, maxLength] };
}
