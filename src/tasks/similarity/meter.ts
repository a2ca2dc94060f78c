// What is measured of embeddings: the loss; with scores how cosines and scores go together; with negatives how often
// the positive is nearest; and of pairs how well the second text is found for the first among all second texts and
// negatives of the data. As sentence-transformers' evaluators do.

import { ofKind, textAt } from '../../data/columns.js';
import { pearson, spearman } from '../../metrics/correlation.js';
import { mostRanked, RetrievalMetrics, retrievalMetrics } from '../../metrics/retrieval.js';
import type { MeasuredBatch, Meter, Results } from '../task.js';
import { isScored, type SimilarityLoss } from './losses.js';
import { dot, similarityLossOf, unitOf } from './measured-loss.js';
import { nearest, together } from './search.js';

export interface SimilarityResult {
  samples: number;
  loss: number;
  /** Of cosines and scores: of their ranks, and of the numbers themselves. */
  spearman?: number;
  pearson?: number;
  /** Share of the samples whose positive is nearer to the anchor than all its negatives, by cosine. */
  accuracy?: number;
  /** Of the first texts as queries for the second ones. */
  retrieval?: { queries: number; documents: number } & Record<string, number>;
}

/** The names of what there is with such a loss. */
export function similarityMetrics(loss: SimilarityLoss): string[] {
  if (isScored(loss.loss)) return ['loss', 'spearman', 'pearson'];
  return ['loss', ...(loss.texts > 2 ? ['accuracy'] : []), ...retrievalMetrics.map((name) => `retrieval.${name}`)];
}

export function similarityMeter(loss: SimilarityLoss, roles: readonly string[]): Meter<SimilarityResult> {
  const { texts } = loss;
  const scored = isScored(loss.loss);
  let [samples, sum, normaliser, hits] = [0, 0, 0, 0];
  const [cosines, scores]: [number[], number[]] = [[], []];
  const corpus = new Corpus();
  return {
    add(results: Results, { samples: { length: count }, inputs, slices }: MeasuredBatch) {
      const { data, shape } = results.embeddings!;
      const size = shape[2]!;
      const embeddings = data as Float32Array;
      const numbers = (name: string) => inputs.get(name)?.data as Float32Array | undefined;
      const weights = numbers('sample_weights')!;
      const given = numbers('scores');
      sum += similarityLossOf({ embeddings, texts, size, weights, scores: given, mask: numbers('pair_mask') }, loss);
      normaliser += loss.loss === 'cosent' ? 1 : sumOf(weights);
      samples += count;
      for (let row = 0; row < count; row++) {
        const vectors = roles.map((_, k) => unitOf(embeddings, (row * texts + k) * size, size));
        const [anchor, positive] = vectors as [Float64Array, Float64Array];
        const near = dot(anchor, positive);
        if (scored) {
          cosines.push(near);
          scores.push(given![row]!);
          continue;
        }
        if (vectors.slice(2).every((negative) => near > dot(anchor, negative))) hits++;
        corpus.add(
          roles.map((role) => textAt(ofKind(slices, role, 'text')!, row)),
          vectors,
        );
      }
    },
    async result() {
      const found = { samples, loss: sum / normaliser };
      if (scored) return { ...found, spearman: spearman(cosines, scores), pearson: pearson(cosines, scores) };
      return { ...found, ...(texts > 2 && { accuracy: hits / samples }), retrieval: await corpus.measure() };
    },
  };
}

const sumOf = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0);

/** Queries and documents, each text once. */
class Corpus {
  readonly #queries = new Map<string, { vector: Float64Array; relevant: Set<number> }>();
  readonly #documents = new Map<string, number>();
  readonly #vectors: Float64Array[] = [];

  add([anchor, ...texts]: readonly string[], [vector, ...vectors]: readonly Float64Array[]): void {
    const query = this.#queries.get(anchor!) ?? { vector: vector!, relevant: new Set() };
    this.#queries.set(anchor!, query);
    for (const [k, text] of texts.entries()) {
      const at = this.#documents.get(text) ?? this.#vectors.push(vectors[k]!) - 1;
      this.#documents.set(text, at);
      if (k === 0) query.relevant.add(at);
    }
  }

  async measure(): Promise<NonNullable<SimilarityResult['retrieval']>> {
    const queries = [...this.#queries.values()];
    const size = this.#vectors[0]?.length ?? 0;
    const { best, documents } = await nearest({
      queries: together(
        queries.map(({ vector }) => vector),
        size,
      ),
      documents: together(this.#vectors, size),
      size,
      most: mostRanked,
    });
    const metrics = new RetrievalMetrics();
    for (const [i, { relevant }] of queries.entries())
      metrics.add({ found: documents.subarray(i * best, (i + 1) * best), relevant });
    return { queries: queries.length, documents: this.#vectors.length, ...metrics.result() };
  }
}
