// Several labels, soft labels and scores of texts from data to the saved directory: measured during the run and from
// the file, predicted, and opened by the transformers library.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AutoModelForSequenceClassification, AutoTokenizer, env, pipeline } from '@xenova/transformers';
import { describe, expect, it } from 'vitest';
import { loadModel } from '#ortune/commands/predict.js';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import type { MultiLabelResult } from '#ortune/metrics/multi-label.js';
import type { ScoreResult } from '#ortune/metrics/scores.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { thresholdsOf } from '#ortune/tasks/thresholds.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { temporaryDirectory } from '../support/temporary.js';
import { train } from '../support/train.js';

env.allowRemoteModels = false;
env.allowLocalModels = true;

const directory = temporaryDirectory('label-kinds');
const path = (name: string): string => join(directory, name);

const words = { food: ['bread', 'soup'], sport: ['ball', 'goal'], war: ['army', 'sword'] };
const names = Object.keys(words) as (keyof typeof words)[];
const plain = ['the', 'old', 'house', 'and'];
const rows = Array.from({ length: 64 }, (_, i) => {
  const labels = names.filter((_, k) => (i * 5 + 3 * k + (i >> 3)) % 7 < 3);
  const text = [...labels.flatMap((label) => words[label]), plain[i % 4]!, plain[(i >> 2) % 4]!].join(' ');
  const share = names.map((name) => (labels.includes(name) ? 4 : 1));
  const soft = share.map((one) => one / share.reduce((a, b) => a + b, 0));
  return { text, labels, soft, score: labels.length - 1, war: labels.includes('war') ? 2 : -1 };
});
const write = (name: string, some: readonly object[]): string => {
  writeFileSync(path(name), some.map((row) => JSON.stringify(row)).join('\n'));
  return path(name);
};
write('train.jsonl', rows);
write('dev.jsonl', rows.slice(0, 24));
const tokenizer = buildWordPiece(
  rows.map(({ text }) => text),
  { vocabulary: 60, minFrequency: 1, maxLength: 16 },
);
const size = { layers: 1, hidden: 32, heads: 2, positions: 16, dropout: 0, tokenizer } as const;
writeEncoder(path('encoder'), { ...size, head: 'none' });

let runs = 0;
const options = (more: Partial<TrainOptions>): TrainOptions => ({
  model: path('encoder'),
  train: path('train.jsonl'),
  eval: path('dev.jsonl'),
  output: path(`run${runs++}`),
  epochs: 5,
  batchSize: 8,
  learningRate: 1e-2,
  threads: 1,
  ...more,
});
const configOf = (model: string) => JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'));
const texts = ['bread soup the old', 'army sword ball goal', 'the house'];

type Scored = { label: string; score: number };
/** All labels of each text, by the pipeline of the transformers library. */
async function piped(model: string): Promise<Scored[][]> {
  const classify = await pipeline('text-classification', model, { dtype: 'fp32' });
  try {
    const all: Scored[][] = [];
    for (const text of texts) all.push((await classify(text, { top_k: null } as never)) as unknown as Scored[]);
    return all;
  } finally {
    await classify.dispose();
  }
}

describe('several labels', () => {
  it('are learnt, with a threshold for each that the saved model keeps', async () => {
    const result = await new Trainer(options({ labelColumn: 'labels', multiLabel: true })).run();
    const metrics = result.metrics as unknown as MultiLabelResult;
    expect(metrics.macro.f1).toBeGreaterThan(0.85);
    const config = configOf(result.output);
    expect(config).toMatchObject({
      problem_type: 'multi_label_classification',
      id2label: { 0: 'food', 1: 'sport', 2: 'war' },
      architectures: ['BertForSequenceClassification'],
    });
    const { thresholds } = config.ortune;
    expect(thresholds).toEqual(Object.fromEntries(metrics.classes.map(({ label, best }) => [label, best!.threshold])));

    const data = { model: result.output, data: path('dev.jsonl'), labelColumn: 'labels' };
    const saved = (await evaluate(data)).metrics as unknown as MultiLabelResult;
    expect(saved.loss).toBeCloseTo(metrics.loss, 5);
    for (const [k, { label, threshold, f1 }] of saved.classes.entries()) {
      expect(threshold).toBe(thresholds[label]);
      expect(f1).toBeCloseTo(metrics.classes[k]!.best!.f1, 9);
    }
    const set = (await evaluate({ ...data, thresholds: { war: 1 } })).metrics as unknown as MultiLabelResult;
    expect(set.classes.map((c) => c.threshold)).toEqual([thresholds.food, thresholds.sport, 1]);
    expect(set.classes[2]!.predicted).toBe(0);

    const scored = await piped(result.output);
    const model = await loadModel(result.output);
    try {
      for (const [i, found] of (await model.predict(texts)).entries()) {
        const score = new Map(scored[i]!.map((one) => [one.label, one.score]));
        const holding = scored[i]!.filter((one) => one.score >= thresholds[one.label]);
        expect(found.labels!.map(({ label }) => label)).toEqual(holding.map(({ label }) => label));
        for (const one of found.labels!) expect(Math.abs(one.score - score.get(one.label)!)).toBeLessThan(1e-4);
        expect(found.label).toBe(scored[i]![0]!.label);
      }
    } finally {
      await model.close();
    }
  });

  it('have no thresholds without evaluation data, and those that are set; weights of labels change what is learnt', async () => {
    const short = { labelColumn: 'labels', multiLabel: true, maxSteps: 1, warmupRatio: 0 };
    const without = await train(options({ ...short, eval: undefined }));
    expect(configOf(without.result.output).ortune).toBeUndefined();
    const set = await train(options({ ...short, thresholds: 0.25, classWeights: 'balanced' }));
    expect(configOf(set.result.output).ortune).toEqual({ thresholds: { food: 0.25, sport: 0.25, war: 0.25 } });
    expect(set.losses[0]).not.toBe(without.losses[0]);
  });
});

it('soft labels are learnt as probabilities', async () => {
  const { result } = await train(options({ labelColumn: 'soft', labelRows: true, labelNames: names }));
  // The loss of an answer that is right is the entropy of the labels.
  const entropy = (row: readonly number[]): number => row.reduce((sum, p) => sum - p * Math.log(p), 0);
  const least = rows.slice(0, 24).reduce((sum, { soft }) => sum + entropy(soft), 0) / 24;
  const { loss } = result.metrics!;
  expect(loss).toBeGreaterThan(least);
  expect(loss).toBeLessThan(least + 0.1);
  expect(configOf(result.output).problem_type).toBe('single_label_classification');
  const form = { data: path('dev.jsonl'), labelColumn: 'soft', labelRows: true };
  expect((await evaluate({ model: result.output, ...form })).metrics.loss).toBeCloseTo(loss, 5);
  const model = await loadModel(result.output);
  const predicted = await model.predict(texts);
  await model.close();
  for (const [i, scored] of (await piped(result.output)).entries()) {
    expect(predicted[i]!.label).toBe(scored[0]!.label);
    expect(Math.abs(predicted[i]!.score - scored[0]!.score)).toBeLessThan(1e-4);
  }
});

describe('scores', () => {
  it('of one column are learnt, and are the logits of the saved model', async () => {
    const { result, warnings } = await train(options({ labelColumn: 'score', regression: true }));
    const metrics = result.metrics as unknown as ScoreResult;
    expect(metrics.pearson).toBeGreaterThan(0.9);
    expect(warnings.join('\n')).toMatch(/pipeline of transformers\.js has no scores/);
    expect(configOf(result.output)).toMatchObject({
      problem_type: 'regression',
      num_labels: 1,
      id2label: { 0: 'score' },
    });
    const saved = await evaluate({ model: result.output, data: path('dev.jsonl'), labelColumn: 'score' });
    const again = saved.metrics as unknown as ScoreResult;
    for (const figure of ['loss', 'mae', 'r2', 'pearson', 'spearman'] as const)
      expect(again[figure], figure).toBeCloseTo(metrics[figure], 4);
    const model = await loadModel(result.output);
    const predicted = await model.predict(texts);
    await model.close();
    const encode = await AutoTokenizer.from_pretrained(result.output);
    const outside = await AutoModelForSequenceClassification.from_pretrained(result.output, { dtype: 'fp32' });
    for (const [i, text] of texts.entries()) {
      const { logits } = await outside(await encode(text));
      expect(Math.abs(predicted[i]!.score - logits.data[0])).toBeLessThan(1e-4);
    }
    await outside.dispose();
  });

  it('of several columns are measured one by one', async () => {
    const { result } = await train(options({ labelColumns: ['score', 'war'], regression: true, epochs: 1 }));
    const { scores } = result.metrics as unknown as ScoreResult;
    expect(scores.map(({ label }) => label)).toEqual(['score', 'war']);
    const turned = { model: result.output, data: path('dev.jsonl'), labelColumns: ['war', 'score'] };
    const saved = (await evaluate(turned)).metrics as unknown as ScoreResult;
    expect(saved.scores.map(({ mse }) => mse.toFixed(4))).toEqual(scores.map(({ mse }) => mse.toFixed(4)));
  });
});

it('a threshold for a label that there is not is refused', () => {
  expect(() => thresholdsOf(names, { peace: 0.5 })).toThrow(
    /option 'thresholds' names 'peace'; the labels are 'food', 'sport', 'war'/,
  );
});

describe('options of labels that exclude each other', () => {
  it.each([
    [{ multiLabel: true, regression: true }, /'multiLabel' and 'regression' contradict each other/],
    [{ labelColumns: ['a', 'a'], multiLabel: true }, /'labelColumns' names a column twice/],
    [{ labelColumns: ['a'], labelColumn: 'b' }, /'labelColumn' and 'labelColumns' both say where/],
    [{ labelColumns: ['a'], labelRows: true }, /'labelColumns' and 'labelRows' contradict each other/],
    [{ labelSeparator: '|' }, /'labelSeparator' is for several labels of one text/],
    [{ labelSeparator: '|', regression: true }, /'labelSeparator' is for the names of labels/],
    [{ thresholds: 0.5 }, /'thresholds' is for several labels/],
    [{ thresholds: 1.5, multiLabel: true }, /'thresholds' must be a number from 0 to 1|thresholds/],
    [{ regression: true, labelSmoothing: 0.1 }, /'labelSmoothing' and 'regression' contradict each other/],
    [{ regression: true, classWeights: 'balanced' as const }, /'classWeights' is for labels that hold or not/],
    [{ multiLabel: true, sampling: 'balanced' as const }, /'sampling' balanced draws classes/],
    [{ regression: true, task: 'masked-lm' as const }, /option 'regression' is for task text-classification/],
    [{ regression: true, metricForBestModel: 'f1' }, /'metricForBestModel' must be one of loss, mse/],
  ])('%j', (more, message) => {
    expect(() => new Trainer(options(more))).toThrow(message);
  });
});
