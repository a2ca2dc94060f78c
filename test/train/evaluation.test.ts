// Evaluations and checkpoints on the way: when they come, which weights are written, and what is kept.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import type { EvaluationEvent } from '#ortune/events.js';
import type { ClassificationResult } from '#ortune/metrics/classification.js';
import { Trainer } from '#ortune/train/trainer.js';
import { smallProblem } from '../support/small-problem.js';
import { hashOf, modelFile, newRuns } from '../support/train.js';

const { path } = smallProblem();

const config = newRuns(path, { eval: path('test.csv'), epochs: 3, batchSize: 8 });

async function run(options: TrainOptions) {
  const evaluations: EvaluationEvent[] = [];
  const checkpoints: number[] = [];
  const stopped: object[] = [];
  const trainer = new Trainer(options)
    .on('evaluation', (event) => evaluations.push(event))
    .on('checkpoint', ({ step }) => checkpoints.push(step))
    .on('stopped', (event) => stopped.push(event));
  const result = await trainer.run();
  const kept = readdirSync(`${options.output}/checkpoints`).sort();
  return { result, evaluations, checkpoints, stopped, kept, bits: hashOf(readFileSync(modelFile(result.output))) };
}

const steps = (events: { step: number }[]) => events.map(({ step }) => step);

describe('evaluations and checkpoints', () => {
  it('come at the end of each epoch', async () => {
    const { evaluations, checkpoints, kept } = await run(config());
    expect(steps(evaluations)).toEqual([8, 16, 24]);
    expect(checkpoints).toEqual([8, 16, 24]);
    expect(kept).toEqual(['step-16', 'step-24']);
  });

  it('or every so many steps, and after the last', async () => {
    const { evaluations, checkpoints, kept } = await run(config({ evalSteps: 7, saveSteps: 10, saveTotalLimit: 9 }));
    expect(steps(evaluations)).toEqual([7, 14, 21, 24]);
    expect(checkpoints).toEqual([10, 20, 24]);
    expect(kept).toEqual(['step-10', 'step-20', 'step-24']);
  });

  it('or not at all', async () => {
    const options = config({ evalStrategy: 'no', saveStrategy: 'no', maxSteps: 3 });
    const checkpoints: number[] = [];
    const trainer = new Trainer(options).on('checkpoint', ({ step }) => checkpoints.push(step));
    const result = await trainer.run();
    expect(checkpoints).toEqual([]);
    expect(result.checkpoint).toBeUndefined();
    expect(result.metrics).toBeUndefined();
  });
});

describe('the best evaluation', () => {
  // A rate this high learns and then falls apart, so that the last weights are not the best.
  const overshoot = { learningRate: 3e-2, schedule: 'constant', warmupSteps: 0, evalSteps: 2, maxGradNorm: 0 } as const;

  it('decides which weights are written', async () => {
    const { result, evaluations, bits, kept } = await run(
      config({ ...overshoot, optimizer: 'sgd', learningRate: 5, loadBestModelAtEnd: true, saveStrategy: 'no' }),
    );
    const best = evaluations.reduce((a, b) => (b.metrics.loss < a.metrics.loss ? b : a));
    expect(best.step).toBeLessThan(result.steps);
    expect(result.best).toEqual({ step: best.step, metric: 'loss', value: best.metrics.loss });
    expect(result.metrics).toEqual(best.metrics);
    expect(evaluations.filter((e) => e.best).at(-1)!.step).toBe(best.step);
    expect(kept).toContain(`step-${best.step}`);
    // The same weights as a run that ends there.
    const short = await run(
      config({ ...overshoot, optimizer: 'sgd', learningRate: 5, epochs: 3, maxSteps: best.step }),
    );
    expect(bits).toBe(short.bits);
  });

  it('stops the run when nothing better comes for a while', async () => {
    const { result, evaluations, stopped } = await run(
      config({ ...overshoot, optimizer: 'sgd', learningRate: 5, epochs: 50, earlyStoppingPatience: 3 }),
    );
    const best = evaluations.filter((e) => e.best).at(-1)!;
    expect(result).toMatchObject({ stoppedEarly: true, interrupted: false, steps: best.step + 6 });
    expect(stopped).toEqual([{ reason: 'early stopping', step: result.steps }]);
    expect(result.metrics).toEqual(best.metrics);
  });

  it('reduces the rate when nothing better comes for a while', async () => {
    const options = config({
      ...overshoot,
      ...{ optimizer: 'sgd', learningRate: 5, maxSteps: 16, evalStrategy: 'steps', saveStrategy: 'no' },
      ...{ reduceOnPlateauPatience: 2, reduceOnPlateauFactor: 0.5 },
    });
    const [rates, better]: [number[], boolean[]] = [[], []];
    await new Trainer(options)
      .on('step', ({ learningRate }) => rates.push(learningRate))
      .on('evaluation', ({ best }) => better.push(best === true))
      .run();
    let [since, rate] = [0, 5];
    const expected = better.flatMap((is) => {
      const before = rate;
      since = is ? 0 : since + 1;
      if (!is && since % 2 === 0) rate /= 2;
      return [before, before];
    });
    expect(rates).toEqual(expected);
    expect(new Set(rates).size).toBeGreaterThan(1);
  });

  it('goes by any metric, and an unknown one is refused before anything is read', async () => {
    const { result, evaluations } = await run(
      config({ metricForBestModel: 'macro.f1', loadBestModelAtEnd: true, maxSteps: 8, evalSteps: 4 }),
    );
    const values = evaluations.map((e) => (e.metrics as ClassificationResult).macro.f1);
    expect(result.best!.value).toBe(Math.max(...values));
    expect(() => new Trainer(config({ metricForBestModel: 'f2' }))).toThrow(/macro\.f1[\s\S]*f2/);
  });
});

it('a share of the training data can be held out instead', async () => {
  const options = config({ evalSplit: 0.25, maxSteps: 2 });
  delete options.eval;
  const started: number[] = [];
  const trainer = new Trainer(options).on('start', ({ trainSamples }) => started.push(trainSamples));
  const { metrics } = await trainer.run();
  expect(started).toEqual([48]);
  expect(metrics!.samples).toBe(16);
  expect((metrics as ClassificationResult).classes.map(({ support }) => support)).toEqual([8, 8]);
});
