// Metrics of a host program in a run: reported, chosen by, slow, and failing.

import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { EvaluationEvent } from '#ortune/events.js';
import type { OwnMeter } from '#ortune/metrics/own.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { smallProblem } from '../support/small-problem.js';
import { newRuns, train } from '../support/train.js';

const { path } = smallProblem();
// 64 samples: 4 steps an epoch; 20 to evaluate on, so that the last batch is filled up.
const config = newRuns(path, { epochs: 2, batchSize: 16, warmupRatio: 0, eval: path('test.csv') });

/** What the task measures, measured again. */
function again(): OwnMeter {
  let [hits, loss, rows, batches] = [0, 0, 0, 0];
  return {
    add({ outputs: { logits }, targets: { labels }, samples }) {
      batches++;
      const [z, y] = [logits!.data as Float32Array, labels!.data as BigInt64Array];
      expect([logits!.shape, labels!.shape]).toEqual([[samples.length, 2], [samples.length]]);
      for (let row = 0; row < samples.length; row++, rows++) {
        const own = Number(y[row]);
        const margin = z[2 * row + own]! - z[2 * row + 1 - own]!;
        hits += Number(margin > 0);
        loss += Math.log1p(Math.exp(-margin));
      }
    },
    result: () => ({ accuracy: hits / rows, loss: loss / rows, rows, batches }),
  };
}

describe('a metric of the program', () => {
  it('measures evaluations during a run, of the test data and of a saved model', async () => {
    const evaluations: EvaluationEvent[] = [];
    const options = config({ test: path('test.csv'), metrics: { again } });
    const trainer = new Trainer(options).on('evaluation', (event) => evaluations.push(event));
    const { output, metrics } = await trainer.run();
    expect(evaluations.map(({ name }) => name)).toEqual(['eval', 'eval', 'test']);
    const saved = await evaluate({ model: output, data: path('test.csv'), batchSize: 8, metrics: { again } });
    for (const [measured, batches] of [
      ...evaluations.map((event) => [event.metrics, 2] as const),
      [saved.metrics, 3] as const,
    ]) {
      const { own, loss, ...task } = measured as typeof saved.metrics;
      expect(own!.again).toMatchObject({ accuracy: task.accuracy, rows: 20, batches });
      expect((own!.again as { loss: number }).loss).toBeCloseTo(loss, 5);
    }
    expect(metrics).toEqual(evaluations[2]!.metrics);
    const lines = readFileSync(`${options.output}/metrics.jsonl`, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).metrics?.own).filter(Boolean)).toHaveLength(3);
  });

  it('chooses the best evaluation, and a slow one slows no step', async () => {
    const plain = await train(config({ evalSteps: 1, maxSteps: 6 }));
    let evaluation = 0;
    const waitMs = 50;
    const metrics = {
      // Least at the third evaluation.
      distance: {
        lessIsBetter: true,
        create: () => ({
          add: () => wait(waitMs),
          result: () => Math.abs(++evaluation - 3),
        }),
      },
    };
    const more = { metricForBestModel: 'own.distance', loadBestModelAtEnd: true, evalSteps: 1, maxSteps: 6 };
    const slow = await train(config({ ...more, metrics }));
    expect(slow.losses).toEqual(plain.losses);
    expect(slow.result.best).toEqual({ step: 3, metric: 'own.distance', value: 0 });
    expect(slow.result.metrics!.own).toEqual({ distance: 0 });
    expect(slow.result.stepMs).toBeLessThan(3 * plain.result.stepMs + 20);
    expect(slow.result.stepMs).toBeLessThan(waitMs);
  });

  it('that throws ends the run with a checkpoint, and a resumed run evaluates first', async () => {
    const cause = new Error('a bad day');
    let evaluations = 0;
    const metrics = {
      fragile: () => ({
        add() {
          if (++evaluations > 2) throw cause;
        },
        result: () => 1,
      }),
    };
    const options = config({ metrics });
    const error = await new Trainer(options).run().catch((thrown: Error) => thrown as Error);
    expect(error).toMatchObject({ name: 'CallbackError', cause });
    expect((error as Error).message).toBe(
      `metrics.fragile: it threw: a bad day\nThe last good checkpoint is ${options.output}/checkpoints/step-8; --resume goes on from it.`,
    );
    const steps: string[] = [];
    const resumed = new Trainer({ ...options, metrics: {}, resume: 'latest' })
      .on('step', ({ step }) => steps.push(`step ${step}`))
      .on('evaluation', ({ step }) => steps.push(`evaluation ${step}`));
    await resumed.run();
    expect(steps).toEqual(['evaluation 8']);
  });

  it('that is named and not given is refused', () => {
    expect(() => new Trainer(config({ metricForBestModel: 'own.f2', metrics: { again } }))).toThrow(
      "option 'metricForBestModel' names 'own.f2', a metric of your own; there are own.again",
    );
  });
});
