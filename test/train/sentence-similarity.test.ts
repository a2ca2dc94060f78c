// A small encoder that learns which questions and answers belong together: measured during the run and from the saved
// file, whose vectors the transformers library gives too.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env, pipeline } from '@xenova/transformers';
import { describe, expect, it } from 'vitest';
import { loadModel } from '#ortune/commands/predict.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/wordpiece.js';
import type { SimilarityPrediction, SimilarityResult } from '#ortune/tasks/tasks.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { temporaryDirectory } from '../support/temporary.js';

env.allowRemoteModels = false;

const directory = temporaryDirectory('similarity');
const path = (name: string): string => join(directory, name);

const animals = ['cat', 'dog', 'cow', 'duck', 'lion', 'bee', 'owl', 'frog'];
const sounds = ['meow', 'woof', 'moo', 'quack', 'roar', 'buzz', 'hoot', 'croak'];
const places = ['in the house', 'near the river', 'at night', 'by the old barn', 'on a hill', 'under a tree'];

const rows = Array.from({ length: 48 }, (_, i) => {
  const [k, place] = [i % animals.length, places[Math.floor(i / animals.length)]!];
  return {
    question: `what does the ${animals[k]} say ${place}`,
    answer: `${sounds[k]} ${place}`,
    other: `${sounds[(k + 3) % sounds.length]} ${place}`,
    score: 1,
  };
});
const write = (name: string, of: readonly object[]): string => {
  writeFileSync(path(name), of.map((row) => JSON.stringify(row)).join('\n'));
  return path(name);
};
write('train.jsonl', rows.slice(8));
write('dev.jsonl', rows.slice(0, 8));
write(
  'scored.jsonl',
  rows.flatMap(({ question, answer, other }) => [
    { question, answer, score: 1 },
    { question, answer: other, score: 0.1 },
  ]),
);
const texts = rows.flatMap(({ question, answer }) => [question, answer]);
const tokenizer = buildWordPiece(texts, { vocabulary: 90, minFrequency: 1, maxLength: 32 });
writeEncoder(path('encoder'), { layers: 1, hidden: 32, heads: 2, positions: 32, dropout: 0, tokenizer, head: 'none' });

const options = {
  task: 'sentence-similarity',
  model: path('encoder'),
  textColumn: 'question',
  pairColumn: 'answer',
  train: path('train.jsonl'),
  eval: path('dev.jsonl'),
  output: path('run'),
  epochs: 12,
  batchSize: 8,
  learningRate: 5e-3,
  threads: 2,
} as const;
const { task, textColumn, pairColumn } = options;

describe('sentence similarity', () => {
  it('learns pairs, measures them as the saved file does, and predicts', async () => {
    const result = await new Trainer(options).run();
    const metrics = result.metrics as SimilarityResult;
    expect(metrics.samples).toBe(8);
    expect(metrics.retrieval).toMatchObject({ queries: 8, documents: 8 });
    expect(metrics.retrieval!['mrr@10']).toBeGreaterThan(0.9);
    const data = path('dev.jsonl');
    const saved = await evaluate<SimilarityResult>({
      task,
      model: result.output,
      data,
      batchSize: 8,
      textColumn,
      pairColumn,
    });
    expect(saved.metrics.loss).toBeCloseTo(metrics.loss, 5);
    expect(saved.metrics.retrieval).toEqual(metrics.retrieval);
    const model = await loadModel(result.output);
    try {
      const { question, answer, other } = rows[0]!;
      const [near, far, alone] = await model.predict<SimilarityPrediction>([
        { text: question, pair: answer },
        { text: question, pair: other },
        question,
      ]);
      expect(near!.score).toBeGreaterThan(far!.score! + 0.2);
      expect(alone!.embedding).toHaveLength(32);
      const embed = await pipeline('feature-extraction', join(result.output), { dtype: 'fp32' });
      const given = await embed(question, { pooling: 'mean', normalize: false });
      for (const [i, value] of (given.data as Float32Array).entries())
        expect(alone!.embedding![i]).toBeCloseTo(value, 4);
      await embed.dispose();
    } finally {
      await model.close();
    }
    expect(JSON.parse(readFileSync(join(result.output, '1_Pooling/config.json'), 'utf8'))).toMatchObject({
      word_embedding_dimension: 32,
      pooling_mode_mean_tokens: true,
    });
  });
});
