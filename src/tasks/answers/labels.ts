// What loss and figures read of each window beside the model's inputs: at which tokens the first right answer begins
// and ends, and where each token of the text is. In a window that does not hold all of the answer both are the first
// token, which stands for none, as in the transformers library's example.

import { ofKind } from '../../data/columns.js';
import { type EncodeRequest, SampleError, type Writer, writerOf, writeWeights } from '../../data/encode.js';
import type { Field, Slot } from '../../data/slots.js';
import type { Window } from '../../data/tokenizer/encoded.js';

/** Slot fields; the last three are not for the graph, but for figures and predictions. */
export const answerFields: readonly Field[] = [
  { name: 'start_positions', dtype: 'int64', shape: ['batch'] },
  { name: 'end_positions', dtype: 'int64', shape: ['batch'] },
  { name: 'sample_weights', dtype: 'float32', shape: ['batch'] },
  // The token that stands for no answer.
  { name: 'null_positions', dtype: 'int32', shape: ['batch'] },
  // From where to where each token is in the text; -1 of tokens of the question and special ones.
  { name: 'starts', dtype: 'int32', shape: ['batch', 'tokens'] },
  { name: 'ends', dtype: 'int32', shape: ['batch', 'tokens'] },
];

interface Written {
  rows: readonly Window[];
  /** Place of each row's first token in its row of the slot. */
  firsts: readonly number[];
  request: Pick<EncodeRequest, 'slices' | 'weights'>;
}

/** Gives the sum of the weights. @throws SampleError for an answer without a token */
export function writeAnswers(slot: Slot, axes: Record<string, number>, { rows, firsts, request }: Written): number {
  const out = Object.fromEntries(answerFields.map(({ name }) => [name, writerOf(slot, name, axes)!])) as Record<
    string,
    Writer
  >;
  for (const name of ['starts', 'ends']) out[name]!.fill(-1);
  for (let b = 0; b < slot.batchSize; b++) {
    // Rows behind the last repeat it.
    const row = Math.min(b, rows.length - 1);
    const [window, first] = [rows[row], firsts[row] ?? 0];
    const [start, end] = window ? answerIn(window, rangeOf(request, row), row) : [0, 0];
    out.start_positions!.set(b, first + start);
    out.end_positions!.set(b, first + end);
    out.null_positions!.set(b, first);
    if (!window) continue;
    for (const i of contextOf(window)) {
      out.starts!.set(b * axes.tokens! + first + i, window.places[2 * i]!);
      out.ends!.set(b * axes.tokens! + first + i, window.places[2 * i + 1]!);
    }
  }
  return writeWeights(slot, 'sample_weights', request.weights);
}

/** Tokens of the text that holds the answers. */
const contextOf = ({ texts }: Window): number[] => [...texts.keys()].filter((i) => texts[i] === 1);

/** The first right answer. */
function rangeOf({ slices }: Written['request'], row: number): [number, number] | undefined {
  const answers = ofKind(slices, 'answers', 'ranges');
  if (!answers || answers.offsets[row] === answers.offsets[row + 1]) return undefined;
  const at = 2 * answers.offsets[row]!;
  return [answers.values[at]!, answers.values[at + 1]!];
}

/** First and last token that have a character of the answer; the first token twice where it is not all here. */
function answerIn(window: Window, range: [number, number] | undefined, row: number): [number, number] {
  if (!range) return [0, 0];
  const { places, from, total } = window;
  const tokens = contextOf(window);
  const [head, tail] = [tokens[0], tokens.at(-1)];
  if (head === undefined || tail === undefined) throw noToken(row);
  const beginsBefore = from > 0 && places[2 * head]! > range[0];
  const endsBehind = from + tokens.length < total && places[2 * tail + 1]! < range[1];
  if (beginsBefore || endsBehind) return [0, 0];
  const own = tokens.filter((i) => places[2 * i]! < range[1] && places[2 * i + 1]! > range[0]);
  if (own.length === 0) throw noToken(row);
  return [own[0]!, own.at(-1)!];
}

const noToken = (row: number): SampleError =>
  new SampleError(
    row,
    'no token is made of the answer: leave the question out, or choose a model that reads its script',
  );
