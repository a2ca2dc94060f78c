// Distillation in whole runs: what a student learns from a teacher, and which teachers are refused.

import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { predict } from '#ortune/commands/predict.js';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { Trainer } from '#ortune/train/trainer.js';
import { smallProblem } from '../support/small-problem.js';
import { newRuns, train } from '../support/train.js';

const { path, write, lines } = smallProblem();
const samples: { text: string; label: string }[] = lines.map((line) => JSON.parse(line));
const texts = samples.map(({ text }) => text);
const config = newRuns(path, { batchSize: 16, dropout: 0, learningRate: 3e-3, saveStrategy: 'no' });

/** The probability of spam. */
const spamOf = async (model: string): Promise<number[]> => {
  const found = await predict({ model, threads: 1 }, texts);
  return found.map(({ label, score }) => (label === 'spam' ? score : 1 - score));
};

/** A model that has learnt the classes, whose labels stand in another order than those of the data. */
let trained: Promise<string> | undefined;
const teacher = (): Promise<string> => {
  trained ??= (async () => {
    const { result } = await train(config({ maxSteps: 60 }));
    const file = `${result.output}/config.json`;
    const model = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...model, id2label: { 0: 'spam', 1: 'ham' }, label2id: { spam: 0, ham: 1 } }));
    return result.output;
  })();
  return trained;
};

describe('a run with a teacher', () => {
  it('has the loss of both, and learns what the teacher says where that is all of it', async () => {
    const model = await teacher();
    const [its, own] = [await spamOf(model), await spamOf(path('encoder'))];
    const divergence = (p: number, q: number) => p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const taught = mean(its.map((p, i) => divergence(p, own[i]!)));
    const labelled = mean(own.map((q, i) => -Math.log(samples[i]!.label === 'spam' ? q : 1 - q)));
    expect(taught).toBeGreaterThan(0.1);
    const half = await train(
      config({ teacher: model, teacherTemperature: 1, teacherWeight: 0.25, maxSteps: 1, batchSize: 64 }),
    );
    expect(half.losses[0]).toBeCloseTo(0.75 * labelled + 0.25 * taught, 4);
    // The labels, all the same, are not looked at.
    const labels = write(
      'one.jsonl',
      samples.map((one, i) => `${JSON.stringify({ ...one, label: i ? 'spam' : 'ham' })}\n`).join(''),
    );
    const options = config({
      train: labels,
      teacher: model,
      teacherWeight: 1,
      maxSteps: 60,
      saveStrategy: 'steps',
      saveSteps: 40,
    });
    const { result, losses, bits } = await train(options);
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / 4);
    const learnt = await spamOf(result.output);
    const agree = learnt.filter((p, i) => p > 0.5 === its[i]! > 0.5).length;
    expect(agree / learnt.length).toBeGreaterThan(0.9);

    const again = await train({ ...options, output: path('again'), resume: `${options.output}/checkpoints/step-40` });
    expect([again.losses, again.bits]).toEqual([losses.slice(40), bits]);
  });
});

const refusal = (more: Partial<TrainOptions>) => new Trainer(config({ maxSteps: 1, ...more })).run();
const cannot = (why: string) =>
  expect.objectContaining({ message: expect.stringContaining(`cannot teach this run: ${why}`) });

describe('a teacher is refused', () => {
  const tokenizer = buildWordPiece(texts, { minFrequency: 1, maxLength: 32 });
  const other = (name: string, options: object = {}): string => {
    const sizes = { layers: 1, hidden: 32, heads: 2, positions: 32, labels: ['ham', 'spam'], tokenizer };
    writeEncoder(path(name), { ...sizes, ...options });
    return path(name);
  };

  it('that has other labels', async () => {
    const model = other('labels', { labels: ['ham', 'eggs'] });
    await expect(refusal({ teacher: model })).rejects.toEqual(
      cannot("its labels are 'ham', 'eggs', and those of the run 'ham', 'spam'"),
    );
  });

  it('that reads other tokens, or fewer', async () => {
    const words = buildWordPiece([...texts, 'eggs eggs eggs'], { minFrequency: 1, maxLength: 32 });
    await expect(refusal({ teacher: other('words', { tokenizer: words }) })).rejects.toEqual(
      cannot('its tokenizer.json is not that of'),
    );
    cpSync(path('encoder'), path('bare'), { recursive: true });
    rmSync(path('bare/tokenizer.json'));
    await expect(refusal({ teacher: path('bare') })).rejects.toEqual(cannot('there is no tokenizer.json in'));
    await expect(refusal({ teacher: other('short', { positions: 16 }) })).rejects.toEqual(
      cannot('it takes 16 tokens, and texts may have 32: set maxLength to 16'),
    );
  });

  it('that is no classifier', async () => {
    const model = other('masked', { labels: undefined, head: 'language-model' });
    await expect(refusal({ teacher: model })).rejects.toThrow();
  });

  it.each<[Partial<TrainOptions>, string]>([
    [{ teacherWeight: 0.5 }, "option 'teacherWeight' is for distillation: set teacher, or leave teacherWeight out"],
    [{ teacherTemperature: 3 }, "option 'teacherTemperature' is for distillation: set teacher"],
    [{ teacher: 'x', multiLabel: true }, "option 'teacher' is for one class a text"],
    [{ teacher: 'x', task: 'masked-lm' }, "option 'teacher' is for task text-classification"],
    [{ teacher: 'x', teacherWeight: 0 }, "option 'teacherWeight' must be a number above 0 and of at most 1"],
  ])('%j: %s', (more, message) => {
    expect(() => new Trainer(config(more))).toThrow(message);
  });
});
