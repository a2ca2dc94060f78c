// Whole runs on named tensors: a table, pictures of digits and a series, from files, from memory and from a generator;
// what is measured, written and refused.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { loadModel } from '#ortune/commands/predict.js';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import { StoredTensors } from '#ortune/data/stored-tensors.js';
import type { TensorPrediction, TensorsResult } from '#ortune/tasks/tensors.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { ortune } from '../support/command.js';
import { float32, int64, writeSafetensors } from '../support/safetensors.js';
import { temporaryDirectory } from '../support/temporary.js';
import { modelFile, newRuns, train } from '../support/train.js';

const directory = temporaryDirectory('tensors');
const path = (name: string): string => join(directory, name);
const fixture = (name: string): string => join(import.meta.dirname, '../fixtures/tensors', name);
const { learnt } = JSON.parse(readFileSync(fixture('goldens.json'), 'utf8')) as {
  learnt: Record<
    'wine' | 'digits' | 'sine',
    { rows: number; steps: number; first: number; last: number; accuracy: number }
  >;
};

/** Options of the runs in the fixtures: all rows in each step. */
const whole = (name: 'wine' | 'digits' | 'sine', more: Partial<TrainOptions>): TrainOptions => ({
  model: fixture(`${name}.onnx`),
  train: fixture(`${name}.safetensors`),
  output: path(name),
  batchSize: learnt[name].rows,
  maxSteps: learnt[name].steps,
  learningRate: 1e-2,
  weightDecay: 0.01,
  maxGradNorm: 0,
  schedule: 'constant',
  warmupRatio: 0,
  threads: 1,
  ...more,
});

const classes = { output: 'logits', target: 'class', loss: 'cross-entropy' } as const;

describe('a table of wines', () => {
  const options = whole('wine', {
    train: fixture('wine.jsonl'),
    eval: fixture('wine.jsonl'),
    losses: [classes],
    inputColumns: { features: 'features' },
  });

  it('is learnt as PyTorch learns it; the saved file measures and predicts the same, and the stock runtime opens it', async () => {
    const { result, losses } = await train(options);
    expect(losses[0]).toBeCloseTo(learnt.wine.first, 5);
    expect(Math.abs(losses.at(-1)! / learnt.wine.last - 1)).toBeLessThan(0.02);
    const metrics = result.metrics as TensorsResult;
    expect(metrics.accuracy).toBeGreaterThanOrEqual(learnt.wine.accuracy);
    // The model knows its losses.
    const saved = await evaluate({ task: 'tensors', model: result.output, data: fixture('wine.jsonl'), batchSize: 50 });
    expect(saved.metrics).toEqual({ ...metrics, loss: expect.closeTo(metrics.loss, 5) });

    const written = path('wine-outputs.safetensors');
    const data = ['--data', fixture('wine.jsonl')];
    const told = await ortune(['predict', result.output, '--task', 'tensors', ...data, '--output', written]);
    expect(told.stdout).toContain(`178 samples written to ${written}`);
    const [{ features, class: label }] = rowsOf('wine.jsonl') as [{ features: number[]; class: number }];
    const session = await ort.InferenceSession.create(modelFile(result.output));
    const { logits } = await session.run({ features: new ort.Tensor('float32', features, [1, 13]) });
    StoredTensors.with(written, 'outputs', (stored) => {
      expect(stored.place('logits').shape).toEqual([178, 3]);
      const first = [...stored.numbers('logits', 178, 'rows').slice(0, 3)];
      for (const [i, value] of first.entries()) expect(value).toBeCloseTo(Number(logits!.data[i]), 4);
      expect(first.indexOf(Math.max(...first))).toBe(label);
    });
    const model = await loadModel(result.output);
    const tensors = { features: { data: Float32Array.from(features), shape: [1, 13] } };
    const [prediction] = await model.predict<TensorPrediction>({ tensors });
    expect(prediction!.outputs.logits!.shape).toEqual([3]);
    await model.close();
  });

  it('of arrays of a program, and of tensors in memory, is the same', async () => {
    const rows = rowsOf('wine.jsonl') as { features: number[]; class: number }[];
    const tensors = {
      features: { data: Float32Array.from(rows.flatMap((row) => row.features)), shape: [178, 13] },
      class: { data: BigInt64Array.from(rows, (row) => BigInt(row.class)), shape: [178] },
    };
    const more = { maxSteps: 5, eval: undefined, sampling: 'sequential' as const };
    const file = await train({ ...options, ...more, output: path('wine-file') });
    expect((await train({ ...options, ...more, output: path('wine-rows'), train: rows })).bits).toBe(file.bits);
    expect((await train({ ...options, ...more, output: path('wine-tensors'), train: { tensors } })).bits).toBe(
      file.bits,
    );
  });
});

it('pictures of digits are learnt as PyTorch learns them', async () => {
  const losses = [{ ...classes, target: 'digit' }];
  const { result, losses: found } = await train(whole('digits', { losses, eval: fixture('digits.safetensors') }));
  expect(found[0]).toBeCloseTo(learnt.digits.first, 4);
  expect((result.metrics as TensorsResult).accuracy).toBeGreaterThanOrEqual(learnt.digits.accuracy - 0.005);
});

it('the next value of a sine is learnt as PyTorch learns it', async () => {
  const losses = [{ output: 'y', target: 'next', loss: 'mse' as const }];
  const options = whole('sine', { model: fixture('lstm.onnx'), losses, eval: fixture('sine.safetensors') });
  const { result, losses: found } = await train(options);
  expect(found[0]).toBeCloseTo(learnt.sine.first, 5);
  expect(found.at(-1)).toBeLessThan(1.5 * learnt.sine.last);
  const { mae, rmse, r2, loss } = result.metrics as TensorsResult;
  expect(rmse! ** 2).toBeCloseTo(loss!, 6);
  expect(mae).toBeLessThan(rmse!);
  expect(r2).toBeGreaterThan(0.98);
});

describe('two inputs and two losses', () => {
  const losses = [
    { output: 'price', target: 'price', loss: 'mse' as const },
    { output: 'class', target: 'class', loss: 'cross-entropy' as const, weight: 0.5 },
  ];
  const run = newRuns(path, {
    model: fixture('tabular.onnx'),
    train: fixture('tabular.safetensors'),
    batchSize: 4,
    losses,
  });

  it('have figures each', async () => {
    const more = { eval: fixture('tabular.safetensors'), epochs: 2, metricForBestModel: 'outputs.class.accuracy' };
    const { result } = await train(run(more));
    const { loss, outputs } = result.metrics as TensorsResult;
    const { price, class: classes } = outputs!;
    expect(Object.keys(price!)).toEqual(['loss', 'mae', 'rmse', 'r2']);
    expect(Object.keys(classes!)).toEqual(['loss', 'accuracy']);
    expect(loss).toBeCloseTo(price!.loss + 0.5 * classes!.loss, 6);
  });

  /** Rows that differ from epoch to epoch, as they come. */
  async function* drawn(epoch: number) {
    for (let i = 0; i < 24; i++) {
      const at = (k: number): number => Math.sin(31 * epoch + 7 * i + k);
      const numbers = Array.from({ length: 6 }, (_, k) => at(k));
      yield { numbers, kind: i % 5, price: [numbers[0]! * 2], class: i % 3 };
    }
  }

  it('fed by a generator go on to the same bits', async () => {
    const options = { train: drawn, epochs: 3 };
    const undisturbed = await train(run(options));
    const again = run(options);
    const stop = new AbortController();
    const before = await train(again, { signal: stop.signal, onStep: (step) => step === 8 && stop.abort() });
    expect(before.result).toMatchObject({ steps: 8, interrupted: true });
    const after = await train({ ...again, resume: 'latest' });
    expect([...before.losses, ...after.losses]).toEqual(undisturbed.losses);
    expect(after.bits).toBe(undisturbed.bits);
  });

  it.each([
    [
      'a generator that ends early',
      () =>
        run({
          train: (epoch: number) =>
            Array.from({ length: epoch === 0 ? 8 : 5 }, (_, i) => ({
              numbers: [1, 2, 3, 4, 5, 6],
              kind: i % 5,
              price: [1],
              class: 0,
            })),
          epochs: 2,
        }),
      /train, epoch 1 .* first pass found 8 rows, this one ended after 5/,
    ],
    [
      'a generator that throws',
      () =>
        run({
          train: async function* () {
            yield { numbers: [1, 2, 3, 4, 5, 6], kind: 0, price: [1], class: 0 };
            throw new Error('the sensor is off');
          },
        }),
      /train.*the sensor is off/s,
    ],
    [
      'an output that is not there',
      () => run({ losses: [{ output: 'cost', target: 'price', loss: 'mse' }] }),
      /the model has no output 'cost'; found 'price', 'class'/,
    ],
    [
      'a target that is not there',
      () => run({ losses: [{ output: 'price', target: 'cost', loss: 'mse' }] }),
      /tabular\.safetensors: there is no tensor 'cost'; found .*'price'/,
    ],
    [
      'a target of another shape',
      () => run({ losses: [{ output: 'price', target: 'numbers', loss: 'mse' }] }),
      /tabular\.safetensors: 'numbers' has the shape \[N, 6\], and mse over output 'price' takes \[batch, 1\]/,
    ],
    [
      'an input of another shape',
      () => run({ inputColumns: { numbers: 'price' } }),
      /tabular\.safetensors: 'price' has the shape \[N, 1\], and input 'numbers' of the model takes \[batch, 6\]/,
    ],
    [
      'an input that is not there',
      () => run({ inputColumns: { number: 'numbers' } }),
      /inputColumns: the model has no input 'number'; found 'numbers', 'kind'/,
    ],
    [
      'columns of unequal length',
      () => {
        writeSafetensors(path('unequal.safetensors'), {
          numbers: float32([3, 6], new Array(18).fill(1)),
          kind: int64([3], [0, 1, 2]),
          price: float32([2, 1], [1, 2]),
          class: int64([3], [0, 1, 2]),
        });
        return run({ train: path('unequal.safetensors') });
      },
      /unequal\.safetensors: 'price' has the shape \[2,1\], but there are 3 samples/,
    ],
    [
      'a class that is none',
      () => {
        const row = { numbers: [1, 2, 3, 4, 5, 6], kind: 0, price: [1], class: 0 };
        writeFileSync(path('none.jsonl'), [row, { ...row, class: 3 }].map((one) => JSON.stringify(one)).join('\n'));
        return run({ train: path('none.jsonl'), batchSize: 2 });
      },
      /none\.jsonl:2: 'class' is 3, expected a class from 0 to 2, or -100 for none/,
    ],
    [
      'data to evaluate on of another shape',
      () => {
        const row = { x: Array.from({ length: 16 }, (_, i) => i / 16) };
        writeFileSync(path('wide.jsonl'), JSON.stringify(row));
        writeFileSync(path('narrow.jsonl'), JSON.stringify({ x: row.x.slice(1) }));
        const losses = [{ output: 'y', target: 'x', loss: 'mae' as const }];
        const [train, evaluated] = [path('wide.jsonl'), path('narrow.jsonl')];
        return run({ model: fixture('autoencoder.onnx'), train, eval: evaluated, batchSize: 1, losses });
      },
      /narrow\.jsonl:1: 'x' has the shape \[15\], expected \[16\]/,
    ],
    [
      'one target before outputs of different shapes',
      () =>
        run({
          losses: [
            { output: 'price', target: 'price', loss: 'mse' },
            { output: 'class', target: 'price', loss: 'mae' },
          ],
        }),
      /target 'price' is \[4, 1\] for one loss and \[4, 3\] for another/,
    ],
    [
      'a number where a class is wanted',
      () => run({ losses: [{ output: 'class', target: 'price', loss: 'cross-entropy' }] }),
      /'price' is -?[\d.]+, expected whole numbers \(int64\)/,
    ],
    [
      'an output that no trained parameter has a part in',
      () => run({ freeze: ['*'], losses: [losses[0]!] }),
      /leaves none of \d+ parameters to train|does not depend on any parameter that is trained/,
    ],
    [
      'a loss file that reads nothing of the model',
      () => run({ losses: [{ loss: { file: fixture('custom-loss.onnx') } }] }),
      /custom-loss\.onnx: the inputs of a loss are outputs of the model and targets by their names; found 'y', 't'/,
    ],
  ] as const)('%s: says so', async (_, options, says) => {
    await expect((async () => new Trainer(options()).run())()).rejects.toThrow(says);
  });

  it.each([
    [{ losses: undefined, task: 'tensors' as const }, /task tensors needs 'losses'/],
    [
      { losses: [{ output: 'price', loss: 'mse' as const }] },
      /'losses\[0\]': mse stands between an output .*; name both/,
    ],
    [{ losses: [{ target: 't', loss: { file: 'loss.onnx' } }] }, /leave output and target out/],
    [{ labelSmoothing: 0.1 }, /'labelSmoothing' is for classes/],
    [{ metricForBestModel: 'r2' }, /must be one of loss, outputs\.price\.loss, outputs\.price\.mae/],
  ])('contradicts %j', (more, says) => {
    expect(() => new Trainer(run(more))).toThrow(says);
  });
});

it('a loss of the user, a graph, is trained and measured', async () => {
  const losses = [{ loss: { file: fixture('custom-loss.onnx') } }];
  const data = fixture('series.safetensors');
  const options: TrainOptions = {
    model: fixture('series.onnx'),
    train: data,
    eval: data,
    output: path('custom'),
    losses,
    epochs: 40,
    learningRate: 1e-2,
  };
  const { result, losses: found } = await train(options);
  const { loss } = result.metrics as TensorsResult;
  expect(loss).toBeLessThan(0.8 * found[0]!);
  const saved = await evaluate({ model: result.output, data, losses });
  expect((saved.metrics as TensorsResult).loss).toBeCloseTo(loss, 5);
});

it('a tensor that nothing reads is told of', async () => {
  const losses = [{ output: 'price', target: 'price', loss: 'mse' as const }];
  const data = fixture('tabular.safetensors');
  const { warnings } = await train({
    model: fixture('tabular.onnx'),
    train: data,
    output: path('unread'),
    losses,
    epochs: 1,
  });
  expect(warnings).toContainEqual(
    expect.stringMatching(/tabular\.safetensors: no input of the model and no loss reads .*'class'/),
  );
});

const rowsOf = (name: string): unknown[] =>
  readFileSync(fixture(name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
