// The texts of a corpus that answer each of many queries best, by BM25, with the corpus passed over twice and never
// held: the first pass counts words, the second scores. What is in memory is the words of the queries, which of them
// have each, and the best so far; so a corpus of any length will do. Exact: what is not scored cannot be among the best
// (Turtle and Flood, Query Evaluation: Strategies and Optimizations, 1995, their max-score, with the part of queries
// and documents exchanged).

import { type Bm25Options, rarity, saturation, usualBm25, wordsOf } from './bm25.js';

/** The texts of a corpus in their order, some at a time; each call passes over it anew. */
export type Corpus = () => AsyncIterable<readonly string[]>;

export interface Answer {
  /** Number of the text in the corpus, from 0. */
  document: number;
  score: number;
}

/**
 * For each query its best texts, the best first, of equal ones the earlier first; fewer than `most` where fewer have a
 * word of it.
 */
export async function bestTexts(
  queries: readonly string[],
  corpus: Corpus,
  most: number,
  options: Bm25Options = usualBm25,
): Promise<Answer[][]> {
  const words = new Map<string, number>();
  const ofQueries = queries.map((query) =>
    Uint32Array.from(new Set(wordsOf(query)), (word) => {
      if (!words.has(word)) words.set(word, words.size);
      return words.get(word)!;
    }),
  );
  const { documents, meanLength, having } = await countWords(corpus, words);
  const weights = Float64Array.from(having, (count) => rarity(documents, count));
  const search = new Search(ofQueries, weights, most, options);
  const counts = new Uint32Array(words.size);
  let document = 0;
  for await (const texts of corpus())
    for (const text of texts) {
      const found = wordsOf(text);
      const met: number[] = [];
      for (const word of found) {
        const id = words.get(word);
        if (id !== undefined && counts[id]!++ === 0) met.push(id);
      }
      search.add(document++, met, (id) => saturation(counts[id]!, found.length, meanLength, options), counts);
      for (const id of met) counts[id] = 0;
    }
  return queries.map((_, query) => search.answers(query));
}

/** How many texts there are, how long, and how many have each word. */
async function countWords(corpus: Corpus, words: ReadonlyMap<string, number>) {
  const having = new Uint32Array(words.size);
  let [documents, length] = [0, 0];
  for await (const texts of corpus())
    for (const text of texts) {
      const found = wordsOf(text);
      documents++;
      length += found.length;
      for (const word of new Set(found)) {
        const id = words.get(word);
        if (id !== undefined) having[id]!++;
      }
    }
  return { documents, meanLength: length / documents, having };
}

/** The best texts so far of every query. */
class Search {
  /** Words of each query, those that weigh least first. */
  readonly #queries: readonly Uint32Array[];
  readonly #weights: Float64Array;
  readonly #best: Best[];
  /**
   * Of each query the first of its words that counts: a text that has none from there on stays below the worst of its
   * best.
   */
  readonly #first: Uint32Array;
  /** Of each word the queries in which it may count, and its place there; those that it no longer does are dropped. */
  readonly #having: { query: number; place: number }[][];
  readonly #most: number;
  /** What a word's weight is multiplied by at most. */
  readonly #bound: number;
  /** Number of the text behind the last that each query was scored for. */
  readonly #scored: Float64Array;

  constructor(queries: readonly Uint32Array[], weights: Float64Array, most: number, { k1 }: Bm25Options) {
    this.#queries = queries.map((words) => words.toSorted((a, b) => weights[a]! - weights[b]! || a - b));
    this.#weights = weights;
    this.#most = most;
    this.#bound = k1 + 1;
    this.#best = queries.map(() => new Best());
    this.#first = new Uint32Array(queries.length);
    this.#scored = new Float64Array(queries.length);
    this.#having = Array.from(weights, () => []);
    for (const [query, words] of this.#queries.entries())
      for (const [place, word] of words.entries()) this.#having[word]!.push({ query, place });
  }

  /** A text with the words `met`; `share`: what the weight of each is multiplied by. */
  add(document: number, met: readonly number[], share: (word: number) => number, counts: Uint32Array): void {
    for (const word of met) {
      const having = this.#having[word]!;
      let kept = 0;
      for (const one of having) {
        if (one.place < this.#first[one.query]!) continue;
        having[kept++] = one;
        if (this.#scored[one.query] === document + 1) continue;
        this.#scored[one.query] = document + 1;
        let score = 0;
        for (const other of this.#queries[one.query]!)
          if (counts[other]! > 0) score += this.#weights[other]! * share(other);
        if (this.#best[one.query]!.add({ document, score }, this.#most)) this.#narrow(one.query);
      }
      having.length = kept;
    }
  }

  /** Leaves out the words that cannot make a text one of the best by themselves any more. */
  #narrow(query: number): void {
    const { worst } = this.#best[query]!;
    const words = this.#queries[query]!;
    let first = 0;
    let most = 0;
    while (first < words.length) {
      most += this.#weights[words[first]!]! * this.#bound;
      if (most > worst) break;
      first++;
    }
    this.#first[query] = first;
  }

  answers(query: number): Answer[] {
    return this.#best[query]!.sorted();
  }
}

/** A heap with the worst on top. */
class Best {
  readonly #heap: Answer[] = [];

  get worst(): number {
    return this.#heap[0]!.score;
  }

  /** Whether it is full and its worst has changed. */
  add(answer: Answer, most: number): boolean {
    const heap = this.#heap;
    if (heap.length < most) {
      heap.push(answer);
      this.#up(heap.length - 1);
      return heap.length === most;
    }
    // Of equal ones the earlier stays.
    if (answer.score <= this.worst) return false;
    heap[0] = answer;
    this.#down();
    return true;
  }

  sorted(): Answer[] {
    return this.#heap.toSorted((a, b) => b.score - a.score || a.document - b.document);
  }

  #worse(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a]!, this.#heap[b]!];
    return one.score < other.score || (one.score === other.score && one.document > other.document);
  }

  #up(from: number): void {
    for (let at = from; at > 0; ) {
      const above = (at - 1) >> 1;
      if (!this.#worse(at, above)) return;
      this.#swap(at, above);
      at = above;
    }
  }

  #down(): void {
    const { length } = this.#heap;
    for (let at = 0; ; ) {
      let worst = at;
      for (const below of [2 * at + 1, 2 * at + 2]) if (below < length && this.#worse(below, worst)) worst = below;
      if (worst === at) return;
      this.#swap(at, worst);
      at = worst;
    }
  }

  #swap(a: number, b: number): void {
    [this.#heap[a], this.#heap[b]] = [this.#heap[b]!, this.#heap[a]!];
  }
}
