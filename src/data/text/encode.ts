// Texts of a batch as token ids in its slot: tokenised, cut, padded to the smallest bucket that holds the longest. What
// a task's loss reads beside the model's inputs is the task's to write.

import { UsageError } from '../../errors.js';
import type { DataType } from '../../onnx/dtype.js';
import { quote } from '../../quote.js';
import { bytesAt, type TextSlice, textAt } from '../columns.js';
import { type BadRow, type EncodeRequest, keptSlices, SampleError, writerOf } from '../encode.js';
import { encodedOf, idProblem } from '../pack/tokens.js';
import { type Axis, type AxisLengths, bucketFor, type Field, type Slot, withFollowers } from '../slots.js';
import type { Encoded, MaskVocabulary, Window } from '../tokenizer/encoded.js';
import { TokenizerEnded, TokenizerProcess } from '../tokenizer/process.js';
import type { EncodedWords, Failed, TextEncoding } from '../tokenizer/protocol.js';
import { partOf, windowSource } from './windows.js';

export type { TextEncoding };

/** Axis of the tokens of a row. */
export const tokenAxis = 'tokens';

const textInputs = ['input_ids', 'attention_mask', 'token_type_ids'];

/** Fields of a model's inputs, [batch, tokens] each. @throws UsageError for an input that text cannot feed */
export function tokenFields(inputs: readonly { name: string; dtype: DataType }[]): Field[] {
  for (const { name, dtype } of inputs) {
    if (!textInputs.includes(name))
      throw new UsageError(
        `model input ${quote(name)} cannot be fed from text; known inputs are ${textInputs.join(', ')}`,
      );
    if (dtype !== 'int64' && dtype !== 'int32')
      throw new UsageError(`model input ${quote(name)} must be int64 or int32 to be fed from text, found ${dtype}`);
  }
  return inputs.map(({ name, dtype }) => ({ name, dtype, shape: ['batch', tokenAxis] }));
}

export const tokenAxes = (buckets: readonly number[]): Record<string, Axis> => ({ [tokenAxis]: { buckets } });

/** A tokenizer that is open in its process. */
export interface OpenTokenizer {
  readonly padId: number;
  readonly padLeft: boolean;
  readonly process: TokenizerProcess;
  readonly encoding: TextEncoding;
}

/** The tokenizer of a model directory. @throws ModelError where its files cannot be used */
export async function openTokenizer(encoding: TextEncoding): Promise<OpenTokenizer> {
  const process = new TokenizerProcess(encoding);
  const { padId, padLeft } = await process.facts();
  return { padId, padLeft, process, encoding };
}

/** @throws ModelError where the tokenizer names no mask token, or marks no words and whole ones are to be masked */
export const maskVocabulary = (
  { process }: OpenTokenizer,
  { wholeWords }: { wholeWords: boolean },
): Promise<MaskVocabulary> => process.maskVocabulary(wholeWords);

/** The rows of a batch that have tokens, in their order, and what came of the others. */
export interface EncodedRows<E extends Encoded, R> {
  rows: E[];
  /** The request of these rows alone. */
  request: R;
  /** Those that are left out, where the encoding is tolerant. */
  bad?: readonly BadRow[];
}

/**
 * Tokens of each sample: of its text and pair, or as they were packed.
 * @param partners for each row the row whose second text it gets; default its own
 * @throws SampleError for a text that has no tokens
 */
export async function encodeTexts<R extends EncodeRequest>(
  tokenizer: OpenTokenizer,
  request: R,
  partners?: readonly number[],
): Promise<EncodedRows<Encoded, R>> {
  const { text, pair } = request.slices;
  const rows = Array.from(request.samples.keys());
  if (text!.kind === 'tokens')
    return { rows: rows.map((row) => packedRow(tokenizer, bytesAt(text!, row), row)), request };
  const texts = rows.map((row): [string, string] => {
    const second = pair ? textAt(pair as TextSlice, partners?.[row] ?? row) : '';
    return [textAt(text as TextSlice, row), second];
  });
  return sorted(tokenizer, request, 'text', (process) => process.texts(texts));
}

function packedRow({ encoding }: OpenTokenizer, bytes: Uint8Array, row: number): Encoded {
  const encoded = encodedOf(bytes);
  const problem = idProblem(encoded.ids, encoding.embeddingRows);
  if (problem !== undefined) throw new SampleError(row, problem);
  return encoded;
}

/** Tokens of words that are cut already, one list of them a sample. @throws SampleError */
export const encodeWordLists = <R extends EncodeRequest>(
  tokenizer: OpenTokenizer,
  request: R,
  texts: readonly (readonly string[])[],
): Promise<EncodedRows<EncodedWords, R>> =>
  sorted(tokenizer, request, 'words', (process) => process.request({ kind: 'words', texts }));

/**
 * Tokens of texts, or of pairs of them, `perSample` rows a sample, one sample behind the other. A sample of which one
 * row has none is left out whole. @throws SampleError
 */
export const encodeRows = <R extends EncodeRequest>(
  tokenizer: OpenTokenizer,
  request: R,
  texts: readonly (readonly [text: string, pair: string])[],
  perSample: number,
): Promise<EncodedRows<Encoded, R>> => sorted(tokenizer, request, 'text', (process) => process.texts(texts), perSample);

/** Tokens of each sample's window, or of the first where texts were not divided. @throws SampleError */
export const encodeWindows = <R extends EncodeRequest>(
  tokenizer: OpenTokenizer,
  request: R,
  stride: number,
): Promise<EncodedRows<Window, R>> => {
  const texts = Array.from(request.samples, (_, row) => ({
    ...windowSource(request.slices, row),
    window: partOf(request.slices, row)?.window,
  }));
  return sorted(tokenizer, request, 'text', (process) => process.request({ kind: 'windows', texts, stride }));
};

async function sorted<E extends Encoded, R extends EncodeRequest>(
  { process, encoding }: OpenTokenizer,
  request: R,
  what: 'text' | 'words',
  work: (process: TokenizerProcess) => Promise<readonly (E | Failed)[]>,
  perSample = 1,
): Promise<EncodedRows<E, R>> {
  const sentence = (why: string): string => `the ${what} cannot be tokenised: ${why}`;
  const found = await work(process).catch((error) => {
    if (error instanceof TokenizerEnded)
      throw new SampleError(Math.floor((error.item ?? 0) / perSample), sentence(error.message));
    throw error;
  });
  const bad: BadRow[] = [];
  const kept: number[] = [];
  const rows: E[] = [];
  for (let row = 0; row * perSample < found.length; row++) {
    const own = found.slice(row * perSample, (row + 1) * perSample);
    const failed = own.find((one): one is Failed => 'error' in one);
    if (failed) {
      if (!encoding.tolerant) throw new SampleError(row, sentence(failed.error));
      bad.push({ row, reason: sentence(failed.error) });
    } else {
      rows.push(...(own as E[]));
      kept.push(row);
    }
  }
  if (bad.length === 0) return { rows, request };
  return { rows, request: requestOf(request, kept), bad };
}

/** Without the rows that have a problem, which are bad ones then. */
export function withoutRows<E extends Encoded, R extends EncodeRequest>(
  whole: R,
  { rows, request, bad = [] }: EncodedRows<E, R>,
  problemOf: (row: E) => string | undefined,
): EncodedRows<E, R> {
  const problems = rows.map(problemOf);
  if (problems.every((problem) => problem === undefined)) return { rows, request, ...(bad.length > 0 && { bad }) };
  const left = new Set(bad.map(({ row }) => row));
  // Row of the whole request of each that is there.
  const places = Array.from(whole.samples.keys()).filter((row) => !left.has(row));
  const found = problems.flatMap((reason, i) => (reason === undefined ? [] : [{ row: places[i]!, reason }]));
  const kept = [...problems.keys()].filter((i) => problems[i] === undefined);
  return { rows: kept.map((i) => rows[i]!), request: requestOf(request, kept), bad: [...bad, ...found] };
}

/** The request of some of its rows. */
const requestOf = <R extends EncodeRequest>(request: R, kept: readonly number[]): R => ({
  ...request,
  samples: Uint32Array.from(kept, (row) => request.samples[row]!),
  weights: Float32Array.from(kept, (row) => request.weights[row]!),
  slices: keptSlices(request.slices, kept),
});

/** The axes' lengths for these rows, and counts of their tokens. */
export function measureTexts(slot: Slot, rows: readonly Encoded[]) {
  const longest = Math.max(1, ...rows.map(({ ids }) => ids.length));
  const tokens = bucketFor(slot.layout.axes[tokenAxis]!, longest);
  return {
    axes: withFollowers(slot.layout, { [tokenAxis]: tokens }),
    tokens: rows.reduce((sum, { ids }) => sum + ids.length, 0),
    truncated: rows.filter((row) => row.truncated).length,
  };
}

/** First place of a row's tokens within the batch's. */
export const startOf = (row: number, length: number, { ids }: Pick<Encoded, 'ids'>, padLeft: boolean): number =>
  row * length + (padLeft ? length - ids.length : 0);

/** Writes the model's inputs, of `perSample` texts each. The rows behind the last sample repeat the last text. */
export function writeTokens(
  slot: Slot,
  axes: AxisLengths,
  rows: readonly Encoded[],
  { padId, padLeft }: Pick<OpenTokenizer, 'padId' | 'padLeft'>,
  perSample = 1,
): void {
  const [last, length] = [rows.length - 1, axes[tokenAxis]!];
  for (const name of textInputs) {
    const out = writerOf(slot, name, axes);
    if (!out) continue;
    for (let b = 0; b < slot.batchSize * perSample; b++) {
      const row = rows[Math.min(b, last)] ?? { ids: [padId], types: [0] };
      const start = startOf(b, length, row, padLeft);
      out.fill(name === 'input_ids' ? padId : 0, b * length, (b + 1) * length);
      if (name === 'attention_mask') out.fill(1, start, start + row.ids.length);
      else for (const [i, id] of (name === 'input_ids' ? row.ids : row.types).entries()) out.set(start + i, id);
    }
  }
}
