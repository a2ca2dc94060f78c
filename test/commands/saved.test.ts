// Directories that ortune saved, one for each task of texts, as Python's transformers and sentence-transformers open
// them (test/fixtures/saved/open.py): the same labels, entities, answers and vectors.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { env, pipeline } from '@xenova/transformers';
import { afterEach, expect, it } from 'vitest';
import { embedTexts } from '#ortune/commands/embed.js';
import { type LoadedModel, loadModel } from '#ortune/commands/predict.js';
import type { ClassPrediction } from '#ortune/tasks/classes.js';
import type {
  AnswerPrediction,
  MaskPrediction,
  RerankingPrediction,
  SimilarityPrediction,
  TokenPrediction,
} from '#ortune/tasks/tasks.js';

env.allowRemoteModels = false;

const folder = join(import.meta.dirname, '../fixtures/saved');
const golden = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as {
  texts: string[];
  labels: Record<string, number>[];
  entities: Record<string, { type: string; text: string; score: number }[][]>;
  answers: { answer: string; score: number }[];
  relevance: number[];
  similarity: { embeddings: number[][]; cosines: number[] };
  masks: { text: string; tokens: [string, number][] }[];
};
const { texts } = golden;

const opened: LoadedModel[] = [];
afterEach(() => opened.pop()?.close());
async function open(task: string, options: object = {}): Promise<LoadedModel> {
  const model = await loadModel(join(folder, task), { task, ...options } as object);
  opened.push(model);
  return model;
}
const near = (found: number, expected: number): void => expect(Math.abs(found - expected)).toBeLessThan(1e-4);

it('labels', async () => {
  // All of them.
  const model = await open('text-classification', { thresholds: 0 });
  for (const [i, { labels }] of (await model.predict<ClassPrediction>(texts)).entries()) {
    expect(labels!.map(({ label }) => label)).toEqual(Object.keys(golden.labels[i]!));
    for (const { label, score } of labels!) near(score, golden.labels[i]![label]!);
  }
});

it.each(Object.keys(golden.entities))('entities, %s', async (aggregation) => {
  const model = await open('token-classification', { aggregation });
  for (const [i, { entities }] of (await model.predict<TokenPrediction>(texts)).entries()) {
    const expected = golden.entities[aggregation]![i]!;
    expect(entities.map(({ type, text }) => [type, text])).toEqual(expected.map(({ type, text }) => [type, text]));
    for (const [k, { score }] of entities.entries()) near(score, expected[k]!.score);
  }
});

it('tags of tokens, and labels, by the pipelines of transformers.js', async () => {
  const [text] = texts as [string];
  const find = await pipeline('token-classification', join(folder, 'token-classification'), { dtype: 'fp32' });
  const tags = (await find(text)) as { entity: string; score: number }[];
  const expected = golden.entities.none![0]!;
  expect(tags.map(({ entity }) => entity)).toEqual(expected.map(({ type }) => type));
  for (const [i, { score }] of tags.entries()) near(score, expected[i]!.score);
  await find.dispose();
  const classify = await pipeline('text-classification', join(folder, 'text-classification'), { dtype: 'fp32' });
  const labels = (await classify(text, { top_k: 8 })) as { label: string; score: number }[];
  expect(labels.map(({ label }) => label)).toEqual(Object.keys(golden.labels[0]!));
  for (const { label, score } of labels) near(score, golden.labels[0]![label]!);
  await classify.dispose();
});

it('answers', async () => {
  const model = await open('question-answering');
  const found = await model.predict<AnswerPrediction>(texts.map((pair) => ({ text: 'where was it', pair })));
  for (const [i, { answers }] of found.entries()) {
    expect(answers[0]!.answer).toBe(golden.answers[i]!.answer);
    near(answers[0]!.score, golden.answers[i]!.score);
  }
});

it('relevance', async () => {
  const model = await open('reranking');
  const found = await model.predict<RerankingPrediction>(texts.map((text) => ({ text, pair: 'paris' })));
  for (const [i, { score }] of found.entries()) near(score, golden.relevance[i]!);
});

it('vectors, and cosines behind prompts', async () => {
  const model = await open('sentence-similarity');
  const { embeddings, cosines } = golden.similarity;
  const found = await model.predict<SimilarityPrediction>(texts.map((text) => ({ text, pair: text })));
  for (const [i, { score }] of found.entries()) near(score!, cosines[i]!);
  const { data, size } = await embedTexts({ model: join(folder, 'sentence-similarity') }, texts);
  for (const [k, value] of embeddings.flat().entries()) near(data[k]!, value);
  expect(size).toBe(16);
});

it('words in the place of masks', async () => {
  const model = await loadModel(join(import.meta.dirname, '../../models/tiny-en'), { topK: 5 });
  opened.push(model);
  const found = await model.predict<MaskPrediction>(golden.masks.map(({ text }) => text));
  for (const [i, { masks }] of found.entries())
    for (const [k, { token, score }] of masks[0]!.entries()) {
      const [word, expected] = golden.masks[i]!.tokens[k]!;
      expect(token).toBe(word);
      near(score, expected);
    }
});
