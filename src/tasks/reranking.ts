// A score of how well a text answers a query (cross-encoder): both go through the model as one pair, and its one output
// is the score. Slower than comparing vectors, and more exact: what a search has found is ordered again by it. Rows are
// pairs with a number, or a query with a text that answers it and others that do not, each a pair of its own. The loss
// is that of a single label, or of a regression; config.json says which, so that both transformers libraries and
// sentence-transformers give the same scores.

import { type ColumnSpec, ofKind, textAt } from '../data/columns.js';
import { type EncodeRequest, SampleError, writerOf } from '../data/encode.js';
import type { Slot } from '../data/slots.js';
import type { TextEncoding } from '../data/tokenizer/protocol.js';
import { ModelError } from '../errors.js';
import { pearson, spearman } from '../metrics/correlation.js';
import { rerankingMetrics, rerankingOf } from '../metrics/reranking.js';
import { sigmoid } from '../metrics/sigmoid.js';
import { metricsLine } from '../report/metrics.js';
import { textDropout } from '../transfer/config.js';
import { classifierConfig, logitsOf } from './classes.js';
import { fixedBatch } from './fixed-axes.js';
import { addLoss } from './losses.js';
import { classifierResults } from './reading.js';
import { filledTexts } from './similarity/encode.js';
import { groupFields, textContradictions, textRoles } from './similarity/fields.js';
import type { MeasuredBatch, Meter, Prediction, Results, Task } from './task.js';
import { textFields } from './text-fields.js';
import { refusePacked, refusePictures, textPlan } from './texts.js';

const name = 'reranking';

export interface RerankingOptions {
  /** labels: how likely the text answers (binary cross-entropy); values: scores as they are (squared error). */
  targets: 'labels' | 'values';
  /** Of the columns of texts, the query's first. */
  roles: readonly string[];
}

export interface RerankingResult {
  /** Pairs. */
  samples: number;
  loss: number;
  /** Queries with all their candidates, where relevance is yes or no; means over them. */
  queries?: number;
  map?: number;
  'mrr@10'?: number;
  'ndcg@10'?: number;
  /** Of the scores that were learnt, where they are squared errors'. */
  spearman?: number;
  pearson?: number;
}

export interface RerankingPrediction extends Prediction {
  /** A probability, or of a model that was trained on scores the score. */
  score: number;
}

interface Encoding extends TextEncoding, RerankingOptions {
  predicting: boolean;
}

export const reranking = {
  name,
  purpose: 'scores of texts for a query',
  fields: (kit) => {
    const { textColumn, pairColumn, maxLength, buckets } = textFields(kit);
    const all = {
      textColumn,
      pairColumn,
      ...groupFields(kit),
      rerankingLoss: kit.z
        .enum(['bce', 'mse'])
        .default('bce')
        .meta(
          kit.about(`${name}: binary cross-entropy (scores from 0 to 1), or the squared error of scores of any size.`),
        ),
      maxLength,
      buckets,
    };
    return { all, train: {}, predict: { textColumn, pairColumn, maxLength, buckets } };
  },
  shared: ['textColumn', 'pairColumn', 'negativeColumns', 'scoreColumn'] as const,
  *contradictions(config) {
    const { scoreColumn, negativeColumns } = config;
    yield* textContradictions(name, config);
    if (scoreColumn === undefined && negativeColumns === undefined)
      yield `task ${name} learns which texts do not answer, too: set 'negativeColumns', columns of such texts, or 'scoreColumn', a number for each pair`;
    if (scoreColumn !== undefined && negativeColumns !== undefined)
      yield "options 'scoreColumn' and 'negativeColumns' contradict each other: the text of pairColumn has the score, or answers; leave one out";
  },
  options: (config): RerankingOptions => ({
    targets: config.rerankingLoss === 'mse' ? 'values' : 'labels',
    roles: textRoles(config).map(([role]) => role),
  }),
  ofModel: ({ config }) => ({ rerankingLoss: config.problem_type === 'regression' ? 'mse' : 'bce' }),
  columns: (config): ColumnSpec[] => [
    ...textRoles(config).map(([role, column]): ColumnSpec => ({ role, kind: 'text', name: column })),
    ...(config.scoreColumn === undefined
      ? []
      : [{ role: 'score', kind: 'numbers', name: config.scoreColumn, target: true } as const]),
  ],
  classes: false,
  refuses: refusePictures(name, 'image-classification'),
  head: 'score',
  peftType: 'SEQ_CLS',
  headDropout: true,
  dropout: textDropout,
  // Nothing is kept of a frozen trunk (no writeTargets): a sample is several rows.
  cacheable: () => false,
  async plan(model, config, tables, options) {
    refusePacked(tables, 'packed texts are not split into columns; give the texts');
    const plan = await textPlan(model, config, tables);
    const predicting = model.purpose === 'predict';
    const candidates = predicting ? 1 : options.roles.length - 1;
    if (candidates > 1 && fixedBatch(model.inputs) !== undefined)
      throw new ModelError(
        `${model.directory}: the model file takes batches of ${fixedBatch(model.inputs)} alone, and the pairs of a sample go through it together; export it with dynamic axes`,
      );
    const rows = `${candidates}*batch`;
    return {
      ...plan,
      encoding: { ...plan.encoding, ...options, predicting },
      preprocessing: { ...(plan.preprocessing as object), roles: options.roles },
      fields: [
        ...plan.fields.map((field) => ({ ...field, shape: [rows, 'tokens'] })),
        ...(predicting
          ? []
          : ([
              { name: 'labels', dtype: 'float32', shape: [rows, 1] },
              { name: 'sample_weights', dtype: 'float32', shape: [rows] },
            ] as const)),
      ],
      notes: [
        ...(plan.notes ?? []),
        ...(model.purpose === 'train' && options.targets === 'values' ? [noPipeline] : []),
      ],
    };
  },
  async encoder(encoding) {
    const text = await import('../data/text/encode.js');
    const { targets, roles, predicting, ...files } = encoding as Encoding;
    const tokenizer = await text.openTokenizer(files);
    return async (whole, slot) => {
      if (predicting) {
        const { rows, bad } = await text.encodeTexts(tokenizer, whole);
        const measured = text.measureTexts(slot, rows);
        text.writeTokens(slot, measured.axes, rows, tokenizer);
        return { ...measured, weights: { normaliser: 0 }, ...(bad && { bad }) };
      }
      const [queries, ...candidates] = filledTexts(whole, roles);
      const pairs = Array.from(whole.samples, (_, row) =>
        candidates.map((texts) => [queries![row]!, texts[row]!] as const),
      ).flat();
      const { rows, request, bad } = await text.encodeRows(tokenizer, whole, pairs, candidates.length);
      const measured = text.measureTexts(slot, rows);
      text.writeTokens(slot, measured.axes, rows, tokenizer, candidates.length);
      const normaliser = writeScores(slot, request, { targets, candidates: candidates.length });
      return { ...measured, weights: { normaliser }, ...(bad && { bad }) };
    };
  },
  loss: (b, { logits }, options) => addLoss(b, logits!, options),
  resultsOf: (saved, batch, { targets }) =>
    classifierResults(saved, batch, { reading: targets === 'values' ? 'values' : 'label' }),
  metrics: ({ targets }) =>
    ['loss', ...(targets === 'values' ? (['spearman', 'pearson'] as const) : rerankingMetrics)] as const,
  meter: (_, options) => rerankingMeter(options),
  report: ({ queries, ...result }: RerankingResult) =>
    `${result.samples} pairs${queries === undefined ? '' : ` of ${queries} queries`}: ${metricsLine(result)}`,
  predict: (results, { samples }, _, { targets }) => {
    const logits = logitsOf(results);
    return Array.from(samples, (_, row): RerankingPrediction => {
      const logit = logits[row]!;
      if (Number.isNaN(logit)) return { score: 0, error: 'the model gives no number (NaN) for it' };
      return { score: targets === 'values' ? logit : sigmoid(logit) };
    });
  },
  unusable: (error): RerankingPrediction => ({ score: 0, error }),
  show: ({ score }, what) => `${score.toFixed(4)}\t${what}`,
  config: (config, _, { targets }) => ({
    ...classifierConfig(config, ['relevant'], 'ForSequenceClassification', { targets }),
    sentence_transformers: {
      ...(config.sentence_transformers as object | undefined),
      activation_fn: `torch.nn.modules.${targets === 'values' ? 'linear.Identity' : 'activation.Sigmoid'}`,
    },
  }),
} satisfies Task<RerankingOptions, RerankingResult, RerankingPrediction>;

const noPipeline =
  'the text-classification pipeline of transformers.js takes the softmax of one output of a regression, which is always 1: ' +
  'read the logits of AutoModelForSequenceClassification there, or train with rerankingLoss bce';

/** Writes a number and a weight for each pair, 0 behind the last; gives the sum of the weights. */
function writeScores(
  slot: Slot,
  { slices, weights }: EncodeRequest,
  { targets, candidates }: Pick<RerankingOptions, 'targets'> & { candidates: number },
): number {
  const [labels, out] = ['labels', 'sample_weights'].map((field) => writerOf(slot, field, {})!);
  const scores = ofKind(slices, 'score', 'numbers');
  if (scores && scores.width !== 1) throw new SampleError(0, `a pair has one score, found ${scores.width}`);
  let sum = 0;
  for (let row = 0; row < slot.batchSize; row++)
    for (let k = 0; k < candidates; k++) {
      const at = row * candidates + k;
      const weight = weights[row] ?? 0;
      const score = scores ? (scores.values[row] ?? 0) : Number(k === 0);
      if (targets === 'labels' && (score < 0 || score > 1))
        throw new SampleError(
          row,
          `the score ${score} is not from 0 to 1, as binary cross-entropy takes them; set rerankingLoss to mse, or divide the scores`,
        );
      labels!.set(at, score);
      out!.set(at, weight);
      sum += weight;
    }
  return sum;
}

function rerankingMeter({ targets, roles }: RerankingOptions): Meter<RerankingResult> {
  const candidates = roles.length - 1;
  const queries = new Map<string, { scores: number[]; relevant: boolean[] }>();
  const [all, wanted]: [number[], number[]] = [[], []];
  let [loss, total] = [0, 0];
  return {
    add(results: Results, { samples, inputs, slices }: MeasuredBatch) {
      const logits = logitsOf(results);
      const [labels, weights] = ['labels', 'sample_weights'].map((field) => inputs.get(field)!.data as Float32Array);
      for (let at = 0; at < samples.length * candidates; at++) {
        const [z, t, weight] = [logits[at]!, labels![at]!, weights![at]!];
        loss += weight * (targets === 'values' ? (z - t) ** 2 : softplus(z) - t * z);
        total += weight;
        all.push(z);
        wanted.push(t);
        const query = textAt(ofKind(slices, 'text', 'text')!, Math.floor(at / candidates));
        const known = queries.get(query) ?? { scores: [], relevant: [] };
        queries.set(query, known);
        known.scores.push(z);
        known.relevant.push(t >= 0.5);
      }
    },
    result() {
      const found = { samples: all.length, loss: loss / total };
      if (targets === 'values') return { ...found, spearman: spearman(all, wanted), pearson: pearson(all, wanted) };
      const figures = [...queries.values()].map(({ scores, relevant }) =>
        rerankingOf(Float32Array.from(scores), relevant),
      );
      const means = rerankingMetrics.map((key) => {
        return [key, figures.reduce((sum, one) => sum + one[key], 0) / figures.length] as const;
      });
      return { ...found, queries: queries.size, ...Object.fromEntries(means) };
    },
  };
}

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
