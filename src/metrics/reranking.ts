// How well scores order the candidates of a query, as sentence-transformers' CrossEncoderRerankingEvaluator measures
// it: MRR and NDCG of the first ten, and average precision. Where scores are equal NDCG is the mean over all orders,
// average precision counts them at once, and MRR takes those that are not relevant first: a model that gives one score
// to all has found nothing.

import { Ranking, ranked } from './ranking.js';
import { ndcg, reciprocalRank } from './retrieval.js';

const within = 10;

export const rerankingMetrics = ['map', 'mrr@10', 'ndcg@10'] as const;
export type RerankingFigures = Record<(typeof rerankingMetrics)[number], number>;

/** Of one query; 0 where no candidate is relevant. */
export function rerankingOf(given: Float32Array, relevant: readonly boolean[]): RerankingFigures {
  const scores = ranked(given);
  const places = [...scores.keys()].sort(
    (a, b) => scores[b]! - scores[a]! || Number(relevant[a]) - Number(relevant[b]),
  );
  const hits = places.map((place) => relevant[place]!);
  const total = hits.filter(Boolean).length;
  if (total === 0) return { map: 0, 'mrr@10': 0, 'ndcg@10': 0 };
  return {
    map: new Ranking(scores, relevant.map(Number)).averagePrecision(),
    'mrr@10': reciprocalRank(hits.slice(0, within)),
    'ndcg@10': ndcg(shared(places, scores, hits).slice(0, within), Math.min(within, total)),
  };
}

/** Of each place the share of a hit: equal scores share theirs. */
function shared(places: readonly number[], scores: Float32Array, hits: readonly boolean[]): number[] {
  const out: number[] = [];
  for (let from = 0; from < places.length; ) {
    let to = from + 1;
    while (to < places.length && scores[places[to]!] === scores[places[from]!]) to++;
    const share = hits.slice(from, to).filter(Boolean).length / (to - from);
    for (let i = from; i < to; i++) out.push(share);
    from = to;
  }
  return out;
}
