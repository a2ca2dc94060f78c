// Figures of answers to questions as SQuAD's script (version 2) computes them, as shares: a prediction is compared with
// every right answer after both lose case, ASCII punctuation, English articles and white space, and the best counts.
// exactMatch: it is one. f1: of the words that they have in common. A question without an answer has both where none is
// predicted. Source: https://rajpurkar.github.io/SQuAD-explorer/

/** Python's punctuation, word characters and white space. */
const punctuation = /[!-/:-@[-`{-~]/g;
const articles = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: white space of Python
const space = /[^\S\ufeff]|[\x1c-\x1f\x85]/g;

/** Words that are compared. */
export const answerWords = (text: string): string[] =>
  text
    .toLowerCase()
    .replaceAll(punctuation, '')
    .replaceAll(articles, ' ')
    .replaceAll(space, ' ')
    .split(' ')
    .filter(Boolean);

export interface AnswerScores {
  /** 0 or 1. */
  exactMatch: number;
  f1: number;
}

/** Of an answer, '' for none, against the right ones; none of them where the question has no answer. */
export function answerScores(answer: string, right: readonly string[]): AnswerScores {
  const found = answerWords(answer);
  const gold = right.map(answerWords).filter((words) => words.length > 0);
  if (gold.length === 0) gold.push([]);
  const best = { exactMatch: 0, f1: 0 };
  for (const words of gold) {
    best.exactMatch = Math.max(best.exactMatch, Number(words.join(' ') === found.join(' ')));
    best.f1 = Math.max(best.f1, overlap(found, words));
  }
  return best;
}

/** F1 of two bags of words. */
function overlap(found: readonly string[], words: readonly string[]): number {
  if (found.length === 0 || words.length === 0) return Number(found.length === words.length);
  const left = new Map<string, number>();
  for (const word of words) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of found) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    common++;
  }
  const [precision, recall] = [common / found.length, common / words.length];
  return common === 0 ? 0 : (2 * precision * recall) / (precision + recall);
}

/** A question that was measured. */
export interface Answered {
  /** Of the best answer. */
  scores: AnswerScores;
  /** How much likelier no answer is than the best one, as a logarithm. */
  nullOdds: number;
  /** Whether the question has an answer. */
  answerable: boolean;
}

/** What comes of a question where none is predicted from some odds on. */
export function scoresAt({ scores, nullOdds, answerable }: Answered, threshold: number | undefined): AnswerScores {
  if (threshold === undefined || nullOdds <= threshold) return scores;
  return { exactMatch: Number(!answerable), f1: Number(!answerable) };
}

export interface BestThreshold {
  /** Mean of the scores. */
  score: number;
  /** Odds above which none is predicted. */
  threshold: number;
}

/**
 * The threshold of the largest mean score, the lowest one where several have it: halfway to the next question's odds,
 * so that rounding decides nothing.
 */
export function bestThreshold(questions: readonly Answered[], score: keyof AnswerScores): BestThreshold {
  const sorted = [...questions].sort((a, b) => a.nullOdds - b.nullOdds);
  const odds = (i: number): number | undefined => sorted[i]?.nullOdds;
  // With none answered.
  let sum = sorted.reduce((total, { answerable }) => total + Number(!answerable), 0);
  const best = { score: sum, threshold: (odds(0) ?? 0) - 1 };
  for (const [i, question] of sorted.entries()) {
    sum += question.scores[score] - Number(!question.answerable);
    const [own, next] = [question.nullOdds, odds(i + 1)];
    if (next === own || sum <= best.score) continue;
    best.score = sum;
    best.threshold = next === undefined ? own + 1 : (own + next) / 2;
  }
  return { score: best.score / questions.length, threshold: best.threshold };
}
