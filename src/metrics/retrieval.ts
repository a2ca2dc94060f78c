// How well documents were found for queries: what sentence-transformers' InformationRetrievalEvaluator measures, with
// relevance of yes or no. Of each query the best documents in order and the set of the relevant ones; figures are means
// over the queries.

export interface Ranked {
  /** The best first, without repetition; more than the largest k are not looked at. */
  found: ArrayLike<number>;
  relevant: ReadonlySet<number>;
}

export const cutoffs = [1, 3, 5, 10] as const;
/** Documents of each query that count at most. */
export const mostRanked = 100;

export const retrievalMetrics = [
  'ndcg@10',
  'mrr@10',
  'map@100',
  ...(['accuracy', 'precision', 'recall'] as const).flatMap((name) => cutoffs.map((k) => `${name}@${k}` as const)),
] as const;

export class RetrievalMetrics {
  #queries = 0;
  readonly #sums = new Map<string, number>(retrievalMetrics.map((name) => [name, 0]));

  add({ found, relevant }: Ranked): void {
    this.#queries++;
    const add = (name: string, value: number): void => void this.#sums.set(name, this.#sums.get(name)! + value);
    const hits = Array.from({ length: Math.min(found.length, mostRanked) }, (_, i) => relevant.has(found[i]!));
    const within = (k: number): number => hits.slice(0, k).filter(Boolean).length;
    for (const k of cutoffs) {
      add(`accuracy@${k}`, within(k) > 0 ? 1 : 0);
      add(`precision@${k}`, within(k) / k);
      add(`recall@${k}`, within(k) / relevant.size);
    }
    add('mrr@10', reciprocalRank(hits.slice(0, 10)));
    add('ndcg@10', ndcg(hits.slice(0, 10), Math.min(10, relevant.size)));
    add('map@100', averagePrecision(hits, Math.min(mostRanked, relevant.size)));
  }

  /** NaN where there was no query. */
  result(): Record<string, number> {
    return Object.fromEntries([...this.#sums].map(([name, sum]) => [name, sum / this.#queries]));
  }
}

/** One over the place of the first hit; 0 where there is none. */
export function reciprocalRank(hits: readonly boolean[]): number {
  const first = hits.indexOf(true);
  return first < 0 ? 0 : 1 / (first + 1);
}

/** Discounted gain of hits, or of shares of hits, over that of the best order, in which `relevant` come first. */
export function ndcg(hits: readonly (boolean | number)[], relevant: number): number {
  const gain = (i: number): number => 1 / Math.log2(i + 2);
  const found = hits.reduce<number>((sum, hit, i) => sum + Number(hit) * gain(i), 0);
  let ideal = 0;
  for (let i = 0; i < relevant; i++) ideal += gain(i);
  return ideal === 0 ? 0 : found / ideal;
}

/** The sum of the precisions at each hit over `of`. */
export function averagePrecision(hits: readonly boolean[], of: number): number {
  let [count, sum] = [0, 0];
  for (const [i, hit] of hits.entries()) if (hit) sum += ++count / (i + 1);
  return of === 0 ? 0 : sum / of;
}
