// BatchNormalization while training, through the library: whose statistics are used, and that the running averages are
// state like the weights: saved, resumed, restored with the best, untouched by a step that is left out.

import { describe, expect, it } from 'vitest';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { readSafetensors } from '../golden.js';
import { writeBatchNormModel } from '../support/batch-norm-model.js';
import { smallProblem } from '../support/small-problem.js';
import { modelFile, newRuns, train } from '../support/train.js';

const { path, write, lines } = smallProblem();
const model = writeBatchNormModel(path('encoder'), path('normalised'));
const config = newRuns(path, { model, epochs: 2, batchSize: 8, dropout: 0, learningRate: 1e-2 });

const statistics = ['bn1.running_mean', 'bn1.running_var', 'bn2.running_mean', 'bn2.running_var'];
const tensorsOf = (directory: string, names: readonly string[]): number[][] => {
  const { initializers } = toGraph(openModel(modelFile(directory)));
  return names.map((name) => initializers.get(name)!.numbers());
};
const before = tensorsOf(model, statistics);
const distances = (a: number[][], b: number[][]): number[] =>
  a.map((values, i) => Math.hypot(...values.map((v, k) => v - b[i]![k]!)));

describe('the running averages', () => {
  it('are those of the batches and in the saved file, which says the same in evaluation', async () => {
    const eval_ = path('test.csv');
    const { result, warnings } = await train(config({ eval: eval_ }));
    for (const distance of distances(tensorsOf(result.output, statistics), before))
      expect(distance).toBeGreaterThan(0.1);
    expect(warnings).toContainEqual(expect.stringMatching(/^2 BatchNormalization layers .* statistics of each batch/));
    expect(warnings.filter((w) => w.includes('running_'))).toEqual([]);
    const stock = await evaluate({ model: result.output, data: eval_, threads: 1 });
    expect(stock.metrics.loss).toBeCloseTo(result.metrics!.loss!, 5);
  });

  it('stay those of the file where batchNorm is frozen, or scale and bias are', async () => {
    for (const more of [{ batchNorm: 'frozen' }, { freeze: ['bn*'] }] as Partial<TrainOptions>[]) {
      const { result, warnings } = await train(config(more));
      expect(tensorsOf(result.output, statistics)).toEqual(before);
      expect(warnings).toContainEqual(expect.stringMatching(/^2 BatchNormalization layers keep the statistics/));
    }
    const { result } = await train(config({ freeze: ['bn1.*'] }));
    const after = distances(tensorsOf(result.output, statistics), before);
    expect(after.slice(0, 2)).toEqual([0, 0]);
    for (const distance of after.slice(2)) expect(distance).toBeGreaterThan(0.1);
  });

  it('start at 0 and 1 with random weights, those that stay too', async () => {
    const fresh = [0, 1, 0, 1].map((value) => new Array(24).fill(value));
    const options = { init: 'random', maxSteps: 0 } as const;
    for (const more of [{}, { batchNorm: 'frozen' }, { freeze: ['bn*'] }] as Partial<TrainOptions>[])
      expect(tensorsOf((await train(config({ ...options, ...more }))).result.output, statistics)).toEqual(fresh);
  });

  it('are part of a checkpoint: a stopped run goes on to the same bits', async () => {
    const options = config({ gradientAccumulationSteps: 3, epochs: 3 });
    const whole = await train({ ...options, output: `${options.output}-whole` });
    const stop = new AbortController();
    await train(options, { signal: stop.signal, onStep: (step) => step === 4 && stop.abort() });
    expect((await train({ ...options, resume: 'latest' })).bits).toBe(whole.bits);
  });

  it('come back with the weights of the best evaluation', async () => {
    const options = config({ eval: path('test.csv'), evalSteps: 1, learningRate: 0.5, loadBestModelAtEnd: true });
    const { result } = await train(options);
    const best = result.best!.step;
    expect(best).toBeLessThan(result.steps);
    const kept = readSafetensors(`${options.output}/checkpoints/step-${best}/model.safetensors`);
    const last = readSafetensors(`${options.output}/checkpoints/step-${result.steps}/model.safetensors`);
    for (const [i, values] of tensorsOf(result.output, statistics).entries()) {
      expect(values).toEqual([...kept.get(statistics[i]!)!]);
      expect(values).not.toEqual([...last.get(statistics[i]!)!]);
    }
  });
});

describe('a step that is left out', () => {
  const weighted = write(
    'weighted.jsonl',
    lines.map((line, i) => JSON.stringify({ ...JSON.parse(line), weight: i >= 24 && i < 32 ? 1e38 : 1 })).join('\n'),
  );
  const options = {
    ...({ train: weighted, weightColumn: 'weight', sampling: 'sequential', groupByLength: false } as const),
    ...({ gradientAccumulationSteps: 2, schedule: 'constant', warmupRatio: 0, nonFinite: 'skip' } as const),
  };

  it('leaves the averages of the step before it, though its first batch was good', async () => {
    const one = await train(config({ ...options, maxSteps: 1 }));
    const two = await train(config({ ...options, maxSteps: 2 }));
    expect(two.result).toMatchObject({ steps: 2, skipped: 1 });
    expect(two.bits).toBe(one.bits);
  });
});

describe('batches', () => {
  it('that are not whole are left out, and data of less than one is refused', async () => {
    const { result } = await train(config({ batchSize: 12, epochs: 1 }));
    expect(result.steps).toBe(5);
    const streamed = await train(config({ batchSize: 12, epochs: 1, streaming: true, shuffleBuffer: 24 }));
    expect(streamed.result.steps).toBe(5);
    const frozen = await train(config({ batchSize: 12, epochs: 1, batchNorm: 'frozen' }));
    expect(frozen.result.steps).toBe(6);
    const few = write('few.jsonl', lines.slice(0, 5).join('\n'));
    await expect(train(config({ train: few }))).rejects.toThrow(/5 samples, not one batch of 8.*batchNorm to frozen/s);
  });
});
