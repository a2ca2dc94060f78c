// How long the rows of a text model may be: the wish of the user, bounded by the positions the model has.

import { bucketsUpTo } from './text-feeder.js';

export interface TextShape {
  /** Holds the tokenizer. */
  directory: string;
  /** Most tokens of a row. */
  maxLength: number;
  /** Lengths that rows are padded to, ascending; the last is maxLength. */
  buckets: number[];
}

/** `positions`: of the model; Infinity when it has no position table. */
export function textShape(
  directory: string,
  positions: number,
  wish: { maxLength: number; buckets?: readonly number[] | undefined },
): TextShape {
  const maxLength = Math.min(wish.maxLength, positions);
  const buckets = (wish.buckets ?? bucketsUpTo(maxLength)).filter((length) => length < maxLength).sort((a, b) => a - b);
  return { directory, maxLength, buckets: [...buckets, maxLength] };
}
