// Resuming through the library: the bits of an undisturbed run wherever it was stopped, and no run that is another one.

import { appendFileSync, cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import { Trainer } from '#ortune/train/trainer.js';
import { smallProblem } from '../support/small-problem.js';
import { newRuns, train } from '../support/train.js';

const { path, write, lines } = smallProblem();

// 64 samples: 6 steps an epoch, the last one of a single short micro-batch.
const config = newRuns(path, { epochs: 3, batchSize: 6, gradientAccumulationSteps: 2, dropout: 0.1 });

/** A run that nothing disturbs, which the others end like. */
let whole: ReturnType<typeof train> | undefined;
const undisturbed = (): ReturnType<typeof train> => {
  whole ??= train(config());
  return whole;
};

/** Trains until a step, as an abort in the middle of it leaves a run. */
async function stopAt(options: TrainOptions, step: number) {
  const stop = new AbortController();
  const stopped = await train(options, { signal: stop.signal, onStep: (at) => at === step && stop.abort() });
  expect(stopped.result).toMatchObject({ steps: step, interrupted: true });
  expect(stopped.result.checkpoint).toBe(`${options.output}/checkpoints/step-${step}`);
  return stopped;
}

const records = (output: string) =>
  readFileSync(`${output}/metrics.jsonl`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('a stopped run', () => {
  it.each([
    ['in the middle of the first epoch', 2],
    ['at the end of an epoch', 6],
    ['in the second epoch', 9],
    ['in the last', 17],
  ])('%s goes on to the bits of an undisturbed one', async (_, step) => {
    const whole = await undisturbed();
    const options = config();
    const before = await stopAt(options, step);
    const after = await train({ ...options, resume: 'latest' });
    expect([...before.losses, ...after.losses]).toEqual(whole.losses);
    expect(after.bits).toBe(whole.bits);
    expect(after.result).toMatchObject({ steps: 18, epochs: 3, interrupted: false, trainLoss: whole.result.trainLoss });
    const steps = records(options.output).filter(({ event }) => event === 'step');
    expect(steps.map((event) => event.step)).toEqual(Array.from({ length: 18 }, (_, i) => i + 1));
  });

  it('with another optimizer, a stream and drawn samples too', async () => {
    for (const more of [
      { optimizer: 'sgd', schedule: 'cosine' },
      { streaming: true, shuffleBuffer: 24 },
      { sampling: 'balanced', groupByLength: false },
    ] as const) {
      const whole = await train(config(more));
      const options = config(more);
      await stopAt(options, 7);
      expect((await train({ ...options, resume: 'latest' })).bits, JSON.stringify(more)).toBe(whole.bits);
    }
  });

  it('is stopped and resumed as often as one likes', async () => {
    const whole = await undisturbed();
    const options = config();
    await stopAt(options, 1);
    await stopAt({ ...options, resume: 'latest' }, 2);
    await stopAt({ ...options, resume: 'latest' }, 13);
    expect((await train({ ...options, resume: 'latest' })).bits).toBe(whole.bits);
  });

  it('goes on from an older checkpoint, also into another directory', async () => {
    const options = config({ saveSteps: 4, saveTotalLimit: 5 });
    const whole = await train(options);
    const other = config({ resume: `${options.output}/checkpoints/step-8` });
    const resumed: object[] = [];
    const trainer = new Trainer(other).on('resumed', (event) => resumed.push(event));
    await trainer.run();
    expect(resumed).toEqual([{ path: `${options.output}/checkpoints/step-8`, step: 8 }]);
    const again = await train({ ...options, resume: `${options.output}/checkpoints/step-8` });
    expect(again.bits).toBe(whole.bits);
    expect(readFileSync(`${other.output}/model/onnx/model.onnx`)).toEqual(
      readFileSync(`${options.output}/model/onnx/model.onnx`),
    );
  });

  it('may change what does not change the weights', async () => {
    const whole = await undisturbed();
    const options = config();
    await stopAt(options, 5);
    const other = { ...options, workers: 2, batchesAhead: 1, saveSteps: 3, evalSteps: 4, eval: path('test.csv') };
    expect((await train({ ...other, resume: 'latest' })).bits).toBe(whole.bits);
  });
});

describe('a run that is another one', () => {
  const stopped = (async () => {
    const options = config();
    await stopAt(options, 3);
    return options;
  })();

  it.each<[string, () => Partial<TrainOptions>, RegExp]>([
    ['another setting', () => ({ learningRate: 2e-3 }), /learningRate: 0\.001 then, 0\.002 now/],
    ['several settings', () => ({ batchSize: 8, seed: 1 }), /batchSize: 6 then, 8 now[\s\S]*seed: 0 then, 1 now/],
    [
      'other data',
      () => ({ train: write('more.jsonl', [...lines, lines[0]].join('\n')) }),
      /train: the samples of .*more\.jsonl are not the same/,
    ],
    [
      'another model',
      () => {
        cpSync(path('encoder'), path('changed'), { recursive: true });
        appendFileSync(path('changed/config.json'), ' ');
        return { model: path('changed') };
      },
      /model: the files of .*changed are not those of .*encoder then/,
    ],
  ])('is refused by name: %s', async (_, more, message) => {
    const options = await stopped;
    const before = readdirSync(`${options.output}/checkpoints`);
    const run = new Trainer({ ...options, ...more(), resume: 'latest' }).run();
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toThrow(/allowChanges/);
    expect(readdirSync(`${options.output}/checkpoints`)).toEqual(before);
  });

  it('goes on when told to', async () => {
    const options = await stopped;
    const output = path('told');
    cpSync(options.output, output, { recursive: true });
    const { result } = await train({ ...options, output, resume: 'latest', learningRate: 2e-3, allowChanges: true });
    expect(result.steps).toBe(18);
  });

  it('is one that ends before the checkpoint', async () => {
    const options = await stopped;
    const run = new Trainer({ ...options, resume: 'latest', maxSteps: 2, allowChanges: true }).run();
    await expect(run).rejects.toThrow(/step-3 is of step 3, this run ends at 2; raise epochs or maxSteps/);
  });

  it('without a checkpoint has nothing to resume', async () => {
    await expect(new Trainer(config({ resume: 'latest' })).run()).rejects.toThrow(/no checkpoint/i);
  });
});

it('a damaged checkpoint is refused, and the one before it offered', async () => {
  const options = config({ saveSteps: 3 });
  await stopAt(options, 6);
  const file = `${options.output}/checkpoints/step-6/optimizer.safetensors`;
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(file, bytes);
  const run = new Trainer({ ...options, resume: 'latest' }).run();
  await expect(run).rejects.toThrow(/step-6[\s\S]*optimizer\.safetensors[\s\S]*step-3/);
  const whole = await train(config({ saveSteps: 3 }));
  const { bits } = await train({ ...options, resume: `${options.output}/checkpoints/step-3` });
  expect(bits).toBe(whole.bits);
});

it('a finished run is resumed with more epochs only when told', async () => {
  const options = config({ epochs: 1 });
  await train(options);
  expect(existsSync(`${options.output}/checkpoints/step-6`)).toBe(true);
  const more = { ...options, epochs: 2, resume: 'latest' };
  await expect(new Trainer(more).run()).rejects.toThrow(/epochs: 1 then, 2 now/);
  expect((await train({ ...more, allowChanges: true })).result.steps).toBe(12);
});

it('a run is made longer, bit for bit, where its rates do not depend on its length', async () => {
  const alike = { schedule: 'constant', warmupSteps: 2 } as const;
  const short = config({ ...alike, maxSteps: 7 });
  await train(short);
  const longer = await train({ ...short, maxSteps: 10, resume: 'latest' });
  const undisturbed = await train(config({ ...alike, maxSteps: 10 }));
  expect(longer.losses).toEqual(undisturbed.losses.slice(7));
  expect(longer.bits).toBe(undisturbed.bits);
  const other = new Trainer({ ...short, maxSteps: 12, warmupSteps: 3, resume: 'latest' });
  await expect(other.run()).rejects.toThrow(/warmupSteps: 2 then, 3 now/);
});
