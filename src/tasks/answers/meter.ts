// Figures of questions: what SQuAD's script says of the likeliest answers, of those questions that have an answer and
// those that have none, and from which odds on none should be predicted. Windows of a text come in any order: a
// question is counted when all of them are there.

import { ofKind, textAt } from '../../data/columns.js';
import { type Answered, type AnswerScores, answerScores, bestThreshold, scoresAt } from '../../metrics/answers.js';
import { ratio } from '../../metrics/classification.js';
import type { Meter } from '../task.js';
import { WholeTexts } from '../whole-texts.js';
import { answerLoss } from './loss.js';
import { answersOfText, answersOfWindow, nullOddsOf, type WindowAnswers } from './spans.js';

/** Means over some of the questions. */
interface PartResult extends AnswerScores {
  samples: number;
}

export interface AnswerResult {
  /** Questions. */
  samples: number;
  /** Parts of their texts. */
  windows: number;
  /** Mean over the windows of the cross-entropy of where the first right answer begins and ends, in nats. */
  loss: number;
  /** Share of the questions whose answer is right, but for case, punctuation and articles. */
  exactMatch: number;
  /** Mean over the questions of F1 of the words. */
  f1: number;
  /** Where there are questions without an answer: those with one, those without, and the best there is. */
  answerable?: PartResult;
  unanswerable?: PartResult;
  /** Largest figures that a threshold gives, and that of the largest F1. */
  best?: AnswerScores & { nullThreshold: number };
}

/** What is measured with. */
export interface AnswerMeasure {
  maxAnswerLength: number;
  /** Odds above which none is predicted; default 0 where the data have questions without an answer, else never. */
  nullThreshold?: number | undefined;
}

export function answerMeter({ maxAnswerLength: maxLength, nullThreshold }: AnswerMeasure): Meter<AnswerResult> {
  const questions: Answered[] = [];
  const texts = new WholeTexts<WindowAnswers>();
  let [windows, loss, total] = [0, 0, 0];
  return {
    add(results, batch) {
      const weights = batch.inputs.get('sample_weights')!.data as Float32Array;
      for (let row = 0; row < batch.samples.length; row++) {
        const context = textAt(ofKind(batch.slices, 'pair', 'text')!, row);
        windows++;
        loss += weights[row]! * answerLoss(results, batch, row);
        total += weights[row]!;
        const found = answersOfWindow(results, batch, row, context, { count: 1, maxLength });
        const parts = texts.add(batch, row, found ?? { spans: [], nullScore: 0 });
        if (!parts) continue;
        const whole = answersOfText(parts, 1);
        const right = rightAnswers(batch.slices, row, context);
        const [best] = whole.spans;
        questions.push({
          scores: answerScores(best ? context.slice(best.start, best.end) : '', right),
          nullOdds: nullOddsOf(whole),
          answerable: right.length > 0,
        });
      }
    },
    result(): AnswerResult {
      const without = questions.some(({ answerable }) => !answerable);
      const threshold = nullThreshold ?? (without ? 0 : undefined);
      const { samples, ...all } = meansOf(questions, threshold);
      const figures = { samples, windows, loss: ratio(loss, total), ...all };
      if (!without) return figures;
      const [exact, f1] = [bestThreshold(questions, 'exactMatch'), bestThreshold(questions, 'f1')];
      const part = (wanted: boolean) => questions.filter(({ answerable }) => answerable === wanted);
      return {
        ...figures,
        answerable: meansOf(part(true), threshold),
        unanswerable: meansOf(part(false), threshold),
        best: { exactMatch: exact.score, f1: f1.score, nullThreshold: f1.threshold },
      };
    },
  };
}

function rightAnswers(slices: Parameters<typeof ofKind>[0], row: number, context: string): string[] {
  const answers = ofKind(slices, 'answers', 'ranges');
  if (!answers) return [];
  const [from, to] = [answers.offsets[row]!, answers.offsets[row + 1]!];
  return Array.from({ length: to - from }, (_, k) => {
    const at = 2 * (from + k);
    return context.slice(answers.values[at]!, answers.values[at + 1]!);
  });
}

function meansOf(questions: readonly Answered[], threshold: number | undefined): PartResult {
  const found = questions.map((question) => scoresAt(question, threshold));
  const mean = (key: keyof AnswerScores): number =>
    ratio(
      found.reduce((sum, one) => sum + one[key], 0),
      found.length,
    );
  return { samples: found.length, exactMatch: mean('exactMatch'), f1: mean('f1') };
}
