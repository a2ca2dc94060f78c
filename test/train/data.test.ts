// What a training configuration says of its data, as the run carries it out.

import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { ClassificationResult } from '#ortune/metrics/classification.js';
import { Trainer } from '#ortune/train/trainer.js';
import { smallProblem } from '../support/small-problem.js';
import { newRuns, train } from '../support/train.js';

const problem = smallProblem();
const { path, write, lines } = problem;

const config = newRuns(path, { batchSize: 8, epochs: 1, dropout: 0 });
const weighted = (name: string, weightOf: (i: number) => number) =>
  write(name, lines.map((line, i) => JSON.stringify({ ...JSON.parse(line), weight: weightOf(i) })).join('\n'));

it('streams: as many steps as in memory, the same bits again, and the same order where it is that of the file', async () => {
  const streaming = { streaming: true, shuffleBuffer: 20 };
  const first = await train(config(streaming));
  expect(first.result.steps).toBe(8);
  expect((await train(config(streaming))).bits).toBe(first.bits);
  const inFileOrder = { sampling: 'sequential' } as const;
  const inMemory = await train(config(inFileOrder));
  expect((await train(config({ ...streaming, ...inFileOrder }))).bits).toBe(inMemory.bits);
  expect(inMemory.bits).not.toBe(first.bits);
});

it('holds out a share to evaluate on', async () => {
  const samples: number[] = [];
  const trainer = new Trainer(config({ evalSplit: 0.25 }));
  trainer.on('start', ({ trainSamples }) => samples.push(trainSamples));
  trainer.on('evaluation', ({ metrics }) =>
    samples.push(metrics.samples, ...(metrics as ClassificationResult).classes.map((c) => c.support)),
  );
  await trainer.run();
  expect(samples).toEqual([48, 16, 8, 8]);
});

it('weighs the loss: equal weights change nothing but rounding, and samples of weight 0 do not count', async () => {
  const plain = await train(config());
  const weightColumn = 'weight';
  const twice = await train(config({ train: weighted('twice.jsonl', () => 2), weightColumn }));
  expect(twice.losses).toHaveLength(8);
  for (const [i, loss] of twice.losses.entries()) expect(loss).toBeCloseTo(plain.losses[i]!, 5);
  const sequential = { sampling: 'sequential', weightColumn, maxSteps: 1 } as const;
  const some = weighted('some.jsonl', (i) => (i < 4 ? 1 : 0));
  const other = write('other.jsonl', lines.slice(0, 4).join('\n'));
  const zeros = await train(config({ ...sequential, train: some }));
  const four = await train(config({ sampling: 'sequential', maxSteps: 1, train: other }));
  expect(zeros.losses[0]).toBeCloseTo(four.losses[0]!, 5);
});

it('refuses another number of classes than was asked for, and leaves nothing behind', async () => {
  const options = config({ numLabels: 3 });
  await expect(train(options)).rejects.toThrow(/train\.jsonl has 2 classes \('ham', 'spam'\), numLabels says 3/);
  expect(existsSync(options.output)).toBe(false);
});
