// Token ids in place of texts: what a packed file of them was made with, and how a row of them lies in the shared
// memory of a text table: int32 numbers, the ids first and behind them three more, whether the text was cut and from
// where to where its tokens are of the second type. So a table of tokens is one of texts in every other respect.

import { DataError } from '../../errors.js';
import type { Encoded } from '../tokenizer/encoded.js';
import { tokenizerHash } from '../tokenizer/files.js';

export interface TokenOrigin {
  /** SHA-256 of the tokenizer's files. */
  tokenizer: string;
  /** Most tokens of a row. */
  maxLength: number;
}

/** Bytes behind the ids of a row. */
export const tailBytes = 12;

/** @throws DataError for tokens that another tokenizer made, or that were cut to another length */
export function refuseOtherTokens(
  { tokenizer, maxLength }: TokenOrigin,
  files: readonly string[],
  model: { directory: string; maxLength: number },
): void {
  const name = files.join(', ');
  if (tokenizer !== tokenizerHash(model.directory))
    throw new DataError(
      `${name}: packed with another tokenizer than that of ${model.directory}; pack the texts for this model`,
    );
  if (maxLength !== model.maxLength)
    throw new DataError(
      `${name}: packed with maxLength ${maxLength}, and the model is to read ${model.maxLength} tokens: ` +
        `set maxLength ${maxLength} where the model has as many positions, or pack the texts again`,
    );
}

/** From where to where the tokens are of the second type. @throws Error for types that are no such run */
export function secondOf(types: readonly number[]): [from: number, to: number] {
  const from = types.indexOf(1);
  const to = types.lastIndexOf(1) + 1;
  if (types.some((type, i) => type !== (i >= from && i < to ? 1 : 0)))
    throw new Error('its tokens are of more types than two, or of both in turn, which a packed file does not hold');
  return from < 0 ? [0, 0] : [from, to];
}

/** What is wrong with packed ids, which a file states and no tokenizer has made: one that the model has no row for. */
export function idProblem(ids: readonly number[], embeddingRows = Number.POSITIVE_INFINITY): string | undefined {
  const id = ids.find((one) => one < 0 || one >= embeddingRows);
  if (id === undefined) return undefined;
  const rows =
    embeddingRows === Number.POSITIVE_INFINITY ? '' : `, and the model's embedding has ${embeddingRows} rows`;
  return `the packed token ${id} is no token of the model${rows}: pack the texts again`;
}

/** The row whose bytes these are. */
export function encodedOf(bytes: Uint8Array): Encoded {
  const count = (bytes.length - tailBytes) / 4;
  const numbers = new Int32Array(bytes.buffer, bytes.byteOffset, count + 3);
  const [truncated, from, to] = numbers.subarray(count) as unknown as [number, number, number];
  return {
    ids: Array.from(numbers.subarray(0, count)),
    types: Array.from({ length: count }, (_, i) => Number(i >= from && i < to)),
    truncated: truncated === 1,
  };
}
