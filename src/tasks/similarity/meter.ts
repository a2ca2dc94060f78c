// What is measured of embeddings: the loss; with scores how cosines and scores go together; with negatives how often
// the positive is nearest; and of pairs how well the second text is found for the first among all second texts and
// negatives of the data. As sentence-transformers' evaluators do.

import { ofKind, textAt } from '../../data/columns.js';
import { pearson, spearman } from '../../metrics/correlation.js';
import { within } from '../../metrics/names.js';
import { mostRanked, RetrievalMetrics, retrievalMetrics } from '../../metrics/retrieval.js';
import type { MeasuredBatch, Meter, Results } from '../task.js';
import { isClassed, isScored, type SimilarityLoss } from './losses.js';
import { classRole } from './mask.js';
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
  /** Of the first texts as queries for the second ones; of texts with classes as queries for others of their class. */
  retrieval?: { queries: number; documents: number } & Record<string, number>;
}

/** The names of what there is with such a loss. */
export function similarityMetrics(loss: SimilarityLoss) {
  if (isScored(loss.loss)) return ['loss', 'spearman', 'pearson'] as const;
  const triplets = loss.texts > 2 ? (['accuracy'] as const) : [];
  return ['loss', ...triplets, ...within('retrieval', retrievalMetrics)] as const;
}

export function similarityMeter(loss: SimilarityLoss, roles: readonly string[]): Meter<SimilarityResult> {
  const { texts } = loss;
  const scored = isScored(loss.loss);
  let [samples, sum, normaliser, hits] = [0, 0, 0, 0];
  const [cosines, scores]: [number[], number[]] = [[], []];
  const corpus = isClassed(loss.loss) ? new Classes() : new Corpus();
  return {
    add(results: Results, { samples: { length: count }, inputs, slices }: MeasuredBatch) {
      const { data, shape } = results.embeddings!;
      const size = shape[2]!;
      const embeddings = data as Float32Array;
      const numbers = (name: string) => inputs.get(name)?.data as Float32Array | undefined;
      const weights = numbers('sample_weights')!;
      const given = numbers('scores');
      const [mask, positives] = [numbers('pair_mask'), numbers('positives')];
      sum += similarityLossOf({ embeddings, texts, size, weights, scores: given, mask, positives }, loss);
      normaliser += loss.loss === 'cosent' ? 1 : positives ? sumOfMated(weights, positives) : sumOf(weights);
      for (let row = 0; row < count; row++) {
        if (corpus instanceof Classes) {
          const [text, of] = [roles[0]!, classRole].map((role) => textAt(ofKind(slices, role, 'text')!, row));
          samples++;
          corpus.add(text!, of!, unitOf(embeddings, row * size, size));
          continue;
        }
        const vectors = roles.map((_, k) => unitOf(embeddings, (row * texts + k) * size, size));
        const [anchor, positive] = vectors as [Float64Array, Float64Array];
        const own = roles.map((role) => textAt(ofKind(slices, role, 'text')!, row));
        if (!scored && own[0]!.trim() === '') {
          corpus.addDocuments(own.slice(1), vectors.slice(1));
          continue;
        }
        samples++;
        const near = dot(anchor, positive);
        if (scored) {
          cosines.push(near);
          scores.push(given![row]!);
          continue;
        }
        if (vectors.slice(2).every((negative) => near > dot(anchor, negative))) hits++;
        corpus.add(own, vectors);
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

/** Of those that have another of their class in the batch. */
const sumOfMated = (weights: Float32Array, positives: Float32Array): number =>
  weights.reduce((sum, weight, row) => {
    const shares = positives.subarray(row * weights.length, (row + 1) * weights.length);
    return sum + (shares.some((share) => share > 0) ? weight : 0);
  }, 0);

/** Queries and documents, each text once. */
class Corpus {
  readonly #queries = new Map<string, { vector: Float64Array; relevant: Set<number> }>();
  readonly #documents = new Map<string, number>();
  readonly #vectors: Float64Array[] = [];

  add([anchor, ...texts]: readonly string[], [vector, ...vectors]: readonly Float64Array[]): void {
    const query = this.#queries.get(anchor!) ?? { vector: vector!, relevant: new Set() };
    this.#queries.set(anchor!, query);
    const [relevant] = this.addDocuments(texts, vectors);
    query.relevant.add(relevant!);
  }

  /** Texts that are searched; their numbers. */
  addDocuments(texts: readonly string[], vectors: readonly Float64Array[]): number[] {
    return texts.map((text, k) => {
      const at = this.#documents.get(text) ?? this.#vectors.push(vectors[k]!) - 1;
      this.#documents.set(text, at);
      return at;
    });
  }

  measure(): Promise<Retrieval> {
    return retrievalOf([...this.#queries.values()], this.#vectors);
  }
}

/** Texts with classes, each text once: each is a query for the others of its class. */
class Classes {
  readonly #texts = new Set<string>();
  readonly #classes = new Map<string, Set<number>>();
  readonly #vectors: Float64Array[] = [];

  add(text: string, of: string, vector: Float64Array): void {
    if (this.#texts.has(text)) return;
    this.#texts.add(text);
    const members = this.#classes.get(of) ?? new Set();
    this.#classes.set(of, members.add(this.#vectors.push(vector) - 1));
  }

  measure(): Promise<Retrieval> {
    const queries = [...this.#classes.values()].flatMap((members) =>
      members.size < 2 ? [] : [...members].map((own) => ({ vector: this.#vectors[own]!, relevant: members, own })),
    );
    return retrievalOf(queries, this.#vectors);
  }
}

type Retrieval = NonNullable<SimilarityResult['retrieval']>;

interface Query {
  vector: Float64Array;
  /** Documents. */
  relevant: ReadonlySet<number>;
  /** The document that the query is itself, which is not looked for. */
  own?: number;
}

async function retrievalOf(queries: readonly Query[], vectors: readonly Float64Array[]): Promise<Retrieval> {
  const size = vectors[0]?.length ?? 0;
  const { best, documents } = await nearest({
    queries: together(
      queries.map(({ vector }) => vector),
      size,
    ),
    documents: together(vectors, size),
    size,
    most: mostRanked + 1,
  });
  const metrics = new RetrievalMetrics();
  for (const [i, { relevant, own }] of queries.entries()) {
    const found = documents.subarray(i * best, (i + 1) * best);
    if (own === undefined) metrics.add({ found, relevant });
    else {
      const others = new Set(relevant);
      others.delete(own);
      metrics.add({ found: found.filter((document) => document !== own), relevant: others });
    }
  }
  return { queries: queries.length, documents: vectors.length, ...metrics.result() };
}
