// BLEU of a whole corpus and of single texts as sacrebleu computes it: the geometric mean of the precisions of runs of
// one to four tokens, counts clipped to the reference that has most of each, times a penalty for what is too short.
// Sources: Papineni et al. 2002; https://github.com/mjpost/sacrebleu (metrics/bleu.py, with smoothing `exp`).

import { referenceCount, type Signed, sacrebleuVersion } from './signature.js';
import { type TextTokenizer, tokenise } from './tokenizers.js';
import { type Counts, countRuns } from './words.js';

const orders = 4;

export interface BleuOptions {
  /** Default 13a. */
  tokenizer?: TextTokenizer | undefined;
  /** Whether case is lost first; default no. */
  lowercase?: boolean | undefined;
  /**
   * Whether runs that a text is too short for are left out of the mean: for single texts, as their BLEU is 0 otherwise.
   * Default no.
   */
  effectiveOrder?: boolean | undefined;
}

export class Bleu implements Signed {
  readonly #options: BleuOptions;
  readonly #correct = new Array<number>(orders).fill(0);
  readonly #total = new Array<number>(orders).fill(0);
  #length = 0;
  #referenceLength = 0;
  readonly #references = new Set<number>();

  constructor(options: BleuOptions = {}) {
    this.#options = options;
  }

  /** @param references at least one; counts are of the one that has most, lengths of the one that is nearest */
  add(text: string, references: readonly string[]): void {
    const words = this.#tokens(text);
    const others = references.map((reference) => this.#tokens(reference));
    this.#references.add(references.length);
    this.#length += words.length;
    this.#referenceLength += nearestLength(words.length, others);
    for (let n = 1; n <= orders; n++) {
      const most: Counts = new Map();
      for (const other of others)
        for (const [run, count] of countRuns(other, n)) most.set(run, Math.max(count, most.get(run) ?? 0));
      for (const [run, count] of countRuns(words, n)) {
        this.#total[n - 1]! += count;
        this.#correct[n - 1]! += Math.min(count, most.get(run) ?? 0);
      }
    }
  }

  #tokens(text: string): string[] {
    const { tokenizer = '13a', lowercase = false } = this.#options;
    return tokenise(lowercase ? text.toLowerCase() : text, tokenizer);
  }

  /** 0 to 100. */
  get score(): number {
    if (this.#correct.every((count) => count === 0)) return 0;
    let sum = 0;
    let used = 0;
    let halving = 1;
    for (const [i, total] of this.#total.entries()) {
      if (total === 0) break;
      const correct = this.#correct[i]!;
      // The first order without a match counts half a match, the next a quarter, and so on.
      if (correct === 0) halving *= 2;
      sum += Math.log(correct === 0 ? 1 / (halving * total) : correct / total);
      used++;
    }
    // Of an order that no text is long enough for, precision is 0.
    if (used < orders && !this.#options.effectiveOrder) return 0;
    return 100 * this.brevityPenalty * Math.exp(sum / used);
  }

  /** 1 where the texts are as long as the references, less where they are shorter. */
  get brevityPenalty(): number {
    if (this.#length >= this.#referenceLength) return 1;
    return this.#length === 0 ? 0 : Math.exp(1 - this.#referenceLength / this.#length);
  }

  get signature(): string {
    const { tokenizer = '13a', lowercase = false, effectiveOrder = false } = this.#options;
    return [
      `nrefs:${referenceCount(this.#references)}`,
      `case:${lowercase ? 'lc' : 'mixed'}`,
      `eff:${effectiveOrder ? 'yes' : 'no'}`,
      `tok:${tokenizer}`,
      'smooth:exp',
      `version:${sacrebleuVersion}`,
    ].join('|');
  }
}

/** The shorter one of two that are equally near. */
function nearestLength(length: number, others: readonly (readonly string[])[]): number {
  const distance = (other: number): number => Math.abs(length - other);
  return others
    .map((other) => other.length)
    .reduce((a, b) => (distance(b) < distance(a) || (distance(b) === distance(a) && b < a) ? b : a));
}
