// Byte-pair merging over the words of a corpus: the most frequent pair of neighbouring pieces becomes one piece, again
// and again. Both WordPiece and byte-level BPE are learnt so; which pairs come first among equally frequent ones is
// decided by the pieces' ids, as in the Rust tokenizers, so that the result is a function of the words alone. Source:
// Sennrich et al., Neural Machine Translation of Rare Words with Subword Units (2016).

/** A word as the pieces it consists of so far, and how often it occurs. */
export interface Word {
  pieces: number[];
  count: number;
}

/**
 * Pairs of neighbouring pieces by frequency; ties go to the pair of the older pieces. Stale entries are dropped late.
 */
class PairQueue {
  readonly #keys: number[] = [];
  readonly #counts: number[] = [];

  #before(i: number, j: number): boolean {
    const byCount = this.#counts[i]! - this.#counts[j]!;
    return byCount > 0 || (byCount === 0 && this.#keys[i]! < this.#keys[j]!);
  }

  #swap(i: number, j: number): void {
    for (const array of [this.#keys, this.#counts]) [array[i], array[j]] = [array[j]!, array[i]!];
  }

  push(key: number, count: number): void {
    let i = this.#keys.push(key) - 1;
    this.#counts.push(count);
    for (let parent = (i - 1) >> 1; i > 0 && this.#before(i, parent); parent = (i - 1) >> 1) {
      this.#swap(i, parent);
      i = parent;
    }
  }

  pop(): { key: number; count: number } | undefined {
    if (this.#keys.length === 0) return undefined;
    this.#swap(0, this.#keys.length - 1);
    const top = { key: this.#keys.pop()!, count: this.#counts.pop()! };
    for (let i = 0; ; ) {
      let first = i;
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < this.#keys.length && this.#before(child, first)) first = child;
      if (first === i) return top;
      this.#swap(i, first);
      i = first;
    }
  }
}

const pairKey = (a: number, b: number): number => a * 0x100000 + b;

/** The pairs of the corpus: how often each occurs and in which words it was seen. */
class PairIndex {
  readonly #words: Word[];
  readonly #counts = new Map<number, number>();
  readonly #seenIn = new Map<number, number[]>();
  readonly #queue = new PairQueue();

  constructor(words: Word[]) {
    this.#words = words;
    for (let i = 0; i < words.length; i++) this.#count(i, 1);
    for (const [key, count] of this.#counts) this.#queue.push(key, count);
  }

  #count(index: number, sign: 1 | -1, changed?: Set<number>): void {
    const { pieces, count } = this.#words[index]!;
    for (let i = 0; i + 1 < pieces.length; i++) {
      const key = pairKey(pieces[i]!, pieces[i + 1]!);
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + sign * count);
      if (sign < 0) continue;
      changed?.add(key);
      const seen = this.#seenIn.get(key);
      if (!seen) this.#seenIn.set(key, [index]);
      else if (seen.at(-1) !== index) seen.push(index);
    }
  }

  /** The most frequent pair, if it occurs at least `minimum` times. */
  best(minimum: number): { a: number; b: number } | undefined {
    for (let top = this.#queue.pop(); top; top = this.#queue.pop()) {
      const count = this.#counts.get(top.key) ?? 0;
      if (count === top.count && count >= minimum) return { a: Math.floor(top.key / 0x100000), b: top.key % 0x100000 };
      if (count >= minimum && count < top.count) this.#queue.push(top.key, count);
    }
    return undefined;
  }

  /** Replaces the pair by one piece in every word. */
  merge(a: number, b: number, piece: number): void {
    const key = pairKey(a, b);
    const changed = new Set<number>();
    for (const index of new Set(this.#seenIn.get(key))) {
      const word = this.#words[index]!;
      if (!word.pieces.some((p, i) => p === a && word.pieces[i + 1] === b)) continue;
      this.#count(index, -1);
      const merged: number[] = [];
      for (let i = 0; i < word.pieces.length; i++) {
        const hit = word.pieces[i] === a && word.pieces[i + 1] === b;
        merged.push(hit ? piece : word.pieces[i]!);
        if (hit) i++;
      }
      word.pieces = merged;
      this.#count(index, 1, changed);
    }
    this.#counts.delete(key);
    this.#seenIn.delete(key);
    for (const pair of changed) this.#queue.push(pair, this.#counts.get(pair)!);
  }
}

export interface Merging {
  /** Pieces before any merge, by their ids; those that are learnt come behind. */
  pieces: string[];
  words: Word[];
  /** Pieces at most. */
  size: number;
  /** A pair that is rarer is not merged. */
  minFrequency: number;
  /** The text of two pieces as one. */
  join(a: string, b: string): string;
}

/** Learns pieces, which are put behind those of `pieces`; returns the pairs that were merged, in order. */
export function learnMerges({ pieces, words, size, minFrequency, join }: Merging): [string, string][] {
  const ids = new Map(pieces.map((piece, i) => [piece, i]));
  const pairs = new PairIndex(words);
  const merges: [string, string][] = [];
  while (pieces.length < size) {
    const pair = pairs.best(minFrequency);
    if (!pair) break;
    const [a, b] = [pieces[pair.a]!, pieces[pair.b]!];
    const text = join(a, b);
    let piece = ids.get(text);
    if (piece === undefined) {
      piece = pieces.push(text) - 1;
      ids.set(text, piece);
    }
    merges.push([a, b]);
    pairs.merge(pair.a, pair.b, piece);
  }
  return merges;
}
