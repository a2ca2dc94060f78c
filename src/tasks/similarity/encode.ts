// Texts of samples in a slot: the tokens of all of them, one sample behind the other; how much each token counts in the
// vector of its text; and what the losses read. Pooling is a matrix: each row of `pooling_weights` says what share of a
// text's vector every token is, so the mean, the first, the last token and the weighted means are one product in the
// graph. Of max it is which tokens count.

import { ofKind } from '../../data/columns.js';
import {
  type EncodeRequest,
  type Encoder,
  SampleError,
  writeNumbers,
  writerOf,
  writeWeights,
} from '../../data/encode.js';
import type { Slot } from '../../data/slots.js';
import type { TextEncoding } from '../../data/tokenizer/protocol.js';
import { isSearched, maskWidth, type SimilarityLoss } from './losses.js';
import { classRole, textsOf, writeMask } from './mask.js';
import type { Modules, Pooling } from './modules.js';

/** What samples of two or more texts have in the slot beside them. */
export interface Encoding extends TextEncoding {
  modules: Modules;
  /** What goes before a text that is not compared with another. */
  alone: string;
  /** Roles of the columns: the anchor's first. */
  roles: readonly string[];
  /** What the loss reads is not written where it is undefined: predictions. */
  loss?: SimilarityLoss | undefined;
}

type TextFunctions = typeof import('../../data/text/encode.js');
type Tokenizer = Awaited<ReturnType<TextFunctions['openTokenizer']>>;
type Row = { readonly ids: readonly number[] };

export async function similarityEncoder(encoding: Encoding): Promise<Encoder> {
  const text: TextFunctions = await import('../../data/text/encode.js');
  const { roles, loss, modules, alone, ...files } = encoding;
  const tokenizer = await text.openTokenizer(files);
  const before = async (prompts: readonly string[]) => ({
    prompts,
    skipped: modules.includePrompt ? prompts.map(() => 0) : await promptLengths(tokenizer, prompts),
  });
  const compared = await before(roles.map((role) => promptOf(modules, role)));
  const single = await before([alone]);
  return async (whole, slot) => {
    const documents = loss && isSearched(loss.loss) && !whole.augment ? documentsAlone(whole) : new Set<number>();
    // A prediction is of one text, or of two.
    const columns = loss ? filledTexts(whole, roles, documents) : filledColumns(whole, roles);
    const { prompts, skipped } = loss || columns.length > 1 ? compared : single;
    const texts = Array.from(whole.samples, (_, row) =>
      columns.map((own, k) => [prompts[k] + own[row]!, ''] as const),
    ).flat();
    const weights = whole.weights.map((weight, row) => (documents.has(row) ? 0 : weight));
    const found = await text.encodeRows(tokenizer, { ...whole, weights }, texts, columns.length);
    const { rows, request, bad } = found;
    const measured = text.measureTexts(slot, rows);
    const axes: Record<string, number> = { ...measured.axes, ...(!loss && { texts: columns.length }) };
    text.writeTokens(slot, axes, rows, tokenizer, columns.length);
    const starts = (row: number): number => text.startOf(row, axes.tokens!, rows[row]!, tokenizer.padLeft);
    writePooling(slot, axes, { rows, starts, pooling: modules.pooling, skip: (row) => skipped[row % columns.length]! });
    const normaliser = loss ? writeTargets(slot, axes, request, loss, roles) : 0;
    return { ...measured, axes, weights: { normaliser }, ...(bad && { bad }) };
  };
}

const empty = (role: string): string =>
  `the text ${role === 'text' ? 'of textColumn' : role === 'pair' ? 'of pairColumn' : 'of a negative'} is empty: an empty text is like nothing; remove the sample`;

/** What goes before the texts of a column. */
export const promptOf = ({ prompts }: Pick<Modules, 'prompts'>, role: string): string =>
  (role === 'text' ? prompts.query : prompts.document) ?? '';

/** Of data to evaluate on: rows without a first text, whose others are searched and are no part of the loss. */
const documentsAlone = (request: EncodeRequest): Set<number> =>
  new Set(textsOf(request, 'text').flatMap((text, row) => (text.trim() === '' ? [row] : [])));

/** The texts of each column; of rows `documents` the first may be empty. @throws SampleError for an empty one */
export function filledTexts(
  request: EncodeRequest,
  roles: readonly string[],
  documents: ReadonlySet<number> = new Set(),
): string[][] {
  const columns = roles.map((role) => textsOf(request, role));
  for (const [k, texts] of columns.entries()) {
    const row = texts.findIndex((text, i) => text.trim() === '' && !(k === 0 && documents.has(i)));
    if (row >= 0) throw new SampleError(row, empty(roles[k]!));
  }
  return columns;
}

/** The columns of a prediction: the second where any sample has a text there. */
function filledColumns(request: EncodeRequest, roles: readonly string[]): string[][] {
  const [first, second] = roles.map((role) => textsOf(request, role)) as [string[], string[]?];
  return second?.some((text) => text.trim() !== '') ? [first, second] : [first];
}

/** Tokens of each prompt, those before it with it: what stands before the text itself. */
async function promptLengths({ process }: Tokenizer, prompts: readonly string[]): Promise<number[]> {
  const asked = ['', ...prompts].map((prompt) => [prompt, ''] as const);
  const [nothing, ...rows] = (await process.texts(asked)) as readonly Partial<Row>[];
  const end = nothing?.ids?.at(-1);
  return rows.map(({ ids = [] }, i) => (prompts[i] === '' ? 0 : ids.length - (ids.at(-1) === end ? 1 : 0)));
}

export interface Pooled {
  rows: readonly Row[];
  /** First place of a row's tokens within the batch's. */
  starts(row: number): number;
  pooling: Pooling;
  /** Tokens of a row that do not count. */
  skip(row: number): number;
}

/** The share of each token in its text's vector; rows behind the last text repeat it. */
export function writePooling(slot: Slot, axes: Record<string, number>, { rows, starts, pooling, skip }: Pooled): void {
  const out = writerOf(slot, 'pooling_weights', axes)!;
  const length = axes.tokens!;
  const count = slot.field('pooling_weights', axes)!.length / length;
  out.fill(0);
  for (let b = 0; b < count; b++) {
    const row = Math.min(b, rows.length - 1);
    if (row < 0) continue;
    const { ids } = rows[row]!;
    const first = Math.min(skip(row), ids.length - 1);
    const share = sharesOf[pooling](ids.length - first, first);
    const start = starts(row) + (b - row) * length;
    for (let i = first; i < ids.length; i++) out.set(start + i, share(i - first));
  }
}

type Shares = (count: number, first: number) => (i: number) => number;

const sharesOf: Record<Pooling, Shares> = {
  mean: (count) => () => 1 / count,
  cls: () => (i) => Number(i === 0),
  max: () => () => 1,
  lasttoken: (count) => (i) => Number(i === count - 1),
  mean_sqrt_len_tokens: (count) => () => 1 / Math.sqrt(count),
  weightedmean: (count, first) => {
    const total = (count * (2 * first + count + 1)) / 2;
    return (i) => (first + i + 1) / total;
  },
};

/** Writes what the loss reads, and gives what it is divided by. */
function writeTargets(
  slot: Slot,
  axes: Record<string, number>,
  request: EncodeRequest,
  loss: SimilarityLoss,
  roles: readonly string[],
): number {
  const scores = ofKind(request.slices, 'score', 'numbers');
  if (scores) writeNumbers(slot, 'scores', scores);
  const sum = writeWeights(slot, 'sample_weights', request.weights);
  if (maskWidth(loss) === undefined) return sum;
  const [mask, positives] = [writerOf(slot, 'pair_mask', axes)!, writerOf(slot, 'positives', axes)];
  return writeMask({ mask, positives }, loss.loss, {
    rows: slot.batchSize,
    weights: request.weights,
    scores: scores?.values,
    columns: roles.map((role) => textsOf(request, role)),
    classes: positives && textsOf(request, classRole),
  });
}
