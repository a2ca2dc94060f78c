// The answers that a window's logits speak for: pairs of a first and a last token of the text. As in the transformers
// libraries' pipelines a pair's score is the product of two probabilities, that it begins and that it ends there, each
// a softmax over the tokens of the text and the first one, which stands for no answer.

import { softmax } from '../../metrics/cross-entropy.js';
import type { TensorView } from '../../runtime/session.js';
import type { MeasuredBatch, Results } from '../task.js';
import { trimmed } from '../tokens/labels.js';

/** An answer by its place in the text, in UTF-16 units. */
export interface Span {
  start: number;
  end: number;
  /** Its probability among the answers that its window has, and none. */
  score: number;
}

/** What a window says. */
export interface WindowAnswers {
  /** The likeliest, the first before others. */
  spans: Span[];
  /** Probability that it holds none. */
  nullScore: number;
}

export interface SpanOptions {
  /** So many answers of each window. */
  count: number;
  /** Most tokens of an answer. */
  maxLength: number;
}

/** Of row `row` of a batch; undefined where the model gives no number (NaN). */
export function answersOfWindow(
  results: Results,
  { inputs }: Pick<MeasuredBatch, 'inputs'>,
  row: number,
  text: string,
  { count, maxLength }: SpanOptions,
): WindowAnswers | undefined {
  const [starts, ends] = ['starts', 'ends'].map((name) => rowOf(inputs.get(name)!, row));
  const [begins, finishes] = [results.start!, results.end!].map((view) => rowOf(view, row));
  const none = Number(inputs.get('null_positions')!.data[row]);
  const tokens = [...starts!.keys()].filter((i) => starts![i]! >= 0);
  const [first, last] = [begins!, finishes!].map((logits) => softmax([none, ...tokens].map((i) => logits[i]!)));
  if (Number.isNaN(first![0]) || Number.isNaN(last![0])) return undefined;
  const best: Span[] = [];
  for (let a = 0; a < tokens.length; a++)
    for (let b = a; b < Math.min(tokens.length, a + maxLength); b++) {
      const score = first![a + 1]! * last![b + 1]!;
      if (best.length === count && score <= best.at(-1)!.score) continue;
      const [start, end] = trimmed(text, starts![tokens[a]!]!, ends![tokens[b]!]!);
      if (start >= end) continue;
      add(best, { start, end, score }, count);
    }
  return { spans: best, nullScore: first![0]! * last![0]! };
}

/** Of several windows those of the text, and the least probability that one holds none. */
export function answersOfText(windows: readonly WindowAnswers[], count: number): WindowAnswers {
  const spans: Span[] = [];
  for (const span of windows.flatMap((window) => window.spans)) add(spans, span, count);
  return { spans, nullScore: Math.min(...windows.map(({ nullScore }) => nullScore)) };
}

/** How much likelier none is than the best, as a logarithm. */
export const nullOddsOf = ({ spans, nullScore }: WindowAnswers): number => log(nullScore) - log(spans[0]?.score ?? 0);

/** Finite for 0 too. */
const log = (p: number): number => Math.log(Math.max(p, Number.MIN_VALUE));

/** Keeps the list in order, each place once, and no longer than `count`. */
function add(spans: Span[], span: Span, count: number): void {
  const same = spans.findIndex(({ start, end }) => start === span.start && end === span.end);
  if (same >= 0) {
    if (spans[same]!.score >= span.score) return;
    spans.splice(same, 1);
  }
  const at = spans.findIndex(({ score }) => score < span.score);
  spans.splice(at < 0 ? spans.length : at, 0, span);
  if (spans.length > count) spans.pop();
}

function rowOf({ data, shape }: TensorView, row: number): Float32Array {
  const width = shape[1]!;
  return (data as Float32Array).subarray(row * width, (row + 1) * width);
}
