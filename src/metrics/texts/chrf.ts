// chrF and chrF++ as sacrebleu computes them: F2 of the mean precision and recall of runs of one to six characters
// without white space, for chrF++ also of one and two words. Sources: Popović 2015, 2017;
// https://github.com/mjpost/sacrebleu (metrics/chrf.py, without epsilon smoothing).

import { referenceCount, type Signed, sacrebleuVersion } from './signature.js';
import { commonCount, countRuns, punctuation, runsIn, splitWords } from './words.js';

const characterOrders = 6;
/** β²: recall counts so much more than precision. */
const factor = 4;

/** Of one order: runs in the text, in the reference, in both. */
type OrderCounts = [text: number, reference: number, common: number];

export interface ChrfOptions {
  /** Longest run of words: 2 for chrF++; default 0. */
  wordOrders?: number | undefined;
  /** Whether case is lost first; default no. */
  lowercase?: boolean | undefined;
}

export class Chrf implements Signed {
  readonly #options: ChrfOptions;
  readonly #counts: OrderCounts[];
  readonly #references = new Set<number>();

  constructor(options: ChrfOptions = {}) {
    this.#options = options;
    this.#counts = Array.from({ length: characterOrders + (options.wordOrders ?? 0) }, () => [0, 0, 0]);
  }

  /** @param references at least one; the one of the best score counts */
  add(text: string, references: readonly string[]): void {
    this.#references.add(references.length);
    const runs = this.#runs(text);
    const compared = references.map((reference) => compare(runs, this.#runs(reference)));
    const best = compared.reduce((a, b) => (scoreOf(b) > scoreOf(a) ? b : a));
    for (const [order, counts] of best.entries()) for (const i of [0, 1, 2]) this.#counts[order]![i]! += counts[i]!;
  }

  #runs(text: string): Runs[] {
    const { wordOrders = 0, lowercase = false } = this.#options;
    const words = splitWords(lowercase ? text.toLowerCase() : text);
    const apart = words.flatMap(withoutPunctuation);
    return [
      ...upTo(
        characterOrders,
        words.flatMap((word) => [...word]),
        '',
      ),
      ...upTo(wordOrders, apart, ' '),
    ];
  }

  /** 0 to 100. */
  get score(): number {
    return scoreOf(this.#counts);
  }

  get signature(): string {
    const { wordOrders = 0, lowercase = false } = this.#options;
    return [
      `nrefs:${referenceCount(this.#references)}`,
      `case:${lowercase ? 'lc' : 'mixed'}`,
      'eff:yes',
      `nc:${characterOrders}`,
      `nw:${wordOrders}`,
      'space:no',
      `version:${sacrebleuVersion}`,
    ].join('|');
  }
}

interface Runs {
  total: number;
  counts: ReturnType<typeof countRuns>;
}

const upTo = (orders: number, items: readonly string[], separator: string): Runs[] =>
  Array.from({ length: orders }, (_, i) => ({
    total: runsIn(items.length, i + 1),
    counts: countRuns(items, i + 1, separator),
  }));

const compare = (runs: readonly Runs[], others: readonly Runs[]): OrderCounts[] =>
  runs.map(({ total, counts }, i) => {
    const other = others[i]!;
    // What no run of the reference can match does not count against the text.
    return [other.total > 0 ? total : 0, other.total, commonCount(counts, other.counts)];
  });

function scoreOf(counts: readonly OrderCounts[]): number {
  // Only orders that both texts are long enough for.
  const used = counts.filter(([text, reference]) => text > 0 && reference > 0);
  const sum = (rate: (counts: OrderCounts) => number): number => used.reduce((total, one) => total + rate(one), 0);
  const precision = sum(([text, , common]) => common / text) / used.length;
  const recall = sum(([, reference, common]) => common / reference) / used.length;
  if (used.length === 0 || precision + recall === 0) return 0;
  return (100 * (1 + factor) * precision * recall) / (factor * precision + recall);
}

/** One sign at the end of a word apart, or where there is none, one at its start. */
function withoutPunctuation(word: string): string[] {
  const characters = [...word];
  if (characters.length === 1) return characters;
  if (punctuation.test(characters.at(-1)!)) return [characters.slice(0, -1).join(''), characters.at(-1)!];
  if (punctuation.test(characters[0]!)) return [characters[0]!, characters.slice(1).join('')];
  return [word];
}
