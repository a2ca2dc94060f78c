// Figures of answers against SQuAD's script (make-answers.py), and what its cases do not have.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Answered, type AnswerScores, answerScores, bestThreshold, scoresAt } from '#ortune/metrics/answers.js';

interface Golden {
  cases: (AnswerScores & { right: string[]; found: string })[];
  sets: {
    questions: (AnswerScores & Pick<Answered, 'answerable' | 'nullOdds'>)[];
    best: Record<keyof AnswerScores, [score: number, threshold: number]>;
  }[];
}
const golden = JSON.parse(readFileSync(new URL('../fixtures/metrics/answers.json', import.meta.url), 'utf8')) as Golden;

describe('answers', () => {
  it('have the figures of the script', () => {
    for (const { right, found, ...expected } of golden.cases) {
      const { exactMatch, f1 } = answerScores(found, right);
      expect([found, right, exactMatch]).toEqual([found, right, expected.exactMatch]);
      expect(f1).toBeCloseTo(expected.f1, 9);
    }
  });

  it.each([
    ['no answer, and none found', '', [], 1, 1],
    ['no answer, and one found', 'Rome', [], 0, 0],
    ['an answer, and none found', '', ['Rome'], 0, 0],
    ['articles, case and punctuation', 'the U.S.', ['us'], 1, 1],
    ['a right answer of articles alone is none', '', ['the'], 1, 1],
    ['words in another order', 'b a1', ['a1 b'], 0, 1],
    ['a word twice counts twice', 'x x', ['x'], 0, 2 / 3],
  ] as const)('%s', (_, found, right, exactMatch, f1) => {
    expect(answerScores(found, right)).toEqual({ exactMatch, f1 });
  });
});

describe('the threshold of no answer', () => {
  const of = (questions: Golden['sets'][number]['questions']): Answered[] =>
    questions.map(({ answerable, nullOdds, ...scores }) => ({ scores, nullOdds, answerable }));

  it.each(['exactMatch', 'f1'] as const)('gives the best %s that the script finds', (score) => {
    for (const { questions, best } of golden.sets) {
      const answered = of(questions);
      const found = bestThreshold(answered, score);
      const [expected, threshold] = best[score];
      expect(found.score).toBeCloseTo(expected, 9);
      const mean = answered.reduce((sum, one) => sum + scoresAt(one, found.threshold)[score], 0) / answered.length;
      expect(mean).toBeCloseTo(expected, 9);
      // The script's is the odds of the last question that is answered; where none is it has 0.
      const last = Math.max(...answered.map(({ nullOdds }) => nullOdds).filter((odds) => odds <= found.threshold));
      if (Number.isFinite(last)) expect(last).toBe(threshold);
    }
  });

  it('never is between questions of the same odds', () => {
    const right = { scores: { exactMatch: 1, f1: 1 }, nullOdds: 2, answerable: true };
    const wrong = { scores: { exactMatch: 0, f1: 0 }, nullOdds: 2, answerable: false };
    expect(bestThreshold([right, wrong, wrong], 'f1')).toEqual({ score: 2 / 3, threshold: 1 });
    expect(scoresAt(right, undefined)).toEqual(right.scores);
  });
});
