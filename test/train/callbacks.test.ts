// Decisions of a host program: what callbacks are called with and when, what they can ask of a run, that a resumed run
// decides alike, that a slow one costs its own time only, and how one that throws ends a run.

import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import { CallbackError, UsageError } from '#ortune/errors.js';
import type { TrainerEvents } from '#ortune/events.js';
import { Trainer } from '#ortune/train/trainer.js';
import { smallProblem } from '../support/small-problem.js';
import { newRuns, train } from '../support/train.js';

const { path } = smallProblem();

// 64 samples: 4 steps an epoch.
const config = newRuns(path, { epochs: 2, batchSize: 16, warmupRatio: 0, dropout: 0.1 });

/** A run without callbacks. */
const whole = await train(config());

/** Tensors of a checkpoint; the header of its file has the step. */
function weightsAt({ output }: TrainOptions, step: number): Buffer {
  const file = readFileSync(`${output}/checkpoints/step-${step}/model.safetensors`);
  return file.subarray(8 + Number(file.readBigUInt64LE()));
}

describe('callbacks', () => {
  it('are called in order between the steps, and waited for', async () => {
    const log: string[] = [];
    const note = async (what: string) => {
      await wait(1);
      log.push(what);
    };
    const options = config({
      eval: path('test.csv'),
      callbacks: {
        onStart: ({ totalSteps }, { step }) => note(`start ${step} of ${totalSteps}`),
        onBatch: ({ step, epoch, samples, places }) =>
          note(`batch ${step} ${epoch} ${samples} ${new Set(places()).size}`),
        onStep: ({ step }, control) => note(`step ${step} ${control.step}`),
        onEpoch: ({ epoch, step }) => note(`epoch ${epoch} ${step}`),
        onEvaluation: ({ name, step }) => note(`${name} ${step}`),
      },
    });
    await new Trainer(options).on('step', ({ step }) => log.push(`event ${step}`)).run();
    const steps = (from: number, epoch: number) =>
      [0, 1, 2, 3].flatMap((i) => {
        const step = from + i;
        return [`batch ${step} ${epoch} 16 16`, `event ${step}`, `step ${step} ${step}`];
      });
    expect(log).toEqual([
      'start 0 of 8',
      ...steps(1, 0),
      ...['epoch 0 4', 'eval 4'],
      ...steps(5, 1),
      ...['epoch 1 8', 'eval 8'],
    ]);
  });

  it('change the learning rate, which a resumed run goes on with', async () => {
    const rates: number[] = [];
    const halve: TrainOptions['callbacks'] = {
      onStep({ step, learningRate }, control) {
        rates.push(learningRate);
        if (step === 2 || step === 5) control.learningRateFactor /= 2;
      },
    };
    const halved = await train(config({ schedule: 'constant', callbacks: halve }));
    expect(rates).toEqual([1e-3, 1e-3, 5e-4, 5e-4, 5e-4, 2.5e-4, 2.5e-4, 2.5e-4]);
    const options = config({ schedule: 'constant', callbacks: halve });
    const stop = new AbortController();
    await train(options, { signal: stop.signal, onStep: (step) => step === 3 && stop.abort() });
    const after = await train({ ...options, resume: 'latest' });
    expect(after.bits).toBe(halved.bits);
  });

  it('leave a batch out: the step counts, and changes nothing', async () => {
    const skipped: TrainerEvents['skipped'][] = [];
    const skip = (step: number): TrainOptions => {
      const callbacks: TrainOptions['callbacks'] = { onBatch: (batch) => batch.step === step && batch.skip() };
      return config({ callbacks, saveSteps: 1, saveTotalLimit: 9 });
    };
    const options = skip(3);
    const trainer = new Trainer(options).on('skipped', (event) => skipped.push(event));
    const result = await trainer.run();
    expect(result).toMatchObject({ steps: 8, skipped: 0, leftOut: 1 });
    expect(skipped).toMatchObject([{ step: 3, epoch: 0, reason: 'a callback left it out' }]);
    expect(skipped[0]!.samples).toHaveLength(16);
    expect(weightsAt(options, 3)).toEqual(weightsAt(options, 2));
    expect(weightsAt(options, 4)).not.toEqual(weightsAt(options, 3));
    const resumed = { ...skip(9), resume: `${options.output}/checkpoints/step-3` };
    expect(await new Trainer(resumed).run()).toMatchObject({ steps: 8, leftOut: 1 });
    expect(weightsAt(resumed, 8)).toEqual(weightsAt(options, 8));
    const all = config({ maxSteps: 2, callbacks: { onBatch: (batch) => batch.skip() } });
    expect(await new Trainer(all).run()).toMatchObject({ steps: 2, leftOut: 2 });
    expect(existsSync(`${all.output}/metrics.jsonl`)).toBe(true);
  });

  it('save, evaluate and stop, also from outside; a resumed run goes on', async () => {
    const events: string[] = [];
    const asks: TrainOptions['callbacks'] = {
      onStep({ step }, control) {
        if (step === 1) control.save();
        if (step === 2) control.evaluate();
      },
      onEvaluation: ({ step }, control) => step === 4 && control.stop(),
    };
    const options = config({ eval: path('test.csv'), callbacks: asks });
    const result = await new Trainer(options)
      .on('evaluation', ({ step }) => events.push(`evaluation ${step}`))
      .on('checkpoint', ({ step }) => events.push(`checkpoint ${step}`))
      .on('stopped', ({ step, reason }) => events.push(`${reason} ${step}`))
      .run();
    expect(events.toSorted()).toEqual([
      ...['callback 4', 'checkpoint 1', 'checkpoint 4', 'evaluation 2', 'evaluation 4'],
    ]);
    expect(result).toMatchObject({ steps: 4, stoppedEarly: true, interrupted: false });
    expect((await train({ ...options, resume: 'latest' })).bits).toBe(whole.bits);

    const outside = new Trainer(config());
    outside.control.learningRateFactor = 0.5;
    const rates: number[] = [];
    outside.on('step', ({ step, learningRate }) => {
      rates.push(learningRate);
      if (step === 2) outside.control.stop();
    });
    expect(await outside.run()).toMatchObject({ steps: 2, stoppedEarly: true });
    expect(rates[0]).toBe(5e-4);
    const never = new Trainer(config({ callbacks: { onStart: (_, control) => control.stop() } }));
    expect(await never.run()).toMatchObject({ steps: 0, stoppedEarly: true });
  });

  it('that are slow cost their own time, and no step more', async () => {
    const spent: string[] = [];
    let spentMs = 0;
    const slow = (name: string) => async (): Promise<void> => {
      const started = performance.now();
      await wait(30);
      spentMs += performance.now() - started;
      spent.push(name);
    };
    const names = ['onStart', 'onBatch', 'onStep', 'onEpoch', 'onEvaluation'] as const;
    const callbacks = Object.fromEntries(names.map((name) => [name, slow(name)]));
    const usual = await train(config({ eval: path('test.csv') }));
    const run = await train(config({ eval: path('test.csv'), callbacks }));
    expect(run.bits).toBe(whole.bits);
    const counts = names.map((name) => spent.filter((one) => one === name).length);
    expect(counts).toEqual([1, 8, 8, 2, 2]);
    expect(spentMs).toBeGreaterThanOrEqual(21 * 29);
    // A step is measured from the request for its batch, which was prepared while the callback was waited for.
    expect(run.result.stepMs).toBeLessThan(3 * usual.result.stepMs + 20);
    expect(1000 * run.result.seconds - spentMs).toBeLessThan(3000 * usual.result.seconds + 1000);
  });
});

describe('a callback that throws', () => {
  it('ends the run with its error and a checkpoint from which it goes on', async () => {
    const cause = new RangeError('too far');
    const options = config({
      callbacks: {
        async onStep({ step }) {
          await wait(1);
          if (step === 3) throw cause;
        },
      },
    });
    const error = await new Trainer(options).run().catch((thrown: unknown) => thrown as CallbackError);
    expect(error).toBeInstanceOf(CallbackError);
    expect(error).toMatchObject({ cause, exitCode: 1 });
    expect((error as CallbackError).message).toBe(
      `callbacks.onStep, after step 3: it threw: too far\nThe last good checkpoint is ${options.output}/checkpoints/step-3; --resume goes on from it.`,
    );
    expect((await train({ ...options, callbacks: {}, resume: 'latest' })).bits).toBe(whole.bits);
  });

  it.each([
    ['onStart', 'before step 1', false],
    ['onBatch', 'before step 1', false],
    ['onEpoch', 'after step 4', true],
    ['onEvaluation', 'after step 4', true],
  ] as const)('in %s is named with its step', async (name, when, kept) => {
    const throws = () => {
      throw 'no error at all';
    };
    const options = config({ eval: path('test.csv'), callbacks: { [name]: throws } });
    const error = await new Trainer(options).run().catch((thrown: unknown) => thrown as CallbackError);
    expect(error).toBeInstanceOf(CallbackError);
    expect((error as CallbackError).message).toMatch(`callbacks.${name}, ${when}: it threw: no error at all`);
    expect((error as CallbackError).cause).toBe('no error at all');
    expect(existsSync(`${options.output}/checkpoints/step-4`)).toBe(kept);
  });
});

describe('what is no callback', () => {
  it.each([
    [{ onStop: () => {} }, "option 'callbacks' has no 'onStop'; did you mean 'onStep'?"],
    [{ onStep: true }, "option 'callbacks.onStep' must be a function, found true"],
    [[], "option 'callbacks' must be an object, found a list"],
  ])('is refused: %j', (callbacks, message) => {
    expect(() => new Trainer(config({ callbacks: callbacks as never }))).toThrow(new UsageError(message));
  });

  it('and what cannot be asked for', async () => {
    const asked = async (ask: (control: Trainer['control']) => void) =>
      new Trainer(config({ callbacks: { onStep: (_, control) => ask(control) } }))
        .run()
        .catch(({ message, cause }) => ({ message, cause }));
    expect(await asked((control) => control.evaluate())).toMatchObject({
      message: expect.stringMatching(/control.evaluate: the run has no data to evaluate on/),
      cause: expect.any(UsageError),
    });
    const factor = new Trainer(config()).control;
    expect(() => {
      factor.learningRateFactor = Number.NaN;
    }).toThrow('control.learningRateFactor must be a number of at least 0, found the number NaN');
  });
});
