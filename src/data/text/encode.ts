// Texts of a batch as token ids in its slot: tokenised, cut, padded to the smallest bucket that holds the longest. What
// a task's loss reads beside the model's inputs is the task's to write.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelError, UsageError } from '../../errors.js';
import type { DataType } from '../../onnx/dtype.js';
import { bytesAt, type Slices, type TextSlice, textAt } from '../columns.js';
import { type EncodeRequest, SampleError, writerOf } from '../encode.js';
import { encodedOf } from '../pack/tokens.js';
import { type Axis, type AxisLengths, bucketFor, type Field, type Slot, withFollowers } from '../slots.js';
import { type Encoded, type MaskVocabulary, TextTokenizer } from '../tokenize.js';

/** What tokenising follows from; JSON. */
export interface TextEncoding {
  /** Holds tokenizer.json and, where there is one, tokenizer_config.json. */
  directory: string;
  /** Most tokens of a row. */
  maxLength: number;
}

/** Axis of the tokens of a row. */
export const tokenAxis = 'tokens';

const textInputs = ['input_ids', 'attention_mask', 'token_type_ids'];

/** @throws ModelError for a directory without a tokenizer */
export function requireTokenizer(directory: string): void {
  const file = join(directory, 'tokenizer.json');
  if (!existsSync(file)) throw new ModelError(`no ${file}: texts need the model's tokenizer.json beside config.json`);
}

/** Fields of a model's inputs, [batch, tokens] each. @throws UsageError for an input that text cannot feed */
export function tokenFields(inputs: readonly { name: string; dtype: DataType }[]): Field[] {
  for (const { name, dtype } of inputs) {
    if (!textInputs.includes(name))
      throw new UsageError(`model input '${name}' cannot be fed from text; known inputs are ${textInputs.join(', ')}`);
    if (dtype !== 'int64' && dtype !== 'int32')
      throw new UsageError(`model input '${name}' must be int64 or int32 to be fed from text, found ${dtype}`);
  }
  return inputs.map(({ name, dtype }) => ({ name, dtype, shape: ['batch', tokenAxis] }));
}

export const tokenAxes = (buckets: readonly number[]): Record<string, Axis> => ({ [tokenAxis]: { buckets } });

/** The tokenizer of a model directory. @throws ModelError where its files cannot be used */
export function openTokenizer({ directory, maxLength }: TextEncoding): TextTokenizer {
  const [file, config] = [join(directory, 'tokenizer.json'), join(directory, 'tokenizer_config.json')];
  const json = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, 'utf8'));
  try {
    return new TextTokenizer(json(file), existsSync(config) ? json(config) : {}, maxLength);
  } catch (error) {
    throw new ModelError(`${file} cannot be used: ${(error as Error).message}`);
  }
}

/** @throws ModelError where the tokenizer names no mask token, or marks no words and whole ones are to be masked */
export function maskVocabulary(
  tokenizer: TextTokenizer,
  { directory }: TextEncoding,
  { wholeWords }: { wholeWords: boolean },
): MaskVocabulary {
  try {
    return tokenizer.maskVocabulary(wholeWords);
  } catch (error) {
    throw new ModelError(`${join(directory, 'tokenizer.json')} cannot be used: ${(error as Error).message}`);
  }
}

/**
 * Tokens of each sample: of its text and pair, or as they were packed.
 * @param partners for each row the row whose second text it gets; default its own
 * @throws SampleError for a text that has no tokens
 */
export function encodeTexts(
  tokenizer: TextTokenizer,
  { samples, slices }: Pick<EncodeRequest, 'samples' | 'slices'>,
  partners?: readonly number[],
): Encoded[] {
  return Array.from(samples, (_, row) => {
    try {
      return encodeText(tokenizer, slices, row, partners?.[row] ?? row);
    } catch (error) {
      throw new SampleError(row, `the text cannot be tokenised: ${(error as Error).message}`);
    }
  });
}

function encodeText(tokenizer: TextTokenizer, { text, pair }: Slices, row: number, partner: number): Encoded {
  if (text!.kind === 'tokens') return encodedOf(bytesAt(text!, row));
  const second = pair ? textAt(pair as TextSlice, partner) : '';
  return tokenizer.encode(textAt(text as TextSlice, row), second);
}

/** The axes' lengths for these rows, and counts of their tokens. */
export function measureTexts(slot: Slot, rows: readonly Encoded[]) {
  const longest = Math.max(...rows.map(({ ids }) => ids.length));
  const tokens = bucketFor(slot.layout.axes[tokenAxis]!, longest);
  return {
    axes: withFollowers(slot.layout, { [tokenAxis]: tokens }),
    tokens: rows.reduce((sum, { ids }) => sum + ids.length, 0),
    truncated: rows.filter((row) => row.truncated).length,
  };
}

/** First place of a row's tokens within the batch's. */
export const startOf = (row: number, length: number, { ids }: Encoded, padLeft: boolean): number =>
  row * length + (padLeft ? length - ids.length : 0);

/** Writes the model's inputs. The rows behind the last sample repeat it. */
export function writeTokens(
  slot: Slot,
  axes: AxisLengths,
  rows: readonly Encoded[],
  { padId, padLeft }: Pick<TextTokenizer, 'padId' | 'padLeft'>,
): void {
  const [last, length] = [rows.length - 1, axes[tokenAxis]!];
  for (const name of textInputs) {
    const out = writerOf(slot, name, axes);
    if (!out) continue;
    for (let b = 0; b < slot.batchSize; b++) {
      const row = rows[Math.min(b, last)]!;
      const start = startOf(b, length, row, padLeft);
      out.fill(name === 'input_ids' ? padId : 0, b * length, (b + 1) * length);
      if (name === 'attention_mask') out.fill(1, start, start + row.ids.length);
      else for (const [i, id] of (name === 'input_ids' ? row.ids : row.types).entries()) out.set(start + i, id);
    }
  }
}
