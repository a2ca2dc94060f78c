import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UsageError } from '#ortune/errors.js';
import { type ScheduleName, type ScheduleOptions, scheduleFactor, scheduleOf } from '#ortune/optim/schedule.js';

interface Golden {
  learningRate: number;
  cases: {
    schedule: ScheduleName;
    arguments: {
      num_cycles?: number;
      power?: number;
      lr_end?: number;
      decay?: number;
      gamma?: number;
      step_size?: number;
    };
    warmup: number;
    total: number;
    /** The rate before each step, and after the last. */
    rates: number[];
  }[];
}

const golden: Golden = JSON.parse(
  readFileSync(new URL('../fixtures/schedules/schedules.json', import.meta.url), 'utf8'),
);

const options: ScheduleOptions = {
  schedule: 'linear',
  learningRate: golden.learningRate,
  warmupRatio: 0.1,
  schedulePower: 1,
  scheduleDecayRatio: 0.2,
  scheduleGamma: 0.1,
  learningRateEnd: 1e-7,
};

describe('the rates are those of transformers and torch', () => {
  it.each(golden.cases.map((c) => [c.schedule, JSON.stringify(c.arguments), c.warmup, c.total, c] as const))(
    '%s %s with %i steps of warm-up in %i',
    (schedule, _text, warmupSteps, total, { arguments: given, rates }) => {
      const found = scheduleOf(
        {
          ...options,
          schedule,
          warmupSteps,
          ...(given.num_cycles && { scheduleCycles: given.num_cycles }),
          ...(given.power && { schedulePower: given.power }),
          ...(given.lr_end !== undefined && { learningRateEnd: given.lr_end }),
          ...(given.decay && { scheduleDecayRatio: given.decay }),
          ...(given.gamma && { scheduleGamma: given.gamma }),
          ...(given.step_size && { scheduleStepSize: given.step_size }),
        },
        total,
      );
      expect(rates).toHaveLength(total + 1);
      rates.forEach((rate, step) => {
        const factor = scheduleFactor(found, step);
        expect(Math.abs(factor - rate / golden.learningRate), `step ${step}`).toBeLessThan(1e-10);
      });
    },
  );
});

it.each<[ScheduleName, number]>([
  ['linear', 0],
  ['cosine', 0],
  ['cosine_with_restarts', 0],
  ['polynomial', 1e-7 / options.learningRate],
  ['constant', 1],
  ['warmup_stable_decay', 1e-7 / options.learningRate],
  ['one_cycle', 1 / 25 / 1e4],
  // A warm-up of one step, and the tenth every two: steps 1, 2; 3, 4; 5.
  ['step', 0.01],
  ['exponential', 0.01],
])('%s stays at its end behind the last step', (schedule, end) => {
  const found = scheduleOf({ ...options, schedule }, 5);
  for (const step of [5, 6, 50]) expect(scheduleFactor(found, step)).toBeCloseTo(end, 12);
});

it('has a warm-up of the given steps, else of the given share', () => {
  expect(scheduleOf(options, 426).warmupSteps).toBe(43);
  expect(scheduleOf({ ...options, warmupSteps: 7 }, 426).warmupSteps).toBe(7);
  expect(scheduleOf({ ...options, warmupSteps: 0 }, 426).warmupSteps).toBe(0);
});

it('refuses more steps of warm-up and decay than there are', () => {
  const long = { ...options, schedule: 'warmup_stable_decay', warmupSteps: 9, scheduleDecayRatio: 0.2 } as const;
  expect(() => scheduleOf(long, 10)).toThrow(/9 steps of warm-up and 2 of decay are more than the 10 of the run/);
});

it('refuses a polynomial schedule that would not go down', () => {
  const rising = { ...options, schedule: 'polynomial', learningRateEnd: options.learningRate } as const;
  expect(() => scheduleOf(rising, 10)).toThrow(UsageError);
  expect(() => scheduleOf(rising, 10)).toThrow(/learningRateEnd \(0\.002\) must be less than learningRate \(0\.002\)/);
  expect(scheduleOf({ ...rising, schedule: 'linear' }, 10).name).toBe('linear');
});
