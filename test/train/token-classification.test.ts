// A small encoder that learns which words are names: measured during the run and from the saved file, predicted, and
// opened by the transformers library.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env, pipeline } from '@xenova/transformers';
import { describe, expect, it } from 'vitest';
import { loadModel } from '#ortune/commands/predict.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import type { TokenPrediction, TokenResult } from '#ortune/tasks/token-classification.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { temporaryDirectory } from '../support/temporary.js';

env.allowRemoteModels = false;

const directory = temporaryDirectory('tokens');
const path = (name: string): string => join(directory, name);

const names = ['anna', 'bernard', 'carla', 'dmitri'];
const places = ['paris', 'quito', 'rome'];
const plain = ['saw', 'the', 'old', 'house', 'and', 'left', 'for', 'met'];

/** 'anna saw the house' with a tag for each word: a family name continues a person. */
function sentence(i: number): { tokens: string[]; tags: string[] } {
  const at = (list: readonly string[], k: number): string => list[(i * 7 + k * 5) % list.length]!;
  return {
    tokens: [at(names, 0), at(names, 1), at(plain, 1), at(plain, 2), at(places, i % 3), at(plain, i % 5)],
    tags: ['B-PER', 'I-PER', 'O', 'O', 'B-LOC', 'O'],
  };
}

const rows = Array.from({ length: 96 }, (_, i) => sentence(i));
writeFileSync(path('train.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
writeFileSync(
  path('dev.jsonl'),
  rows
    .slice(0, 20)
    .map((row) => JSON.stringify(row))
    .join('\n'),
);
// A vocabulary of pieces, so that some words are more than one token.
const texts = rows.map(({ tokens }) => tokens.join(' '));
const tokenizer = buildWordPiece(texts, { vocabulary: 50, minFrequency: 1, maxLength: 32 });
const size = { layers: 1, hidden: 32, heads: 2, positions: 32, dropout: 0, tokenizer } as const;
writeEncoder(path('encoder'), { ...size, head: 'none' });

const options = {
  task: 'token-classification',
  model: path('encoder'),
  train: path('train.jsonl'),
  eval: path('dev.jsonl'),
  output: path('run'),
  epochs: 10,
  batchSize: 8,
  learningRate: 1e-2,
  threads: 1,
} as const;

describe('token classification', () => {
  it('learns tags, measures them as the saved file does, and predicts words', async () => {
    const result = await new Trainer(options).run();
    const metrics = result.metrics as TokenResult;
    expect(metrics).toMatchObject({ samples: 20, words: 120 });
    expect(metrics.accuracy).toBeGreaterThan(0.95);
    const { task } = options;
    const saved = (await evaluate({ task, model: result.output, data: path('dev.jsonl'), batchSize: 5 }))
      .metrics as TokenResult;
    expect(saved.accuracy).toBe(metrics.accuracy);
    expect(saved.loss).toBeCloseTo(metrics.loss, 5);
    const model = await loadModel(result.output);
    try {
      const [found] = await model.predict<TokenPrediction>(['anna bernard saw the paris']);
      expect(found!.words).toEqual(['anna', 'bernard', 'saw', 'the', 'paris']);
      expect(found!.tags).toEqual(['B-PER', 'I-PER', 'O', 'O', 'B-LOC']);
      expect(found!.scores.every((score) => score > 0.5)).toBe(true);
    } finally {
      await model.close();
    }
  });

  it('is opened by the transformers library, which finds the same entities', async () => {
    const find = await pipeline('token-classification', path('run/model'), { dtype: 'fp32' });
    const found = (await find('anna bernard saw the paris')) as { entity: string; word: string }[];
    const [first] = found;
    expect(first).toMatchObject({ entity: 'B-PER' });
    expect(new Set(found.map(({ entity }) => entity))).toEqual(
      new Set(['B-PER', 'I-PER', 'B-LOC', 'I-LOC'].filter((tag) => found.some((f) => f.entity === tag))),
    );
    expect(found.some(({ entity }) => entity === 'B-LOC')).toBe(true);
    await find.dispose();
  });

  it.each([
    [{ tokens: ['a', 'b'], tags: ['O'] }, /2/],
    [{ tokens: 'a b', tags: ['O', 'O'] }, /tokens/],
  ])('refuses %j', async (row, says) => {
    writeFileSync(path('bad.jsonl'), `${JSON.stringify(rows[0])}\n${JSON.stringify(row)}`);
    const run = new Trainer({ ...options, train: path('bad.jsonl'), eval: undefined, output: path('bad') }).run();
    await expect(run).rejects.toThrow(says);
    await expect(run).rejects.toThrow(/bad\.jsonl:2/);
  });

  it.each([
    [{ classWeights: 'balanced' as const }, /'classWeights' is for one class a sample/],
    [{ sampling: 'balanced' as const }, /'sampling' balanced draws classes/],
    [{ nextSentence: true }, /'nextSentence' is for task masked-lm/],
  ])('contradicts %j', (more, says) => {
    expect(() => new Trainer({ ...options, ...more })).toThrow(says);
  });
});
