// Searches of real small runs: what is run, how halving goes on, what is kept, and what is not run twice.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseOptions } from '#ortune/config/options.js';
import type { SearchOptions } from '#ortune/config/search-schema.js';
import { trainSchema } from '#ortune/config/train-schema.js';
import { type SearchHooks, search } from '#ortune/search/search.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { smallProblem } from '../support/small-problem.js';

const { path } = smallProblem();

let searches = 0;
const config = (more: Partial<SearchOptions> = {}): SearchOptions => ({
  model: path('encoder'),
  train: path('train.jsonl'),
  evalSplit: 0.25,
  output: path(`search${searches++}`),
  maxSteps: 4,
  batchSize: 8,
  warmupRatio: 0,
  threads: 1,
  metric: 'loss',
  tensorboard: false,
  space: { 'dropout.hidden': [0.1], learningRate: [1e-5, 1e-2] },
  ...more,
});

const nameOf = ({ chosen }: { chosen: object }): string => Object.values(chosen).join(' ');

/** Searches, and notes which runs were trained and from which step, and which had been before. */
async function searched(options: SearchOptions, hooks: SearchHooks = {}) {
  const ran: string[] = [];
  const known: string[] = [];
  const result = await search(options, {
    signal: hooks.signal,
    onRun: (trial, trainer) => {
      const at = ran.push(nameOf(trial) + (trial.steps === undefined ? '' : ` to ${trial.steps}`)) - 1;
      trainer.on('resumed', ({ step }) => {
        ran[at] += ` from ${step}`;
      });
      hooks.onRun?.(trial, trainer);
    },
    onResult: (trial, result, soFar) => {
      if (result.known) known.push(nameOf(trial));
      hooks.onResult?.(trial, result, soFar);
    },
  });
  return { result, ran, known };
}

const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

describe('a search', () => {
  it('runs every combination, keeps the best, and writes it as a run with the same options', async () => {
    const options = config({ test: path('test.csv'), trunkCache: false });
    const { result, ran } = await searched(options);
    expect(ran).toEqual(['0.1 0.00001', '0.1 0.01']);
    const { trials, best, steps } = result;
    expect(trials.map(({ value }) => value)).toEqual(trials.map(({ value }) => value!).sort((a, b) => a - b));
    expect(steps).toBe(8);
    expect(best).toMatchObject({ name: trials[0]!.name, value: trials[0]!.value });
    const { learningRate } = best!.chosen;
    expect(json(`${options.output}/search.json`)).toEqual(JSON.parse(JSON.stringify(result)));
    // Models and checkpoints are the best one's alone.
    for (const { name } of trials) {
      const left = readdirSync(`${options.output}/${name}`).filter((file) => /^(model|checkpoints)$/.test(file));
      expect(left, name).toEqual(name === best!.name ? ['checkpoints', 'model'] : []);
    }
    const measured = await evaluate({ model: best!.output!, data: path('test.csv'), threads: 1 });
    expect(best!.test).toBe(measured.metrics.loss);

    const text = readFileSync(best!.config, 'utf8');
    expect(text).toMatch(
      /^# The best of 2 trials, dropout\.hidden 0\.1, learningRate [\de.-]+:\n# loss 0\.\d{4} of the/,
    );
    const run = parseOptions(trainSchema, parse(text));
    expect(run).toMatchObject({
      learningRate,
      maxSteps: 4,
      test: [path('test.csv')],
      output: `${options.output}/best`,
    });
    const record = json(`${options.output}/${best!.name}/record.json`);
    const { output: _, test: __, trunkCacheDirectory: ___, ...alike } = run;
    expect(record.options).toMatchObject(JSON.parse(JSON.stringify(alike)));
  });

  it('draws trials, begins none twice, and runs what has been added', async () => {
    const space = { learningRate: { min: 1e-4, max: 1e-2, scale: 'log' } } as const;
    const options = config({ space, trials: 1, maxSteps: 1 });
    const first = await searched(options);
    expect(first.ran).toHaveLength(1);
    const again = await searched(options);
    expect([again.ran, again.known, again.result]).toEqual([[], first.ran, first.result]);
    const more = await searched({ ...options, trials: 2 });
    expect([more.ran.length, more.known]).toEqual([1, first.ran]);
    await expect(search({ ...options, l1: 1 })).rejects.toThrow(
      /^output holds other runs: trial-\w+ was run with other options:\n {2}l1: 0 then, 1 now\nGive those again/,
    );
    const replaced = await searched({ ...options, l1: 1, overwrite: true });
    expect(replaced.ran).toEqual(first.ran);
    expect(readdirSync(options.output).filter((name) => name.startsWith('trial-'))).toHaveLength(1);
  });

  it('goes on without a trial that diverges', async () => {
    const options = config({ space: { learningRate: [1e30, 1e-3] }, optimizer: 'sgd', maxGradNorm: 0 });
    const { result, ran } = await searched(options);
    expect(ran).toHaveLength(2);
    expect(result.trials).toMatchObject([
      { chosen: { learningRate: 1e-3 }, value: expect.any(Number) },
      { chosen: { learningRate: 1e30 }, failed: expect.stringMatching(/^step \d, epoch 1: .* is not finite/) },
    ]);
    const again = await searched(options);
    expect([again.ran, again.result]).toEqual([[], result]);
  });

  it('names the trial whose options contradict each other, before anything is run', async () => {
    const options = config({ space: { sampling: ['shuffle', 'weighted'] } });
    await expect(search(options)).rejects.toThrow(/^trial sampling weighted: option 'sampling' weighted needs/);
    expect(existsSync(options.output)).toBe(false);
  });
});

describe('successive halving', () => {
  const space = { learningRate: [1e-5, 1e-3, 1e-2] };
  const constant = { schedule: 'constant', halving: 3, space } as const;

  it('goes on from checkpoints where the schedule is constant, also of a run that was stopped', async () => {
    const options = config({ ...constant, saveTotalLimit: 1 });
    const stop = new AbortController();
    const stopped = await searched(options, {
      signal: stop.signal,
      onRun: ({ steps }, trainer) => trainer.on('step', ({ step }) => steps === 4 && step === 3 && stop.abort()),
    });
    const first = nameOf(stopped.result.best!);
    expect(stopped.ran).toEqual(['0.00001 to 1', '0.001 to 1', '0.01 to 1', `${first} to 4 from 1`]);
    expect(stopped.result).toMatchObject({ interrupted: true, halving: { goesOn: true } });
    const { result, ran } = await searched(options);
    expect(ran).toEqual([`${first} to 4 from 3`]);
    expect(result).toMatchObject({ steps: 3 + 3, best: { name: result.trials[0]!.name } });
    expect(result.trials.map(({ steps }) => steps)).toEqual([4, 1, 1]);
    const kept = readdirSync(options.output).filter((name) => existsSync(`${options.output}/${name}/model`));
    expect(kept).toEqual([`${result.best!.name}-steps4`]);
    const again = await searched(options);
    expect([again.ran, again.result]).toEqual([[], result]);
    // As a run of that length ends, which it is where its checkpoint has gone.
    rmSync(`${options.output}/${result.best!.name}-steps4`, { recursive: true });
    const anew = await searched(options);
    expect(anew.ran).toEqual([`${first} to 4`]);
    expect(anew.result.best!.value).toBe(result.best!.value);
  });

  it('begins anew where the schedule depends on the length', async () => {
    const { result, ran } = await searched(config({ ...constant, schedule: 'linear', minSteps: 2, maxSteps: 6 }));
    const first = nameOf(result.trials[0]!);
    expect(ran).toEqual(['0.00001 to 2', '0.001 to 2', '0.01 to 2', `${first} to 6`]);
    expect(result).toMatchObject({
      halving: { goesOn: false, reason: 'with schedule linear the learning rate depends on the length of the run' },
      steps: 3 * 2 + 6,
    });
  });
});
