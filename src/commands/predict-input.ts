// What a program wants predicted, checked before anything reads it: a wrong row is named by its number.

import { checkTexts, isObject, kindOfValue, unknownKey } from '../arguments.js';
import type { GivenImages } from '../data/images/tensors.js';
import { isGivenImages } from '../data/images/tensors.js';
import { type DataTensors, isDataTensors } from '../data/memory/tensors.js';
import type { TextInput } from '../data/samples.js';
import { UsageError } from '../errors.js';

/** A picture by the bytes of its file, or its path, under the name of the column; what else the row has is not read. */
export type PictureRow = { readonly [column: string]: unknown };

/**
 * Texts; rows with pictures; pictures or named tensors in memory; or paths and globs of files, in any form that the
 * task's data have.
 */
export type PredictInput =
  | readonly TextInput[]
  | readonly PictureRow[]
  | GivenImages
  | DataTensors
  | { files: readonly string[] };

const forms = 'a list of texts, or of rows with pictures, { files }, { images }, { pixels, shape } or { tensors }';

/**
 * @param image the column of pictures, of a model that reads them
 * @throws UsageError for what is none of the forms, with the row or the file
 */
export function checkInput(input: unknown, image?: string): asserts input is PredictInput {
  if (image !== undefined && isPictureRows(input, image)) return;
  if (Array.isArray(input)) {
    for (const [row, text] of input.entries()) checkText(text, row);
    return;
  }
  if (typeof input === 'string')
    throw new UsageError(`predict: the input must be ${forms}, found one text; put it in a list: [text]`);
  if (!isObject(input)) throw new UsageError(`predict: the input must be ${forms}, found ${kindOfValue(input)}`);
  if (isGivenImages(input) || isDataTensors(input)) return;
  if (!('files' in input)) {
    const keys = Object.keys(input).map((key) => `'${key}'`);
    throw new UsageError(
      `predict: the input must be ${forms}, found ${kindOfValue(input)}${keys.length > 0 ? ` with ${keys.slice(0, 5).join(', ')}` : ''}`,
    );
  }
  checkTexts(input.files, 'predict: files');
}

function checkText(value: unknown, row: number): asserts value is TextInput {
  if (typeof value === 'string') return;
  const what = `predict: row ${row}`;
  if (Array.isArray(value))
    throw new UsageError(`${what} must be a text or { text, pair }, found a list; write pairs as { text: …, pair: … }`);
  if (!isObject(value)) throw new UsageError(`${what} must be a text or { text, pair }, found ${kindOfValue(value)}`);
  const { text, pair } = value as { text?: unknown; pair?: unknown };
  if (typeof text !== 'string') throw new UsageError(`${what}: text must be a text, found ${kindOfValue(text)}`);
  if (pair !== undefined && typeof pair !== 'string')
    throw new UsageError(
      `${what}: pair must be a text, found ${kindOfValue(pair)}; leave it out where there is only one text`,
    );
  const other = Object.keys(value).find((key) => key !== 'text' && key !== 'pair');
  if (other !== undefined) throw unknownKey(what, other, ['text', 'pair']);
}

/** Whether it is a list of rows with a column of pictures. */
export const isPictureRows = (input: unknown, image: string): input is readonly PictureRow[] =>
  Array.isArray(input) && isObject(input[0]) && Object.hasOwn(input[0], image);

/** The pictures of rows. @throws UsageError for a row without one */
export function picturesOf(rows: readonly PictureRow[], image: string): GivenImages {
  const images = Array.from(rows, (row, i) => {
    if (isObject(row) && Object.hasOwn(row, image)) return row[image];
    throw new UsageError(`predict: row ${i} has no ${image}, found ${kindOfValue(row)}`);
  });
  return { images: images as Uint8Array[] };
}
