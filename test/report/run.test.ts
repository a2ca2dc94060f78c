import { describe, expect, it } from 'vitest';
import { parseOptions } from '#ortune/config/options.js';
import { trainSchema } from '#ortune/config/train-schema.js';
import type { TrainResult } from '#ortune/events.js';
import { describeEvent, summary } from '#ortune/report/run.js';

const config = parseOptions(trainSchema, {
  model: 'm',
  train: 't.jsonl',
  eval: 'e.jsonl',
  output: 'o',
  metricForBestModel: 'f1',
  earlyStoppingPatience: 2,
});

describe('describeEvent', () => {
  it('says what a run starts with, and not all of many labels', () => {
    const labels = Array.from({ length: 12 }, (_, c) => `c${c}`);
    const start = {
      model: 'm',
      labels,
      trainable: 1_200_000,
      parameters: 2_000_000,
      trainSamples: 64,
      samples: { train: '' },
      totalSteps: 12,
    };
    expect(describeEvent.start(start, config)).toBe(
      '64 samples, labels c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 2 more; ' +
        'training 1.2 million of 2.0 million parameters in 12 steps',
    );
  });

  it('says what was resumed, written and left out', () => {
    expect(describeEvent.resumed({ path: 'o/checkpoints/step-3', step: 3 }, config)).toBe(
      'resumed after step 3 from o/checkpoints/step-3',
    );
    expect(describeEvent.checkpoint({ path: 'o/checkpoints/step-6', step: 6, snapshotMs: 2 }, config)).toBe(
      'checkpoint o/checkpoints/step-6',
    );
    expect(describeEvent.saved({ path: 'o/model' }, config)).toBe('saved o/model');
    expect(describeEvent.warning({ message: 'one text was cut' }, config)).toBe('note: one text was cut');
    const samples = ['a:1', 'a:2', 'a:3', 'a:4', 'a:5'];
    expect(describeEvent.skipped({ step: 7, epoch: 0, reason: 'the loss is NaN', samples }, config)).toBe(
      'note: step 7 left out: the loss is NaN. Its samples: a:1, a:2, a:3, a:4 and 1 more',
    );
  });

  it('marks the best evaluation', () => {
    const metrics = { loss: 0.5, accuracy: 0.75 } as never;
    const event = { name: 'eval', step: 4, metrics } as const;
    expect(describeEvent.evaluation({ ...event, best: true }, config)).toBe(
      'eval after step 4: loss 0.5000, accuracy 0.7500 (best so far)',
    );
    expect(describeEvent.evaluation({ ...event, best: false }, config)).not.toContain('best');
  });

  it('says why a run stopped early; an interrupt has been said by then', () => {
    expect(describeEvent.stopped({ reason: 'early stopping', step: 8 }, config)).toBe(
      'stopped early after step 8: no better f1 in 2 evaluations',
    );
    expect(describeEvent.stopped({ reason: 'early stopping', step: 8 }, { ...config, earlyStoppingPatience: 1 })).toBe(
      'stopped early after step 8: no better f1 in 1 evaluation',
    );
    expect(describeEvent.stopped({ reason: 'aborted', step: 8 }, config)).toBeUndefined();
  });
});

describe('summary', () => {
  const result: TrainResult = {
    device: 'cpu',
    steps: 10,
    epochs: 2,
    trainLoss: 0.5,
    samplesPerSecond: 123.4,
    stepMs: 45.2,
    flops: 3e9,
    truncated: 0,
    skipped: 0,
    overflows: 0,
    badSamples: 0,
    notes: [],
    peakRssBytes: 900e6,
    seconds: 75,
    firstStepSeconds: 1,
    output: 'o/model',
    interrupted: false,
    stoppedEarly: false,
  };

  it('has the figures of the run', () => {
    expect(summary(result)).toBe('1:15 in all, 123 samples/s, 45.2 ms a step, at most 900 MB of memory');
  });

  it('has no pace where no step was taken', () => {
    const untrained = { ...result, steps: 0, stepMs: Number.NaN, samplesPerSecond: 0, seconds: 2 };
    expect(summary(untrained)).toBe('0:02 in all, at most 900 MB of memory');
  });

  it('names the best evaluation, what feeding costs, what was left out, and an interrupt', () => {
    const best = { step: 4, metric: 'f1', value: 0.975 };
    expect(summary({ ...result, best, feedRatio: 1.052, skipped: 2, interrupted: true }).split('\n')).toEqual([
      'best f1 0.9750 after step 4',
      '2 of 10 steps were not finite and left out',
      '1:15 in all, 123 samples/s, 45.2 ms a step (1.05 times one whose batch lies ready), at most 900 MB of memory',
      'interrupted after step 10',
    ]);
  });
});
