// The range test of learning rates: on texts, pictures and adapters, with nothing of the run touched.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { findLearningRate, type LrFindOptions } from '#ortune/index.js';
import { ortune } from '../support/command.js';
import { digitsFile, digitsNetwork } from '../support/digits.js';
import { smallProblem } from '../support/small-problem.js';
import { train } from '../support/train.js';

const { directory, path } = smallProblem();
const usual: LrFindOptions = {
  model: path('encoder'),
  train: path('train.jsonl'),
  threads: 1,
  steps: 40,
  batchSize: 8,
};
const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith(`ortune-model-`));

it('takes the steps of the run, at rates that grow, until the loss goes up for good', async () => {
  const steps: number[] = [];
  const rates = await findLearningRate(usual, { onStep: ({ step }) => steps.push(step) });
  const { points, suggested, ended } = rates;
  expect(points.map(({ step }) => step)).toEqual(steps);
  expect(points[0]!.learningRate).toBeCloseTo(1e-6, 12);
  for (const [i, { learningRate }] of points.entries())
    expect(learningRate / 1e-6).toBeCloseTo(1e6 ** (i / 39), Math.max(0, 9 - i / 4));
  expect(ended).not.toBe('steps');
  expect(suggested).toBeGreaterThan(1e-5);
  expect(suggested).toBeLessThan(0.1);
  // Small rates change nothing to speak of, so the first losses are those of the run's own batches.
  const { steps: _, ...options } = usual;
  const same = { ...options, maxSteps: 2, learningRate: 1e-6, schedule: 'constant', warmupRatio: 0 } as const;
  const run = await train({ ...same, output: path('own') });
  expect(points.slice(0, 2).map(({ loss }) => loss)).toEqual(run.losses.map((loss) => expect.closeTo(loss, 5)));
});

it('the command takes the file of a run, leaves its output alone and writes the plot', async () => {
  const run = {
    model: path('encoder'),
    train: path('train.jsonl'),
    output: path('run'),
    epochs: 2,
    resume: 'latest',
    trunkCacheDirectory: path('cache'),
    freeze: 'trunk',
  };
  writeFileSync(path('run.json'), JSON.stringify(run));
  const before = [readdirSync(directory).sort(), folders()];
  const flags = ['--threads', '1', '--steps', '12', '--svg', path('rates.svg'), '--json'];
  const { code, json, stderr } = await ortune(['lr-find', path('run.json'), ...flags]);
  expect(code).toBe(0);
  expect(json.points).toHaveLength(12);
  expect(json.svg).toBe(path('rates.svg'));
  expect(stderr).toContain('learning rate\n');
  expect(readFileSync(path('rates.svg'), 'utf8')).toMatch(/^<svg /);
  expect([
    readdirSync(directory)
      .filter((name) => name !== 'rates.svg')
      .sort(),
    folders(),
  ]).toEqual(before);
  expect(existsSync(path('run'))).toBe(false);
});

it('finds rates of pictures and of adapters', async () => {
  const pictures = await findLearningRate({
    model: digitsNetwork,
    train: digitsFile('train'),
    threads: 1,
    steps: 10,
    startRate: 1e-4,
    endRate: 1e-1,
  });
  expect(pictures.points).toHaveLength(10);
  const adapter = await findLearningRate({ ...usual, steps: 10, adapter: 'lora', loraTargets: ['all-linear'] });
  expect(adapter.points.length).toBeGreaterThan(3);
});

it('a loss that is no number from the start is said, and so is a plot that cannot be written', async () => {
  const bad = { ...usual, startRate: 1e30, endRate: 1e37, steps: 10 };
  // The first step is taken at a rate that no weight survives, so the second has no loss.
  expect((await findLearningRate(bad)).ended).toBe('not finite');
  const svg = path('none/rates.svg');
  await expect(findLearningRate({ ...usual, steps: 10, startRate: 1e-6, endRate: 1e-5, svg })).rejects.toThrow(
    `${svg} cannot be written`,
  );
  await expect(findLearningRate({ ...usual, startRate: 1, endRate: 0.1 })).rejects.toThrow(
    "options 'startRate' (1) and 'endRate' (0.1) contradict each other",
  );
  await expect(findLearningRate({ ...usual, output: 'x' } as never)).rejects.toThrow("option 'output'");
});

it('an abort ends it, and what it wrote is gone', async () => {
  const before = folders();
  const abort = new AbortController();
  const found = findLearningRate(usual, { signal: abort.signal, onStep: ({ step }) => step === 3 && abort.abort() });
  await expect(found).rejects.toThrow('abort');
  expect(folders()).toEqual(before);
});
