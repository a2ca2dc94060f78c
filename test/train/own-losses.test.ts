// Runs by losses of the user's: the curve and the figures of the built-in loss where the graph is the same, what a
// saved model says of its loss, and what is refused.

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { digitsFile, digitsRuns } from '../support/digits.js';
import { temporaryDirectory } from '../support/temporary.js';
import { newRuns, type Run, train } from '../support/train.js';

const directory = temporaryDirectory('own-losses');
const path = (name: string): string => join(directory, name);
const graph = (name: string): string => join(import.meta.dirname, '../fixtures/losses', name);

const words = ['win', 'prize', 'cash', 'meeting', 'patch', 'kernel'];
const rows = Array.from({ length: 24 }, (_, i) => {
  const at = (k: number): number => (i * 5 + k * 3 + (i >> 2)) % 6;
  const tokens = [0, 1, 2].map((k) => words[at(k)]!);
  return {
    ...{
      text: tokens.join(' '),
      tokens,
      label: ['ham', 'odd', 'spam'][at(0) % 3],
      score: at(1) - 2.5,
      weight: 1 + (i % 3),
    },
    ...{ tags: tokens.map((word) => (word.length > 4 ? 'B-X' : 'O')), labels: [0, 1, 2].map((k) => at(k) % 2) },
  };
});
const lines = rows.map((row) => JSON.stringify(row));
writeFileSync(path('train.jsonl'), lines.join('\n'));
writeFileSync(path('dev.jsonl'), lines.slice(0, 10).join('\n'));
const tokenizer = buildWordPiece(
  rows.map(({ text }) => text),
  { vocabulary: 40, minFrequency: 1, maxLength: 8 },
);
const size = { layers: 1, hidden: 16, heads: 2, positions: 8, dropout: 0, tokenizer } as const;
writeEncoder(path('encoder'), { ...size, head: 'none' });

const run = newRuns(path, { eval: path('dev.jsonl'), epochs: 2, batchSize: 5, learningRate: 1e-2 });
const configOf = (model: string) => JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'));

async function expectSameAs(usual: Run, own: Run): Promise<string> {
  const [one, other] = [await train(usual), await train(own)];
  for (const [i, loss] of one.losses.entries())
    expect(Math.abs(other.losses[i]! - loss), `step ${i}`).toBeLessThan(1e-6);
  const [metrics, found] = [one, other].map(({ result }) => result.metrics as { loss: number });
  expect(found!.loss).toBeCloseTo(metrics!.loss, 5);
  return other.result.output;
}

describe('cross-entropy as a graph has the curve and the figures of the built-in one', () => {
  it('of texts, with weights of samples and of classes', async () => {
    const more = { weightColumn: 'weight', classWeights: { spam: 2 } };
    const model = await expectSameAs(run(more), run({ ...more, loss: graph('cross-entropy-dynamo.onnx') }));
    expect(configOf(model).ortune).toEqual({ lossFile: 'cross-entropy-dynamo.onnx' });
  });

  it('of words', async () => {
    const more = { task: 'token-classification' as const };
    await expectSameAs(run(more), run({ ...more, loss: { file: graph('cross-entropy.onnx') } }));
  });
});

describe('the focal loss', () => {
  it('is the figure of evaluations, also of the saved file, which says by what it was trained', async () => {
    const loss = graph('focal.onnx');
    const { result } = await train(run({ loss, classWeights: 'balanced' }));
    const trained = result.metrics as { loss: number; accuracy: number };
    const options = { task: 'text-classification', model: result.output, data: path('dev.jsonl'), threads: 1 } as const;
    const saved = await evaluate({ ...options, loss });
    expect(saved.metrics.loss).toBeCloseTo(trained.loss, 5);
    expect(saved.metrics.accuracy).toBe(trained.accuracy);
    const usual = await evaluate(options);
    expect(usual.metrics.loss).toBeGreaterThan(1.2 * trained.loss);
    expect(usual.notes).toContainEqual(
      expect.stringMatching(/trained by the loss of focal\.onnx; .* is cross-entropy/),
    );
  });

  it('of several labels is trained and measured', async () => {
    const more = { multiLabel: true, labelRows: true, labelColumn: 'labels', labelNames: 'a,b,c' };
    const loss = { file: graph('focal-labels.onnx') };
    const { result, losses } = await train(run({ ...more, loss, epochs: 4 } as Partial<TrainOptions>));
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
    const options = { model: result.output, data: path('dev.jsonl'), ...more, loss, threads: 1 };
    expect((await evaluate(options)).metrics.loss).toBeCloseTo((result.metrics as { loss: number }).loss, 5);
  });
});

it('of pictures a graph takes classes, or the probabilities that mixing makes', async () => {
  const digits = digitsRuns(path('digits'));
  const more = { epochs: 1, maxSteps: 3, eval: digitsFile('test'), threads: 1 };
  const usual = await train(digits(more));
  const own = await train(digits({ ...more, loss: graph('cross-entropy.onnx') }));
  for (const [i, loss] of usual.losses.entries()) expect(Math.abs(own.losses[i]! - loss)).toBeLessThan(1e-6);
  expect(own.result.metrics!.loss).toBeCloseTo(usual.result.metrics!.loss, 5);
  await expect(train(digits({ ...more, loss: graph('focal.onnx'), augmentation: ['mixup'] }))).rejects.toThrow(
    /focal\.onnx takes 'labels' as int64; the targets are probabilities of classes, which are float32/,
  );
});

it('scores have mae and huber, which the saved model knows', async () => {
  const more = { regression: true, labelColumn: 'score' };
  const { result } = await train(run({ ...more, loss: 'mae' }));
  const { loss, mae } = result.metrics as unknown as { loss: number; mae: number };
  expect(loss).toBeCloseTo(mae, 5);
  expect(configOf(result.output).ortune).toEqual({ loss: 'mae' });
  const saved = await evaluate({ model: result.output, data: path('dev.jsonl'), ...more, threads: 1 });
  expect(saved.metrics.loss).toBeCloseTo(saved.metrics.mae!, 6);
  const huber = await evaluate({ model: result.output, data: path('dev.jsonl'), ...more, loss: 'huber', threads: 1 });
  expect(huber.metrics.loss).toBeLessThan(saved.metrics.loss);
});

describe('a loss file', () => {
  const copied = (from: string): string => {
    copyFileSync(graph(from), path('loss.onnx'));
    return path('loss.onnx');
  };

  it('that has changed is not resumed with', async () => {
    const loss = copied('focal.onnx');
    const options = run({ loss, eval: undefined, saveSteps: 2, epochs: 1 });
    await train({ ...options, maxSteps: 4 });
    copied('cross-entropy.onnx');
    await expect(
      train({ ...options, maxSteps: 4, resume: join(options.output, 'checkpoints/step-2') }),
    ).rejects.toThrow(/is of another run:\s+loss: the files of losses are not those of then/);
    copied('focal.onnx');
    expect(
      (await train({ ...options, maxSteps: 4, resume: join(options.output, 'checkpoints/step-2') })).losses,
    ).toHaveLength(2);
  });

  it('of a scalar is not one of words', async () => {
    const loss = graph('cross-entropy-mean.onnx');
    await expect(train(run({ loss, task: 'token-classification' }))).rejects.toThrow(/a loss for each of \[tokens\]/);
  });

  it.each([
    [{ labelSmoothing: 0.1 }, /options 'loss' and 'labelSmoothing' contradict each other/],
    [{ multiLabel: true, classWeights: 'balanced' }, /options 'loss' and 'classWeights' contradict each other/],
    [{ loss: 'mae' }, /option 'loss' mae is not for classes: give cross-entropy/],
    [{ loss: 'mae', multiLabel: true }, /mae is not for labels that hold at once: give binary-cross-entropy/],
    [{ loss: 'focal' }, /option 'loss' must be .*a path that ends in \.onnx/],
    [{ task: 'masked-lm' }, /option 'loss' is for task text-classification and token-classification and image-class/],
  ] as const)('contradicts %j', (more, says) => {
    expect(() => new Trainer(run({ loss: graph('focal.onnx'), ...more } as never))).toThrow(says);
  });
});
