// A small cross-encoder that learns what answers a question, from rows with negatives and from rows with
// scores; the transformers library gives the same scores.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AutoModelForSequenceClassification, AutoTokenizer, env } from '@xenova/transformers';
import { describe, expect, it } from 'vitest';
import { predict } from '#ortune/commands/predict.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import type { RerankingPrediction, RerankingResult } from '#ortune/tasks/tasks.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { temporaryDirectory } from '../support/temporary.js';

env.allowRemoteModels = false;

const directory = temporaryDirectory('reranking');
const path = (name: string): string => join(directory, name);

const animals = ['cat', 'dog', 'cow', 'duck'];
const sounds = ['meow', 'woof', 'moo', 'quack'];
const silent = ['stone', 'leaf', 'cloud', 'sand'];
const places = ['at home', 'at night', 'outside', 'by the barn', 'in spring', 'again'];
const rows = Array.from({ length: 24 }, (_, i) => {
  const [k, place] = [i % 4, places[Math.floor(i / 4)]!];
  const other = (of: number): string => `${silent[of % 4]} ${place}`;
  return {
    query: `what says the ${animals[k]} ${place}`,
    answer: `${sounds[k]} ${place}`,
    no: other(k),
    never: other(k + 1),
  };
});
const write = (name: string, of: readonly object[]): string => {
  writeFileSync(path(name), of.map((row) => JSON.stringify(row)).join('\n'));
  return path(name);
};
const pairs = rows.flatMap(({ query, answer, no }) => [
  { query, answer, score: 1 },
  { query, answer: no, score: 0 },
]);
write('train.jsonl', rows);
write('scored.jsonl', pairs);
const texts = rows.flatMap(({ query, answer, no }) => [query, answer, no]);
const tokenizer = buildWordPiece(texts, { vocabulary: 80, minFrequency: 1, maxLength: 32 });
writeEncoder(path('encoder'), { layers: 1, hidden: 32, heads: 2, positions: 32, dropout: 0, tokenizer, head: 'none' });

const columns = { task: 'reranking', textColumn: 'query', pairColumn: 'answer' } as const;
const options = {
  ...columns,
  negativeColumns: 'no,never',
  model: path('encoder'),
  train: path('train.jsonl'),
  eval: path('train.jsonl'),
  output: path('run'),
  maxSteps: 30,
  evalStrategy: 'steps',
  evalSteps: 30,
  batchSize: 8,
  learningRate: 1e-2,
  threads: 1,
} as const;

describe('reranking', () => {
  it('learns from negatives, measures as the saved file does, and scores as the transformers library does', async () => {
    const result = await new Trainer(options).run();
    const metrics = result.metrics as RerankingResult;
    expect(metrics).toMatchObject({ samples: 72, queries: 24 });
    expect(metrics['mrr@10']).toBeGreaterThan(0.9);
    const saved = await evaluate<'reranking'>({
      ...columns,
      negativeColumns: 'no,never',
      model: result.output,
      data: path('train.jsonl'),
      batchSize: 7,
    });
    expect(saved.metrics.loss).toBeCloseTo(metrics.loss, 5);
    expect(saved.metrics['ndcg@10']).toBeCloseTo(metrics['ndcg@10']!, 6);
    const asked = pairs.slice(0, 2).map(({ query, answer }) => ({ text: query, pair: answer }));
    const found = await predict<RerankingPrediction>({ task: 'reranking', model: result.output }, asked);
    expect(found[0]!.score).toBeGreaterThan(found[1]!.score);
    // Without a task it is read as one label, to the same probability.
    const plain = await predict({ model: result.output }, asked);
    expect(plain.map(({ label, score }) => [label, score])).toEqual(found.map(({ score }) => ['relevant', score]));
    const model = await AutoModelForSequenceClassification.from_pretrained(result.output, { dtype: 'fp32' });
    const tokenize = await AutoTokenizer.from_pretrained(result.output);
    const { logits } = await model(
      tokenize(
        asked.map(({ text }) => text),
        { text_pair: asked.map(({ pair }) => pair), padding: true },
      ),
    );
    for (const [i, { score }] of found.entries()) expect(score).toBeCloseTo(1 / (1 + Math.exp(-logits.data[i])), 5);
    await model.dispose();
    const config = JSON.parse(readFileSync(join(result.output, 'config.json'), 'utf8'));
    expect(config).toMatchObject({
      problem_type: 'multi_label_classification',
      num_labels: 1,
      sentence_transformers: { activation_fn: 'torch.nn.modules.activation.Sigmoid' },
    });
  });

  it('learns scores as they are, and says what pipelines make of them', async () => {
    const { negativeColumns: _, ...rest } = options;
    const trainer = new Trainer({
      ...rest,
      scoreColumn: 'score',
      rerankingLoss: 'mse',
      train: path('scored.jsonl'),
      eval: path('scored.jsonl'),
      output: path('scores'),
      maxSteps: 2,
      evalSteps: 2,
    });
    const notes: string[] = [];
    trainer.on('warning', ({ message }) => notes.push(message));
    const result = await trainer.run();
    expect(result.metrics).toMatchObject({ samples: 48, spearman: expect.any(Number) });
    expect([...notes, ...result.notes].join('\n')).toMatch(/softmax of one output of a regression, which is always 1/);
  });

  it.each([
    [{ negativeColumns: undefined }, /learns which texts do not answer, too/],
    [{ scoreColumn: 'score' }, /'scoreColumn' and 'negativeColumns' contradict each other/],
    [{ pairColumn: undefined }, /one column makes no pair/],
    [{ symmetric: true }, /'symmetric' is for task sentence-similarity/],
  ])('contradicts %j', (more, says) => {
    expect(() => new Trainer({ ...options, ...more })).toThrow(says);
  });

  it.each([
    [{ query: 'a', answer: ' ', score: 1 }, /the text of pairColumn is empty/],
    [{ query: 'a', answer: 'b', score: 2 }, /the score 2 is not from 0 to 1/],
  ])('refuses %j by its line', async (row, says) => {
    const { negativeColumns: _, ...rest } = options;
    const train = write('bad.jsonl', [pairs[0]!, row]);
    const run = new Trainer({
      ...rest,
      train,
      eval: undefined,
      evalStrategy: undefined,
      evalSteps: undefined,
      scoreColumn: 'score',
      output: path('bad'),
    }).run();
    await expect(run).rejects.toThrow(says);
    await expect(run).rejects.toThrow(/bad\.jsonl:2/);
  });
});
