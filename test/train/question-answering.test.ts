// A small encoder that learns who is in a text and where, from SQuAD's JSON and from rows: texts longer than the model,
// questions without an answer, the threshold that evaluation data give, and that the transformers library opens what is
// saved with the same scores.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env, pipeline } from '@xenova/transformers';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '#ortune/commands/predict.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import type { AnswerPrediction, AnswerResult } from '#ortune/tasks/tasks.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { temporaryDirectory } from '../support/temporary.js';

env.allowRemoteModels = false;

const directory = temporaryDirectory('answers');
const path = (name: string): string => join(directory, name);
const write = (name: string, text: string): string => {
  writeFileSync(path(name), text);
  return path(name);
};

const names = ['anna', 'bernard', 'carla', 'dmitri'];
const places = ['paris', 'quito', 'rome'];
const plain = ['saw', 'the', 'old', 'house', 'and', 'left', 'for', 'met'];

/** A text of `length` words with one name and, of two texts in three, one place; and a question about either. */
function sample(i: number, length = 6) {
  const [name, place] = [names[i % 4]!, i % 3 === 0 ? undefined : places[(i >> 2) % 3]!];
  const words = Array.from({ length }, (_, k) => plain[(i * 5 + k * 3) % plain.length]!);
  words[(i * 7) % (length - 1)] = name;
  if (place) words[((i * 7) % (length - 1)) + 1] = place;
  const context = words.join(' ');
  const who = i % 2 === 0;
  const answer = who ? name : place;
  const answers = answer === undefined ? [] : [{ text: answer, answer_start: context.indexOf(answer) }];
  return { id: `q${i}`, question: who ? 'who is it' : 'where is it', context, answers };
}
type Sample = ReturnType<typeof sample>;

const squad = (name: string, rows: readonly Sample[]): string => {
  const paragraphs = rows.map(({ context, ...qa }) => ({
    context,
    qas: [{ ...qa, is_impossible: qa.answers.length === 0 }],
  }));
  return write(name, JSON.stringify({ version: 'v2.0', data: [{ title: 'a', paragraphs }] }));
};
const jsonl = (name: string, rows: readonly object[]): string =>
  write(name, rows.map((row) => JSON.stringify(row)).join('\n'));

const short = Array.from({ length: 96 }, (_, i) => sample(i));
const long = Array.from({ length: 12 }, (_, i) => sample(i, 40));
const tokenizer = buildWordPiece(
  short.flatMap(({ question, context }) => [question, context]),
  { vocabulary: 150, minFrequency: 1, maxLength: 24 },
);
const size = { layers: 1, hidden: 32, heads: 2, positions: 24, dropout: 0, tokenizer } as const;
const task = 'question-answering' as const;
const options = {
  ...{ task, model: path('encoder'), stride: 8, threads: 1 },
  ...{ maxSteps: 70, batchSize: 12, learningRate: 1e-2 },
} as const;
const dev = [...short.slice(0, 24), ...long];

beforeAll(() => writeEncoder(path('encoder'), { ...size, head: 'none' }));

describe('questions', () => {
  let metrics: AnswerResult;
  const model = path('run/model');

  beforeAll(async () => {
    const files = { train: squad('train.json', [...short, ...long]), eval: squad('dev.json', dev), evalSteps: 70 };
    metrics = (await new Trainer({ ...options, ...files, evalStrategy: 'steps', output: path('run') }).run())
      .metrics as AnswerResult;
  });

  it('are learnt, of texts longer than the model in windows, and of those without an answer', () => {
    const without = dev.filter(({ answers }) => answers.length === 0).length;
    expect(metrics).toMatchObject({ samples: 36, unanswerable: { samples: without } });
    expect(metrics.windows).toBeGreaterThan(36);
    expect(metrics.best!.f1).toBeGreaterThan(0.95);
    expect(metrics.best!.exactMatch).toBeGreaterThan(0.95);
  });

  it('are measured by the saved file as in training, with the threshold that it keeps', async () => {
    const config = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'));
    expect(config.ortune).toEqual({ nullThreshold: metrics.best!.nullThreshold });
    expect(config.architectures).toEqual(['BertForQuestionAnswering']);
    expect(config).not.toHaveProperty('id2label');
    const found = await evaluate({ task, model, data: path('dev.json'), stride: 8, batchSize: 7 });
    const measured = found.metrics as AnswerResult;
    expect(measured.loss).toBeCloseTo(metrics.loss, 5);
    expect(measured.f1).toBeCloseTo(metrics.best!.f1, 6);
    expect(measured.best!.nullThreshold).toBeCloseTo(metrics.best!.nullThreshold, 3);
    expect(found.truncated).toBe(0);
  });

  it('are answered with places, by the scores of the transformers library', async () => {
    const loaded = await loadModel(model, { stride: 8, nBest: 3 });
    const pipe = await pipeline('question-answering', model, { dtype: 'fp32' });
    try {
      const asked = dev.map(({ question, context }) => ({ text: question, pair: context }));
      const found = await loaded.predict<AnswerPrediction>(asked);
      const right = found.filter(({ answer }, i) => answer === (dev[i]!.answers[0]?.text ?? ''));
      expect(right.length).toBeGreaterThan(0.95 * dev.length);
      for (const [i, { answers }] of found.entries()) {
        expect(answers).toHaveLength(3);
        for (const { answer, start, end } of answers) expect(dev[i]!.context.slice(start, end)).toBe(answer);
        expect(answers.map(({ score }) => score)).toEqual(answers.map(({ score }) => score).sort((a, b) => b - a));
      }
      for (const i of [1, 2, 3]) {
        const theirs = await pipe(asked[i]!.text, asked[i]!.pair, { top_k: 3 });
        const ours = found[i]!.answers;
        expect(ours.map(({ answer }) => answer)).toEqual(theirs.map(({ answer }) => answer));
        for (const [k, { score }] of ours.entries()) expect(score).toBeCloseTo(theirs[k]!.score, 4);
      }
    } finally {
      await loaded.close();
      await pipe.dispose();
    }
  });

  it('may come as rows, or with one text for all; none is answered without a text', async () => {
    const loaded = await loadModel(model, { context: 'anna saw the old house', nullThreshold: 1e6 });
    try {
      const rows = short.slice(0, 3).map(({ question, context }) => ({ question, context }));
      const [first] = await loaded.predict<AnswerPrediction>({ files: [jsonl('ask.jsonl', rows)] });
      expect(first).toMatchObject({ answer: 'anna', place: `${path('ask.jsonl')}:1` });
      const [given, empty] = await loaded.predict<AnswerPrediction>(['who is it', { text: 'who is it', pair: ' ' }]);
      expect(given).toMatchObject({ answer: 'anna', start: 0, end: 4 });
      expect(empty!.error).toMatch(/there is no text to find the answer in/);
    } finally {
      await loaded.close();
    }
  });
});

describe('what cannot be used is refused', () => {
  const train = (file: string, more: object = {}) =>
    new Trainer({ ...options, train: file, output: path('refused'), ...more });

  it.each([
    [
      'an answer that is elsewhere',
      { answers: [{ text: 'anna', answer_start: 1 }] },
      /bad\.jsonl:1 \('q0'\): answer 'anna' is not in the context at 1/,
    ],
    [
      'a question that leaves no room',
      { question: 'anna '.repeat(30) },
      /bad\.jsonl:1: .* the first text has 30 tokens/,
    ],
  ])('%s, by its row', async (_, wrong, says) => {
    await expect(train(jsonl('bad.jsonl', [{ ...short[0]!, ...wrong }])).run()).rejects.toThrow(says);
  });

  it('streams, whose long texts would be cut', () => {
    expect(() => train(path('train.json'), { streaming: true })).toThrow(/answers may be behind it/);
  });
});
