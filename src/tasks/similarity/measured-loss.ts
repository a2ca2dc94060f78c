// The losses of embeddings over one batch, from embeddings that come from elsewhere than the training graph: a saved
// file's. In double precision; formulas as in losses.ts.

import { crossEntropy } from '../../metrics/cross-entropy.js';
import type { SimilarityLoss } from './losses.js';

export interface EmbeddedBatch {
  /** [samples, texts, size] */
  embeddings: Float32Array;
  texts: number;
  size: number;
  /** Those that only fill up weigh 0. */
  weights: ArrayLike<number>;
  scores?: ArrayLike<number> | undefined;
  /** Added to the logits: [samples, candidates]. */
  mask?: ArrayLike<number> | undefined;
  /** Of texts with classes, [samples, samples]: the share of each other in a row's loss. */
  positives?: ArrayLike<number> | undefined;
}

/** The sum of the loss over the batch, before it is divided by the normaliser. */
export function similarityLossOf(batch: EmbeddedBatch, options: SimilarityLoss): number {
  const sizes = options.dims.length === 0 ? [batch.size] : options.dims;
  return sizes.reduce((sum, size) => sum + lossAt(batch, size, options), 0);
}

function lossAt(batch: EmbeddedBatch, size: number, options: SimilarityLoss): number {
  const { embeddings, texts, weights } = batch;
  const count = embeddings.length / (texts * batch.size);
  const { loss, scale, margin, symmetric, dims } = options;
  const unit = loss !== 'triplet' || dims.length > 0;
  const vectors = Array.from({ length: count * texts }, (_, i) =>
    unit
      ? unitOf(embeddings, i * batch.size, size)
      : Float64Array.from(embeddings.subarray(i * batch.size, i * batch.size + size)),
  );
  const of = (row: number, text: number): Float64Array => vectors[row * texts + text]!;
  const cosines = (): number[] => Array.from({ length: count }, (_, row) => dot(of(row, 0), of(row, 1)));
  const overRows = (value: (row: number) => number): number => {
    let sum = 0;
    for (let row = 0; row < count; row++) if (weights[row]! > 0) sum += weights[row]! * value(row);
    return sum;
  };
  const scores = batch.scores ?? [];
  if (loss === 'cosine') {
    const found = cosines();
    return overRows((row) => (found[row]! - scores[row]!) ** 2);
  }
  if (loss === 'contrastive') {
    const found = cosines();
    return overRows((row) => {
      const [y, d] = [scores[row]!, 1 - found[row]!];
      return 0.5 * (y * d * d + (1 - y) * Math.max(0, margin - d) ** 2);
    });
  }
  if (loss === 'triplet')
    return overRows((row) => Math.max(0, distance(of(row, 0), of(row, 1)) - distance(of(row, 0), of(row, 2)) + margin));
  const mask = batch.mask!;
  if (loss === 'cosent') {
    const found = cosines();
    const logits = new Float64Array(count * count + 1);
    for (let i = 0; i < count; i++)
      for (let j = 0; j < count; j++) logits[i * count + j] = scale * (found[i]! - found[j]!) + mask[i * count + j]!;
    return crossEntropy(logits, 0, logits.length, count * count).loss;
  }
  if (loss === 'supervised-contrastive') {
    const positives = batch.positives!;
    return overRows((row) => {
      const logits = Float64Array.from(
        { length: count },
        (_, j) => scale * dot(of(row, 0), of(j, 0)) + mask[row * count + j]!,
      );
      const share = (j: number): number => positives[row * count + j]!;
      return logits.reduce(
        (sum, _, j) => sum + (share(j) > 0 ? share(j) * crossEntropy(logits, 0, count, j).loss : 0),
        0,
      );
    });
  }
  const others = texts - 1;
  const width = count * others;
  const candidate = (j: number): Float64Array => of(Math.floor(j / others), 1 + (j % others));
  const forward = overRows((row) => {
    const logits = Float64Array.from(
      { length: width },
      (_, j) => scale * dot(of(row, 0), candidate(j)) + mask[row * width + j]!,
    );
    return crossEntropy(logits, 0, width, row * others).loss;
  });
  if (!symmetric) return forward;
  const backward = overRows((row) => {
    const logits = Float64Array.from(
      { length: count },
      (_, j) => scale * dot(of(row, 1), of(j, 0)) + mask[row * width + j * others]!,
    );
    return crossEntropy(logits, 0, count, row).loss;
  });
  return (forward + backward) / 2;
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** `size` numbers from `from` on, brought to length 1. */
export function unitOf(values: Float32Array, from: number, size: number): Float64Array {
  const vector = Float64Array.from(values.subarray(from, from + size));
  const length = Math.max(Math.sqrt(dot(vector, vector)), 1e-12);
  return vector.map((value) => value / length);
}

const distance = (a: Float64Array, b: Float64Array): number =>
  Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]! + 1e-6) ** 2, 0));
