// Words as Python's str.split() has them, which the reference implementations of all figures of texts are written in:
// its white space is not quite that of JavaScript's regular expressions. Also how words, or anything else in a row, are
// counted.

const space = '(?:[^\\S\\ufeff]|[\\x1c-\\x1f\\x85])+';
const between = new RegExp(space);
const atStart = new RegExp(`^${space}`);
const atEnd = new RegExp(`${space}$`);

/** The runs of characters between white space. */
export const splitWords = (text: string): string[] => text.split(between).filter(Boolean);

export const withoutEnd = (text: string): string => text.replace(atEnd, '');
export const withoutSpace = (text: string): string => withoutEnd(text).replace(atStart, '');

/** Punctuation of ASCII: Python's string.punctuation. */
export const punctuation = /[!-/:-@[-`{-~]/;

export type Counts = Map<string, number>;

/** How often each run of `n` items occurs; items hold no `separator`. */
export function countRuns(items: readonly string[], n: number, separator = ' '): Counts {
  const counts: Counts = new Map();
  for (let i = 0; i + n <= items.length; i++) {
    const run = n === 1 ? items[i]! : items.slice(i, i + n).join(separator);
    counts.set(run, (counts.get(run) ?? 0) + 1);
  }
  return counts;
}

/** Σ of the lesser of both counts. */
export function commonCount(counts: Counts, others: Counts): number {
  let common = 0;
  for (const [run, count] of counts) common += Math.min(count, others.get(run) ?? 0);
  return common;
}

/** Runs of `n` in a row of `length`. */
export const runsIn = (length: number, n: number): number => Math.max(0, length - n + 1);
