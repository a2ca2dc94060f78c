// Losses over embeddings [batch, texts, size], the texts of a sample being an anchor (or first text), a positive (or
// second text), and negatives. As sentence-transformers define them: MultipleNegativesRanking (one softmax over the
// candidates of the batch), its symmetric form, CosineSimilarity (squared error), CoSENT, Contrastive and Triplet
// (Euclidean), and Matryoshka around any; and of texts with classes SupCon (Khosla et al., Supervised Contrastive
// Learning, 2020, L_out). The mean over samples is Σ weight · loss / normaliser, so neither rows that
// fill a batch up nor gradient accumulation change it; CoSENT has one value for a batch, and the normaliser counts
// batches.

import type { Builder } from '../../onnx/builder.js';
import { between } from '../../onnx/formulas.js';
import type { Value } from '../../onnx/graph.js';
import { Tensor } from '../../onnx/tensor.js';
import { taskInput } from '../inputs.js';
import { summedCrossEntropy } from '../losses/cross-entropy.js';
import type { TaskLoss } from '../task.js';

export const lossNames = [
  ...(['multiple-negatives', 'cosine', 'cosent', 'contrastive', 'triplet'] as const),
  'supervised-contrastive',
] as const;
export type LossName = (typeof lossNames)[number];

export interface SimilarityLoss {
  loss: LossName;
  /** Texts of a sample. */
  texts: number;
  /** What a cosine is multiplied by before a softmax: one over the temperature. */
  scale: number;
  /** Of multiple-negatives: the anchors are candidates of the positives too. */
  symmetric: boolean;
  /** Of triplet and contrastive. */
  margin: number;
  /** Sizes of the leading parts of a vector that are trained to stand by themselves; none: the whole alone. */
  dims: readonly number[];
}

/** Whether samples have scores. */
export const isScored = (loss: LossName): boolean => loss === 'cosine' || loss === 'cosent' || loss === 'contrastive';

/** Whether samples are single texts with classes. */
export const isClassed = (loss: LossName): boolean => loss === 'supervised-contrastive';

/** Whether first texts are queries for second ones. */
export const isSearched = (loss: LossName): boolean => !isScored(loss) && !isClassed(loss);

/** Rows of the mask that takes pairs of samples out, for each sample; undefined: the loss has none. */
export function maskWidth({ loss, texts }: Pick<SimilarityLoss, 'loss' | 'texts'>): string | undefined {
  if (loss === 'multiple-negatives') return `${texts - 1}*batch`;
  return loss === 'cosent' || isClassed(loss) ? 'batch' : undefined;
}

/** Added to a logit so that it counts for nothing. */
export const takenOut = -1e4;

/** Of a length below it no direction is taken, as in PyTorch's normalize. */
const leastLength = 1e-12;
/** Added to differences by PyTorch's pairwise_distance. */
const distanceEps = 1e-6;

/**
 * Adds the loss over embeddings [B, n, D]. Its inputs: sample_weights [B], normaliser [], scores [B], pair_mask,
 * positives [B, B].
 */
export function addSimilarityLoss(b: Builder, embeddings: Value, options: SimilarityLoss): TaskLoss {
  const [batch, texts] = b.shape(embeddings) as [number, number, number];
  const inputs = new Map<string, Value>();
  const input = (name: string, shape: number[]): Value => {
    const known = inputs.get(name) ?? taskInput(b, name, 'float32', shape);
    inputs.set(name, known);
    return known;
  };
  const feeds: Feeds = {
    batch,
    texts,
    weights: () => input('sample_weights', [batch]),
    scores: () => input('scores', [batch]),
    mask: (columns) => input('pair_mask', [batch, columns]),
    positives: () => input('positives', [batch, batch]),
  };
  const sums = (options.dims.length === 0 ? [undefined] : options.dims).map((size) =>
    losses[options.loss](b, size === undefined ? embeddings : shrunk(b, embeddings, size), feeds, options),
  );
  const sum = sums.reduce((a, c) => b.op('Add', [a, c]));
  const loss = b.op('Div', [sum, input('normaliser', [])], {}, { name: 'mean_loss' });
  return { loss, inputs: [...inputs.values()], results: { embeddings } };
}

interface Feeds {
  batch: number;
  texts: number;
  weights(): Value;
  scores(): Value;
  mask(columns: number): Value;
  positives(): Value;
}

type Loss = (b: Builder, embeddings: Value, feeds: Feeds, options: SimilarityLoss) => Value;

const losses: Record<LossName, Loss> = {
  'multiple-negatives'(b, embeddings, { batch, texts, weights, mask }, { scale, symmetric }) {
    const others = texts - 1;
    const size = b.shape(embeddings)[2]!;
    const anchors = unit(b, part(b, embeddings, 0));
    const candidates = unit(b, b.op('Reshape', [between(b, embeddings, 1, 1, texts), b.ints([others * batch, size])]));
    const masked = (rows: Value, columns: Value, out: Value): Value =>
      b.op('Add', [times(b, cosines(b, rows, columns), scale), out]);
    const own = Array.from({ length: batch }, (_, i) => i * others);
    const out = mask(others * batch);
    const forward = crossEntropy(b, masked(anchors, candidates, out), own, weights());
    if (!symmetric) return forward;
    // What a positive and another sample's anchor have in common takes both ways out.
    const positives = unit(b, part(b, embeddings, 1));
    const back = others === 1 ? out : b.op('Gather', [out, b.ints(own)], { axis: 1 });
    const diagonal = Array.from({ length: batch }, (_, i) => i);
    const backward = crossEntropy(b, masked(positives, anchors, back), diagonal, weights());
    return times(b, b.op('Add', [forward, backward]), 0.5);
  },

  cosine: (b, embeddings, feeds) => {
    const error = b.op('Sub', [pairCosines(b, embeddings), feeds.scores()]);
    return weighted(b, b.op('Mul', [error, error]), feeds);
  },

  /** log(1 + Σ exp(scale · (cos i − cos j))) over pairs with score i < score j: a softmax whose answer is the 1. */
  cosent(b, embeddings, { batch, mask }, { scale }) {
    const scaled = times(b, pairCosines(b, embeddings), scale);
    const differences = b.op('Sub', [
      b.op('Unsqueeze', [scaled, b.ints([1])]),
      b.op('Unsqueeze', [scaled, b.ints([0])]),
    ]);
    const all = b.op('Reshape', [b.op('Add', [differences, mask(batch)]), b.ints([1, batch * batch])]);
    const logits = b.op('Concat', [all, b.constant(Tensor.of('float32', [0], [1, 1]))], { axis: 1 });
    return crossEntropy(b, logits, [batch * batch], b.constant(Tensor.of('float32', [1], [1])));
  },

  /** ½ · (y · d² + (1 − y) · max(0, margin − d)²) of the cosine distance d. */
  contrastive(b, embeddings, feeds, { margin }) {
    const scores = feeds.scores();
    const distance = b.op('Sub', [b.scalar('float32', 1), pairCosines(b, embeddings)]);
    const short = b.op('Relu', [b.op('Sub', [b.scalar('float32', margin), distance])]);
    const near = b.op('Mul', [scores, b.op('Mul', [distance, distance])]);
    const far = b.op('Mul', [b.op('Sub', [b.scalar('float32', 1), scores]), b.op('Mul', [short, short])]);
    return times(b, weighted(b, b.op('Add', [near, far]), feeds), 0.5);
  },

  /** − the mean of ln softmax(scale · cos) over the others of the class, among all others of the batch. */
  'supervised-contrastive'(b, embeddings, feeds, { scale }) {
    const { batch, mask, positives } = feeds;
    const vectors = unit(b, part(b, embeddings, 0));
    const logits = b.op('Add', [times(b, cosines(b, vectors, vectors), scale), mask(batch)]);
    const logs = b.op('LogSoftmax', [logits], { axis: -1 });
    return times(b, weighted(b, overSize(b, b.op('Mul', [positives(), logs])), feeds), -1);
  },

  /** max(0, |a − p| − |a − n| + margin). */
  triplet(b, embeddings, feeds, { margin }) {
    const anchor = part(b, embeddings, 0);
    const distance = (k: number): Value => {
      const difference = b.op('Sub', [anchor, part(b, embeddings, k)]);
      const shifted = b.op('Add', [difference, b.scalar('float32', distanceEps)]);
      return b.op('Sqrt', [overSize(b, b.op('Mul', [shifted, shifted]))]);
    };
    const gap = b.op('Sub', [distance(1), distance(2)]);
    return weighted(b, b.op('Relu', [b.op('Add', [gap, b.scalar('float32', margin)])]), feeds);
  },
};

const times = (b: Builder, x: Value, factor: number): Value => b.op('Mul', [x, b.scalar('float32', factor)]);

/** Text `k` of each sample: [B, D]. */
const part = (b: Builder, x: Value, k: number): Value => b.op('Squeeze', [between(b, x, 1, k, k + 1), b.ints([1])]);

const overSize = (b: Builder, x: Value): Value => b.op('ReduceSum', [x, b.ints([1])], { keepdims: 0 });

/** Of length 1 along the last axis. */
export function unit(b: Builder, x: Value): Value {
  const squares = b.op('ReduceSum', [b.op('Mul', [x, x]), b.ints([-1])], { keepdims: 1 });
  return b.op('Div', [x, b.op('Sqrt', [b.op('Max', [squares, b.scalar('float32', leastLength ** 2)])])]);
}

/** The first `size` numbers of each vector, brought to length 1. */
const shrunk = (b: Builder, x: Value, size: number): Value => unit(b, between(b, x, 2, 0, size));

/** Of unit vectors [N, D] and [M, D]: [N, M]. */
const cosines = (b: Builder, x: Value, y: Value): Value =>
  b.op('MatMul', [x, b.op('Transpose', [y], { perm: [1, 0] })], {}, { name: 'cosines' });

/** Of the two texts of each sample: [B]. */
const pairCosines = (b: Builder, x: Value): Value =>
  overSize(b, b.op('Mul', [unit(b, part(b, x, 0)), unit(b, part(b, x, 1))]));

const weighted = (b: Builder, rows: Value, { weights }: Feeds): Value =>
  b.op('ReduceSum', [b.op('Mul', [rows, weights()])], { keepdims: 0 });

/** Σ weight · cross-entropy of each row of logits, whose answers are known beforehand. */
const crossEntropy = (b: Builder, logits: Value, answers: readonly number[], weights: Value): Value =>
  summedCrossEntropy(b, logits, b.ints(answers), weights);
