// What is said of a question: its likeliest answers with their places in the text, and how likely there is none. Each
// window says its own; put together they are the text's.

import { ofKind, textAt } from '../../data/columns.js';
import type { MeasuredBatch, Prediction, Results } from '../task.js';
import { answersOfText, answersOfWindow, nullOddsOf, type Span, type WindowAnswers } from './spans.js';

/** An answer: `context.slice(start, end)`. */
export interface Answer extends Span {
  answer: string;
}

export interface AnswerPrediction extends Prediction, Answer {
  /** The likeliest, the first before others; the one that is predicted where any is. */
  answers: Answer[];
  /** Probability that there is none: the least of all windows. */
  nullScore: number;
}

/** What is predicted with. */
export interface AnswerChoice {
  /** Answers of each question. */
  nBest: number;
  maxAnswerLength: number;
  /** Odds of none against the best, as a logarithm, above which none is predicted; default never. */
  nullThreshold?: number | undefined;
}

/** Of a window; of a text once merged. */
interface Part extends AnswerPrediction {
  window: WindowAnswers;
  context: string;
}

const none = { answer: '', score: 0, start: 0, end: 0 };

/** Of a question that cannot be answered. */
export const noAnswer = (error: string): AnswerPrediction => ({ ...none, answers: [], nullScore: 0, error });

export function predictAnswers(results: Results, batch: MeasuredBatch, choice: AnswerChoice): AnswerPrediction[] {
  const options = { count: choice.nBest, maxLength: choice.maxAnswerLength };
  return Array.from(batch.samples, (_, row): AnswerPrediction | Part => {
    const context = textAt(ofKind(batch.slices, 'pair', 'text')!, row);
    const window = answersOfWindow(results, batch, row, context, options);
    if (!window) return noAnswer('the model gives no number (NaN) for it');
    return { ...none, answers: [], nullScore: window.nullScore, window, context };
  });
}

export function mergeAnswers(
  parts: readonly AnswerPrediction[],
  { nBest, nullThreshold }: AnswerChoice,
): AnswerPrediction {
  const wrong = parts.find(({ error }) => error !== undefined);
  if (wrong) return wrong;
  const { context } = parts[0] as Part;
  const whole = answersOfText(
    (parts as readonly Part[]).map(({ window }) => window),
    nBest,
  );
  const answers = whole.spans.map(({ start, end, score }) => ({
    answer: context.slice(start, end),
    score,
    start,
    end,
  }));
  const { nullScore } = whole;
  const isNone = answers.length === 0 || (nullThreshold !== undefined && nullOddsOf(whole) > nullThreshold);
  return { ...(isNone ? { ...none, score: nullScore } : answers[0]!), answers, nullScore };
}

export const showAnswer = ({ answer, score, start }: AnswerPrediction, what: string): string =>
  answer === '' ? `-\t${score.toFixed(4)}\t${what}` : `${answer}\t${score.toFixed(4)} at ${start}\t${what}`;
