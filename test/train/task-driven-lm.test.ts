// Classes and masked tokens learnt together through the trainer: which step is of which texts, what its loss is, what
// is saved, measured, predicted, resumed and gone on with.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { predict } from '#ortune/commands/predict.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { smallProblem } from '../support/small-problem.js';
import { newRuns, train, weightHashes } from '../support/train.js';

const { path, write, lines } = smallProblem();
const other = ['a patch for the kernel', 'cash prize to win', 'thanks for the report', 'the free offer', 'the list'];
const corpus = (texts: readonly string[], column = 'text'): string =>
  texts.map((text) => `${JSON.stringify({ [column]: text })}\n`).join('');
write('corpus.jsonl', corpus(Array.from({ length: 40 }, (_, i) => `${other[i % 5]} ${other[(i * 3 + 1) % 5]}`)));
const tokenizer = buildWordPiece([...lines.map((line) => JSON.parse(line).text), ...other], {
  minFrequency: 1,
  maxLength: 32,
});
const size = { layers: 1, hidden: 32, heads: 2, positions: 32, dropout: 0, tokenizer } as const;
writeEncoder(path('masked'), { ...size, head: 'language-model' });

const config = newRuns(path, {
  task: 'task-driven-lm',
  model: path('masked'),
  corpus: path('corpus.jsonl'),
  corpusRatio: 2,
  batchSize: 16,
  warmupRatio: 0,
  learningRate: 3e-3,
  evalStrategy: 'no',
  saveStrategy: 'no',
  workers: 1,
});
const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

describe('the steps of a run', () => {
  it('are of the corpus, and each third of labelled texts, whose loss weighs both', async () => {
    // With rates of next to nothing the weights of all runs stay alike.
    const run = (maskedWeight: number) => train(config({ maskedWeight, maxSteps: 6, learningRate: 1e-30 }));
    const [one, three, nine] = [(await run(1)).losses, (await run(3)).losses, (await run(9)).losses];
    for (const step of [0, 1, 3, 4]) expect([three[step], nine[step]]).toEqual([one[step], one[step]]);
    for (const step of [2, 5]) {
      // (w m + c) / (w + 1) of two weights gives m and c, and so that of the third.
      const [sum, other] = [2 * one[step]!, 4 * three[step]!];
      const masked = (other - sum) / 2;
      const classes = sum - masked;
      expect(nine[step]).toBeCloseTo((9 * masked + classes) / 10, 5);
      expect(classes).toBeCloseTo(Math.log(2), 1);
      expect(masked).toBeGreaterThan(2);
    }
  });

  it('are an epoch when every labelled text was there once, and as many as the batches', async () => {
    expect((await train(config({ epochs: 1 }))).result).toMatchObject({ steps: 12, epochs: 1 });
    const accumulated = config({ epochs: 1, batchSize: 8, gradientAccumulationSteps: 3 });
    expect((await train(accumulated)).result.steps).toBe(9);
  });

  it('are the same with other threads, and after an interruption', async () => {
    const usual = { maxSteps: 9, saveStrategy: 'steps', saveSteps: 4, gradientAccumulationSteps: 2 } as const;
    const whole = await train(config(usual));
    expect((await train(config({ ...usual, workers: 2 }))).bits).toBe(whole.bits);
    const interrupted = config(usual);
    const stop = new AbortController();
    const first = await train(interrupted, { signal: stop.signal, onStep: (step) => step === 5 && stop.abort() });
    expect(first.result).toMatchObject({ interrupted: true, steps: 5 });
    const rest = await train({ ...interrupted, resume: 'latest' });
    expect(rest.bits).toBe(whole.bits);
    expect([...first.losses, ...rest.losses]).toEqual(whole.losses);
    expect(rest.result.flops).toBe(whole.result.flops);
    write('changed.jsonl', corpus(other));
    await expect(train({ ...interrupted, resume: 'latest', corpus: path('changed.jsonl') })).rejects.toThrow(
      'corpus: the texts of',
    );
  });
});

it('learns both, is measured as its file is, tells classes, and gives its trunk to a classifier', async () => {
  const usual = { eval: path('train.jsonl'), evalSteps: 1000, evalStrategy: 'steps' } as const;
  const lively = { epochs: 30, batchSize: 8, corpusRatio: 1, maskedWeight: 0.1 };
  const { result } = await train(config({ ...usual, ...lively }));
  const { metrics, output } = result;
  expect(metrics).toMatchObject({ samples: 64, accuracy: expect.any(Number), perplexity: expect.any(Number) });
  expect(metrics!.accuracy).toBeGreaterThan(0.8);
  expect(metrics!.maskedLoss).toBeLessThan(2.8);
  const measured = await evaluate({ task: 'task-driven-lm', model: output, data: path('train.jsonl'), batchSize: 7 });
  expect(measured.metrics.loss).toBeCloseTo(metrics!.loss, 5);
  expect(measured.metrics.maskedLoss).toBeCloseTo(metrics!.maskedLoss!, 5);
  expect(measured.metrics.accuracy).toBe(metrics!.accuracy);
  expect(json(`${output}/config.json`)).toMatchObject({
    architectures: ['BertForMaskedLM'],
    id2label: { 0: 'ham', 1: 'spam' },
  });
  const told = await predict({ task: 'task-driven-lm', model: output }, ['win cash the prize', 'patch kernel list']);
  expect(told.map(({ label }) => label)).toEqual(['spam', 'ham']);
  const next = await train(config({ ...classifier, model: output, maxSteps: 1, learningRate: 1e-30 }));
  expect(next.warnings.join('\n')).toContain('a head for 2 classes');
  const [learnt, kept] = [weightHashes(output), weightHashes(next.result.output)];
  const shared = [...learnt.keys()].filter((name) => learnt.get(name) === kept.get(name));
  expect(shared.filter((name) => /layer\.0|embeddings|classifier\.dense/.test(name)).length).toBeGreaterThan(12);
});
const classifier = { task: 'text-classification', corpus: undefined, corpusRatio: undefined } as const;

it.each([
  [{ corpus: undefined }, "needs 'corpus'"],
  [{ labelSmoothing: 0.1 }, "option 'labelSmoothing' is for classes alone"],
  [{ classWeights: 'balanced' as const }, "option 'classWeights' is for classes alone"],
  [{ corpusRatio: 20, maxSteps: 20 }, 'raise maxSteps, or lower corpusRatio'],
  [{ corpus: write('none.jsonl', '') }, 'holds no records'],
  [{ corpus: write('titles.jsonl', corpus(other, 'title')) }, "no column 'text'; found 'title'"],
  [{ task: 'text-classification' as const }, "option 'corpus' is for task task-driven-lm"],
])('refuses %j', async (more, message) => {
  await expect(train(config({ maxSteps: 3, ...more }))).rejects.toThrow(message);
});

it('reads another column of the corpus', async () => {
  const corpusColumn = 'title';
  const named = config({ corpus: write('named.jsonl', corpus(other, corpusColumn)), corpusColumn, maxSteps: 3 });
  expect((await train(named)).result.steps).toBe(3);
});
