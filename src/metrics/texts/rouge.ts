// ROUGE as the package rouge-score defines it: F1 of runs of one and two words, of the longest common subsequence (L),
// and of the union of those of each line (Lsum). Sources: Lin 2004;
// https://github.com/google-research/google-research/tree/master/rouge. A corpus has the mean of its texts, where other
// programs resample it (the mean is nearly the same).

import { porterStem } from './porter.js';
import { commonCount, countRuns, runsIn } from './words.js';

export const rougeFigures = ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'] as const;
export type RougeFigures = Record<(typeof rougeFigures)[number], number>;

/** latin: a-z and digits, as rouge-score. unicode: letters of all scripts; see `unicodeWords`. */
export const rougeWords = ['latin', 'unicode'] as const;

export interface RougeOptions {
  /** Default latin, which finds nothing in texts of other scripts. */
  words?: (typeof rougeWords)[number] | undefined;
  /** Whether words of more than three letters lose their endings (English, by Porter); default no. */
  stem?: boolean | undefined;
}

/** Scripts that put no space between words: there a character, with its marks, is a word. */
const unspaced = '[\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Thai}\\p{scx=Lao}\\p{scx=Khmer}\\p{scx=Mymr}]';
const unicodeWords = new RegExp(`(?=[\\p{L}\\p{N}])${unspaced}\\p{M}*|(?:(?!${unspaced})[\\p{L}\\p{M}\\p{N}])+`, 'gu');

function wordsOf(text: string, { words = 'latin', stem = false }: RougeOptions): string[] {
  const found = text.toLowerCase().match(words === 'latin' ? /[a-z0-9]+/g : unicodeWords) ?? [];
  return stem ? found.map((word) => (word.length > 3 ? porterStem(word) : word)) : found;
}

/** Of one text; of several references each figure is of the one where it is best. */
export function rouge(text: string, references: readonly string[], options: RougeOptions = {}): RougeFigures {
  const prediction = readText(text, options);
  const all = references.map((reference) => figuresOf(prediction, readText(reference, options)));
  return Object.fromEntries(
    rougeFigures.map((name) => [name, Math.max(...all.map((figures) => figures[name]))]),
  ) as unknown as RougeFigures;
}

interface Read {
  words: string[];
  /** Words of each line that has any. */
  lines: string[][];
}

const readText = (text: string, options: RougeOptions): Read => ({
  words: wordsOf(text, options),
  lines: text
    .split('\n')
    .map((line) => wordsOf(line, options))
    .filter((line) => line.length > 0),
});

const figuresOf = (text: Read, reference: Read): RougeFigures => ({
  rouge1: ofRuns(text.words, reference.words, 1),
  rouge2: ofRuns(text.words, reference.words, 2),
  rougeL: f1(subsequence(reference.words, text.words).length, text.words.length, reference.words.length),
  rougeLsum: ofLines(text, reference),
});

const ofRuns = (words: readonly string[], others: readonly string[], n: number): number =>
  f1(commonCount(countRuns(words, n), countRuns(others, n)), runsIn(words.length, n), runsIn(others.length, n));

/** 2 PR / (P + R) with P = common/a, R = common/b. */
const f1 = (common: number, a: number, b: number): number => (common === 0 ? 0 : (2 * common) / (a + b));

/** Of each line of the reference the words in a longest common subsequence with some line of the text. */
function ofLines(text: Read, reference: Read): number {
  const left = countRuns(text.words, 1);
  let hits = 0;
  for (const line of reference.lines) {
    const union = new Set(text.lines.flatMap((other) => subsequence(line, other)));
    for (const place of union) {
      // A word counts no more often than the text has it; the reference has each of its places once.
      const count = left.get(line[place]!) ?? 0;
      if (count === 0) continue;
      left.set(line[place]!, count - 1);
      hits++;
    }
  }
  return f1(hits, text.words.length, reference.words.length);
}

/** Places in `words` of a longest common subsequence with `others`: of several, the one that rouge-score finds. */
function subsequence(words: readonly string[], others: readonly string[]): number[] {
  const width = others.length + 1;
  const longest = new Uint32Array((words.length + 1) * width);
  for (let i = 1; i <= words.length; i++)
    for (let k = 1; k < width; k++) {
      const at = i * width + k;
      longest[at] =
        words[i - 1] === others[k - 1]
          ? longest[at - width - 1]! + 1
          : Math.max(longest[at - width]!, longest[at - 1]!);
    }
  const places: number[] = [];
  let [i, k] = [words.length, others.length];
  while (i > 0 && k > 0) {
    const at = i * width + k;
    if (words[i - 1] === others[k - 1]) {
      places.push(i - 1);
      i--;
      k--;
    } else if (longest[at - 1]! > longest[at - width]!) k--;
    else i--;
  }
  return places;
}
