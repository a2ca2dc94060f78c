// What tasks that find masked tokens have in common: options, fields of a batch, encoding, loss and figures; with a
// head over whole texts beside it where there is one, such as whether a second text follows, or which class the text
// has.

import type { FieldKit } from '../config/fields.js';
import { type EncodedBatch, type EncodeRequest, writerOf } from '../data/encode.js';
import type { Field, Slot } from '../data/slots.js';
import type { TextEncoding } from '../data/tokenizer/protocol.js';
import { classOutput, pairOutput } from '../heads/text-outputs.js';
import { MaskedLmMetrics } from '../metrics/masked-tokens.js';
import type { Builder } from '../onnx/builder.js';
import type { Value } from '../onnx/graph.js';
import { meanCrossEntropy } from './losses.js';
import { type Masking, maskRow, targetCount } from './masking.js';
import type { EncodingPlan, MeasuredBatch, Results, TaskLoss } from './task.js';
import { lossAtTokens, tokenLogits } from './token-loss.js';

/** A head over whole texts: the model's output, the fields of its loss and the names of its results. */
export interface TextHead {
  output: string;
  labels: string;
  weights: string;
  normaliser: string;
  loss: string;
  predictions: string;
  /** What a model without it lacks, for people. */
  lacks: string;
}

const headOf = (prefix: string, output: string, lacks: string): TextHead => ({
  output,
  labels: `${prefix}_labels`,
  weights: `${prefix}_weights`,
  normaliser: `${prefix}_normaliser`,
  loss: `${prefix}Loss`,
  predictions: `${prefix}Predictions`,
  lacks,
});

export const pairHead = headOf('pair', pairOutput, 'the model tells no next sentences; leave nextSentence out');
export const classHead = headOf('class', classOutput, 'the model tells no classes; train it with task task-driven-lm');

export const maskingFields = ({ z, about }: FieldKit) => ({
  mlmProbability: z
    .number()
    .gt(0)
    .lte(0.5)
    .default(0.15)
    .meta(
      about('masked-lm, task-driven-lm: share of the tokens of a text that are to be found.', {
        aliases: ['masked_lm_prob'],
      }),
    ),
  wholeWordMask: z
    .boolean()
    .default(false)
    .meta(
      about('masked-lm, task-driven-lm: all tokens of a word are masked together.', {
        aliases: ['whole_word_masking', 'wwm'],
      }),
    ),
});

/** A plan of texts with what is read of their masked tokens, and of them as a whole. */
export function withMasks(plan: EncodingPlan, probability: number, head?: TextHead): EncodingPlan {
  const counts = plan.axes!.tokens!.buckets.map((length) => targetCount(length, probability));
  const perTarget = ['batch*targets'] as const;
  const ofTexts: Field[] = head
    ? [
        { name: head.labels, dtype: 'int64', shape: ['batch'] },
        { name: head.weights, dtype: 'float32', shape: ['batch'] },
      ]
    : [];
  return {
    ...plan,
    axes: { ...plan.axes, targets: { buckets: counts, follows: 'tokens' } },
    fields: [
      ...plan.fields,
      { name: 'masked_positions', dtype: 'int64', shape: perTarget },
      { name: 'labels', dtype: 'int64', shape: perTarget },
      { name: 'sample_weights', dtype: 'float32', shape: perTarget },
      ...ofTexts,
    ],
  };
}

/** What a task adds to the masked tokens of a batch. */
export interface Beside {
  /** For each row the one whose second text it gets; default its own. */
  partners?(request: EncodeRequest): readonly number[];
  /** What the weight of a masked token is multiplied by. */
  share?(request: EncodeRequest): number;
  /** Writes what the head over whole texts reads; gives its normaliser. */
  write?(slot: Slot, request: EncodeRequest, partners: readonly number[] | undefined): Record<string, number>;
}

/** Masks texts in place and writes what is to be found; `masked_positions` counts over the tokens of the batch. */
export async function maskedEncoder(encoding: object, masking: Masking, { partners, share, write }: Beside) {
  const text = await import('../data/text/encode.js');
  const tokenizer = await text.openTokenizer(encoding as TextEncoding);
  const vocabulary = await text.maskVocabulary(tokenizer, masking);
  return async (request: EncodeRequest, slot: Slot): Promise<EncodedBatch> => {
    const others = partners?.(request);
    const factor = share?.(request) ?? 1;
    const { rows } = await text.encodeTexts(tokenizer, request, others);
    const measured = text.measureTexts(slot, rows);
    const { axes } = measured;
    const [positions, labels, weights] = ['masked_positions', 'labels', 'sample_weights'].map(
      (field) => writerOf(slot, field, axes)!,
    );
    for (const out of [positions!, labels!, weights!]) out.fill(0);
    let normaliser = 0;
    for (const [b, row] of rows.entries()) {
      const key = { seed: request.seed, epoch: request.epoch, sample: request.samples[b]! };
      const start = text.startOf(b, axes.tokens!, row, tokenizer.padLeft);
      const found = maskRow(row.ids, masking, vocabulary, key);
      for (const [i, position] of found.positions.entries()) {
        const at = b * axes.targets! + i;
        positions!.set(at, start + position);
        labels!.set(at, found.labels[i]!);
        weights!.set(at, request.weights[b]! * factor);
      }
      normaliser += found.positions.length * request.weights[b]!;
    }
    const sums = { normaliser, ...write?.(slot, request, others) };
    text.writeTokens(slot, axes, rows, tokenizer);
    return { ...measured, weights: sums };
  };
}

/**
 * Adds the loss over `logits` [B, T, V] to a static graph: the sum of both where there is a head over whole texts. Its
 * inputs: masked_positions and labels int64 [M], sample_weights float32 [M], normaliser float32 []; for the head
 * likewise. Losses among its results are sums over the batch, of the masked places and of the texts; predictions the
 * likeliest of each.
 * @param probability of a token to be masked, which gives the places M of the batch
 * @param texts the head and its logits [B, C]
 * @throws ModelError when the logits have another rank
 */
export function addMaskedLoss(
  b: Builder,
  logits: Value,
  { probability, texts }: { probability: number; texts?: { head: TextHead; logits: Value } | undefined },
): TaskLoss {
  const exported =
    'Export the model without its head (feature extraction) or with its language-model head (fill-mask).';
  const [batch, length] = tokenLogits(b, logits, 'Masked-LM', exported);
  const targets = batch * targetCount(length, probability);
  // Of few tokens, whose logits are there at once.
  const masked = lossAtTokens(b, logits, 'masked_positions', targets, { mostLogits: Number.POSITIVE_INFINITY });
  const results = { maskedLoss: masked.loss, predictions: masked.predictions };
  if (!texts) return { loss: masked.loss, inputs: masked.inputs, results };
  const { head } = texts;
  const whole = meanCrossEntropy(b, texts.logits, head);
  return {
    loss: b.op('Add', [masked.loss, whole.loss], {}, { name: 'sum_loss' }),
    inputs: [...masked.inputs, ...whole.inputs],
    results: { ...results, [head.loss]: whole.loss, [head.predictions]: whole.predictions },
  };
}

/** Figures of masked tokens, and of whole texts where there is a head for them. */
export function maskedTally(head?: TextHead) {
  const metrics = new MaskedLmMetrics();
  const numbers = (view: { data: unknown } | undefined) => view?.data as ArrayLike<number> & ArrayLike<bigint>;
  return {
    metrics,
    add(results: Results, { samples, inputs }: MeasuredBatch): void {
      const loss = (result: string): number => Number(results[result]!.data[0]);
      metrics.add(
        samples.length,
        {
          loss: loss('maskedLoss'),
          predictions: numbers(results.predictions),
          ...(head && { texts: { loss: loss(head.loss), predictions: numbers(results[head.predictions]) } }),
        },
        {
          labels: numbers(inputs.get('labels')),
          weights: numbers(inputs.get('sample_weights')),
          ...(head && {
            texts: { labels: numbers(inputs.get(head.labels)), weights: numbers(inputs.get(head.weights)) },
          }),
        },
      );
    },
  };
}
