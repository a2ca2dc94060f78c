// Filling in masks with a masked language model: the likeliest tokens at each mask of a text, with their probabilities,
// as the pipelines of the transformers libraries give them. Only the logits at masks are kept of a batch.

import { type EncodeRequest, writerOf } from '../data/encode.js';
import type { Slot } from '../data/slots.js';
import type { TextEncoding } from '../data/tokenizer/protocol.js';
import type { TensorView } from '../runtime/session.js';
import { runInParts } from './masked-results.js';
import { asLogits } from './reading.js';
import type { MeasuredBatch, Prediction, PredictTools, Results, SavedRun } from './task.js';

/** A token in place of a mask. */
export interface FilledMask {
  /** As text. */
  token: string;
  id: number;
  /** Its probability among all tokens of the vocabulary. */
  score: number;
  /** The text with it in place of the mask; of one with several masks the others, and special tokens, stay. */
  sequence: string;
}

export interface MaskPrediction extends Prediction {
  /** For each mask of the text, in their order: the likeliest tokens, the likeliest first. */
  masks: FilledMask[][];
}

/** 1 where a mask is, of each token of the batch: not for the graph. */
export const maskPlaces = 'mask_places';

/** In the worker's thread: texts as they are, and where their masks are. */
export async function maskEncoder(encoding: object) {
  const text = await import('../data/text/encode.js');
  const tokenizer = await text.openTokenizer(encoding as TextEncoding);
  const { maskId } = await text.maskVocabulary(tokenizer, { wholeWords: false });
  return async (whole: EncodeRequest, slot: Slot) => {
    const found = text.withoutRows(whole, await text.encodeTexts(tokenizer, whole), ({ ids, truncated }) =>
      ids.includes(maskId)
        ? undefined
        : `there is no mask in the text${truncated ? ', or it was cut off' : ''}; write the mask token of the model, such as [MASK] or <mask>, where a word is to be found`,
    );
    const { rows, bad } = found;
    const measured = text.measureTexts(slot, rows);
    const places = writerOf(slot, maskPlaces, measured.axes)!;
    places.fill(0);
    for (const [b, row] of rows.entries()) {
      const start = text.startOf(b, measured.axes.tokens!, row, tokenizer.padLeft);
      for (const [i, id] of row.ids.entries()) if (id === maskId) places.set(start + i, 1);
    }
    text.writeTokens(slot, measured.axes, rows, tokenizer);
    return { ...measured, weights: { normaliser: 0 }, ...(bad && { bad }) };
  };
}

/** The likeliest tokens of each mask, [masks, k]: `ids` and `scores`; `masks`: its row and place in the batch. */
export async function likeliestTokens(saved: SavedRun, { inputs }: MeasuredBatch, topK: number): Promise<Results> {
  const { name, activation } = saved.main();
  const places = inputs.get(maskPlaces)!.data as Int32Array;
  const [masks, ids, scores]: [number[], number[], number[]] = [[], [], []];
  for await (const { first, count, found } of runInParts(saved, inputs, [name])) {
    const { shape } = found[name]!;
    const [, length, words] = shape as [number, number, number];
    const logits = asLogits(found[name]!, activation, true);
    for (let i = 0; i < count * length; i++) {
      if (places[first * length + i] !== 1) continue;
      masks.push(first + Math.floor(i / length), i % length);
      const top = mostOf(logits.subarray(i * words, (i + 1) * words), topK);
      ids.push(...top.map(({ id }) => id));
      scores.push(...top.map(({ score }) => score));
    }
  }
  const count = masks.length / 2;
  const view = (dtype: 'int32' | 'float64', data: Int32Array | Float64Array): TensorView => ({
    dtype,
    shape: [count, data.length / Math.max(1, count)],
    data: data as Int32Array,
  });
  return {
    masks: view('int32', Int32Array.from(masks)),
    ids: view('int32', Int32Array.from(ids)),
    scores: view('float64', Float64Array.from(scores)),
  };
}

/** The k largest of a row of logits, with their softmax; of equal ones the first. */
function mostOf(logits: Float32Array, k: number): { id: number; score: number }[] {
  const top: number[] = [];
  for (const [id, logit] of logits.entries()) {
    if (top.length === k && !(logit > logits[top.at(-1)!]!)) continue;
    let at = top.length;
    while (at > 0 && logit > logits[top[at - 1]!]!) at--;
    top.splice(at, 0, id);
    if (top.length > k) top.pop();
  }
  const largest = logits[top[0]!]!;
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
  return top.map((id) => ({ id, score: Math.exp(logits[id]! - largest) / sum }));
}

/** What is said of each text. */
export async function fillMasks(
  { masks, ids, scores }: Results,
  { inputs, samples }: MeasuredBatch,
  { decode }: PredictTools,
): Promise<MaskPrediction[]> {
  const predictions = Array.from(samples, (): MaskPrediction => ({ masks: [] }));
  const tokens = inputs.get('input_ids')!;
  const attended = inputs.get('attention_mask')?.data;
  const length = tokens.shape[1]!;
  const own = (row: number): number[] => {
    const all = Array.from({ length }, (_, i) => row * length + i);
    return all.map((at) => (attended && Number(attended[at]) === 0 ? -1 : Number(tokens.data[at])));
  };
  const k = ids!.shape[1]!;
  for (let m = 0; m < masks!.shape[0]!; m++) {
    const [row, place] = [Number(masks!.data[2 * m]), Number(masks!.data[2 * m + 1])];
    if (row >= predictions.length) continue;
    const before = own(row);
    const several = masks!.data.filter((value: unknown, i: number) => i % 2 === 0 && Number(value) === row).length > 1;
    const found = Array.from({ length: k }, (_, i) => Number(ids!.data[m * k + i]));
    const sequences = found.map((id) => before.map((one, i) => (i === place ? id : one)).filter((one) => one >= 0));
    const [texts, wholes] = [
      await decode(
        found.map((id) => [id]),
        false,
      ),
      await decode(sequences, !several),
    ];
    predictions[row]!.masks.push(
      found.map((id, i) => ({
        token: texts[i]!,
        id,
        score: Number(scores!.data[m * k + i]),
        sequence: wholes[i]!,
      })),
    );
  }
  return predictions;
}

/** A line for people: the tokens of each mask. */
export const showMasks = ({ masks }: MaskPrediction, what: string): string =>
  [what, ...masks.map((all) => all.map(({ token, score }) => `${token.trim()} ${score.toFixed(4)}`).join(', '))].join(
    '\t',
  );
