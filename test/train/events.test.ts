// A run as its host hears of it: by promises of single events, by a loop over all of them, and by disposing of it.

import { describe, expect, it } from 'vitest';
import { OrtuneError, UsageError } from '#ortune/errors.js';
import { EventQueue, mostHeld, type TrainerEvent } from '#ortune/train/event-queue.js';
import { Trainer } from '#ortune/train/trainer.js';
import { smallProblem } from '../support/small-problem.js';
import { newRuns } from '../support/train.js';

const { path, write } = smallProblem();
const options = newRuns(path, { maxSteps: 4, batchSize: 8, tensorboard: false });

describe('once', () => {
  it('calls a listener for one event, or is a promise of it', async () => {
    const trainer = new Trainer(options());
    const steps: number[] = [];
    trainer.once('step', ({ step }) => steps.push(step));
    const [first, saved, result] = await Promise.all([trainer.once('step'), trainer.once('saved'), trainer.run()]);
    expect(steps).toEqual([1]);
    expect(first.step).toBe(1);
    expect(saved.path).toBe(result.output);
  });

  it('rejects where the run ends without the event, and once it has ended', async () => {
    const trainer = new Trainer(options({ maxSteps: 1 }));
    const stopped = trainer.once('stopped');
    await trainer.run();
    await expect(stopped).rejects.toThrow("the run has ended without the event 'stopped'");
    await expect(trainer.once('step')).rejects.toThrow(OrtuneError);
  });

  it('rejects with what the run ended with', async () => {
    const trainer = new Trainer(options({ train: path('none.jsonl') }));
    const waited = trainer.once('start');
    const error = await trainer.run().catch((error) => error);
    await expect(waited).rejects.toBe(error);
  });

  it('refuses events that there are not', () => {
    const trainer = new Trainer(options());
    expect(() => trainer.once('steps' as 'step')).toThrow(UsageError);
    expect(() => trainer.once('step', 7 as never)).toThrow("once('step', …): the listener must be a function");
  });
});

describe('for await', () => {
  it('gives every event in order, and ends with the run', async () => {
    const trainer = new Trainer(options({ eval: path('test.csv'), evalSteps: 2 }));
    const running = trainer.run();
    const seen: string[] = [];
    let accuracy: number | undefined;
    for await (const event of trainer) {
      seen.push(event.type === 'step' ? `step ${event.step}` : event.type);
      if (event.type === 'evaluation') accuracy = event.metrics.accuracy;
    }
    expect(seen.filter((name) => name !== 'warning' && name !== 'checkpoint')).toEqual([
      'start',
      'step 1',
      'step 2',
      'evaluation',
      'step 3',
      'step 4',
      'evaluation',
      'saved',
    ]);
    expect((await running).metrics?.accuracy).toBe(accuracy);
    // Of a run that has ended there is nothing more.
    for await (const event of trainer) throw new Error(event.type);
  });

  it("throws the run's error, which is not unhandled besides", async () => {
    const trainer = new Trainer(options({ train: write('odd.jsonl', '{"text": 7}\n') }));
    const running = trainer.run();
    const loop = async () => {
      for await (const _ of trainer);
    };
    const error = await loop().catch((error) => error);
    expect(error).toBeInstanceOf(OrtuneError);
    await expect(running).rejects.toBe(error);
  });

  it('leaves the run as it is when the loop is left', async () => {
    const trainer = new Trainer(options());
    const running = trainer.run();
    for await (const { type } of trainer) if (type === 'step') break;
    expect((await running).steps).toBe(4);
  });

  it('tells a reader who is too slow how many events it missed, and holds no more than the bound', async () => {
    const queue = new EventQueue<TrainerEvent>(() => {});
    const step = (step: number) => ({ type: 'step', step }) as TrainerEvent;
    queue.push({ type: 'saved', path: 'early' });
    for (let i = 1; i <= mostHeld + 50; i++) queue.push(step(i));
    queue.push({ type: 'saved', path: 'late' });
    queue.end({});
    const seen: TrainerEvent[] = [];
    for await (const event of queue) seen.push(event);
    expect(seen).toHaveLength(mostHeld + 1);
    expect(seen[0]).toMatchObject({ path: 'early' });
    expect(seen.at(-1)).toMatchObject({ path: 'late' });
    const missed = seen[1] as TrainerEvent & { type: 'missed' };
    expect(missed.type).toBe('missed');
    expect(missed.events + seen.length - 1).toBe(mostHeld + 52);
    expect(seen[2]).toMatchObject({ type: 'step', step: missed.events + 1 });
  });

  it('makes room by the oldest event where there is no step', async () => {
    const queue = new EventQueue<TrainerEvent>(() => {});
    for (let i = 0; i <= mostHeld; i++) queue.push({ type: 'warning', message: String(i) });
    expect(await queue.next()).toMatchObject({ value: { type: 'missed', events: 1 } });
    expect(await queue.next()).toMatchObject({ value: { message: '1' } });
  });
});

describe('await using', () => {
  it('ends the run, with a checkpoint and the model, and waits for it', async () => {
    const trainer = new Trainer(options({ maxSteps: 1000 }));
    const running = trainer.run();
    await trainer.once('step');
    await trainer[Symbol.asyncDispose]();
    const result = await running;
    expect(result.interrupted).toBe(true);
    expect(result.steps).toBeLessThan(1000);
    expect(result.checkpoint).toBeDefined();
  });

  it('leaves nothing of a run that was never begun', async () => {
    const trainer = new Trainer(options());
    await trainer[Symbol.asyncDispose]();
    await expect(trainer.run()).rejects.toMatchObject({ name: 'AbortError' });
  });
});
