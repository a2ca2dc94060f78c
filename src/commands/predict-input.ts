// What a program wants predicted, checked before anything reads it: a wrong row is named by its number.

import { checkTexts, isObject, kindOfValue, unknownKey } from '../arguments.js';
import type { GivenImages } from '../data/images/tensors.js';
import { isGivenImages } from '../data/images/tensors.js';
import { type DataTensors, isDataTensors } from '../data/memory/tensors.js';
import type { TextInput } from '../data/samples.js';
import { UsageError } from '../errors.js';

/** Texts; pictures or named tensors in memory; or paths and globs of files, in any form that the task's data have. */
export type PredictInput = readonly TextInput[] | GivenImages | DataTensors | { files: readonly string[] };

const forms = 'a list of texts, { files }, { images }, { pixels, shape } or { tensors }';

/** @throws UsageError for what is none of the forms, with the row or the file */
export function checkInput(input: unknown): asserts input is PredictInput {
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
