// Training through the library with everything but the batch on a WebGPU device: the CPU's course of the loss, dropout
// included, the same directories, exact resuming, and what crosses between host and device.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { Trainer } from '#ortune/train/trainer.js';
import { train } from '../support/train.js';
import { describeWebgpu } from '../support/webgpu.js';
import { deviceProblems, farthest, filesUnder, stepsOf } from './device-problems.js';

const { path, write, problems, config } = deviceProblems();

/** Of a step: token ids, mask and types, or pixels, and labels and weights, 4 bytes each. */
const batchBytes: Record<string, number> = {
  texts: 6 * (3 * 32 + 2) * 4,
  'the statistics of batches': 2 * 8 * (32 + 2) * 4,
  pictures: 16 * (64 + 2) * 4,
};

describeWebgpu('a run on WebGPU', () => {
  it.each(Object.keys(problems))(
    'of %s follows the CPU for 20 steps, moves little but the batch, and saves the same directory',
    async (name) => {
      const [cpu, gpu] = [
        await stepsOf(config(problems[name])),
        await stepsOf(config({ ...problems[name], device: 'webgpu' })),
      ];
      expect(gpu.steps).toHaveLength(20);
      for (const [i, { loss, gradNorm }] of gpu.steps.entries()) {
        expect(Math.abs(loss - cpu.steps[i]!.loss) / cpu.steps[i]!.loss, `step ${i + 1}`).toBeLessThan(1e-3);
        expect(gradNorm / cpu.steps[i]!.gradNorm).toBeCloseTo(1, 2);
      }
      expect(filesUnder(gpu.result.output)).toEqual(filesUnder(cpu.result.output));
      expect(farthest(cpu.result.output, gpu.result.output)).toBeLessThan(2e-3);
      expect(cpu.result.traffic).toBeUndefined();
      const moved = gpu.steps.map(({ traffic }) => traffic!);
      for (const { up, down } of moved) expect(up + down).toBeLessThanOrEqual(batchBytes[name]! + 4096);
      const [up, down] = [Math.max(...moved.map((t) => t.up)), Math.max(...moved.map((t) => t.down))];
      expect(gpu.result).toMatchObject({ device: 'webgpu', traffic: { up, down } });
    },
  );

  it.each(['texts', 'the statistics of batches'])('of %s that was stopped goes on to the same bits', async (name) => {
    const more = { device: 'webgpu', maxSteps: 6 };
    const whole = await train(config({ ...problems[name], ...more }));
    const options = config({ ...problems[name], ...more });
    const stop = new AbortController();
    const before = await train(options, { signal: stop.signal, onStep: (step) => step === 3 && stop.abort() });
    const after = await train({ ...options, resume: 'latest' });
    expect([...before.losses, ...after.losses]).toEqual(whole.losses);
    expect(after.bits).toBe(whole.bits);
  });

  it('leaves out a step that is not finite, and trains on from the weights before it', async () => {
    const options = config({ ...problems.pictures, device: 'webgpu', maxSteps: 4, learningRate: 1e38, maxGradNorm: 0 });
    await expect(new Trainer({ ...options, loggingSteps: 1 }).run()).rejects.toThrow(
      /is not finite.*first bad tensor.*The weights are those before this step/s,
    );
    await expect(new Trainer({ ...options, overwrite: true }).run()).rejects.toThrow(
      /is not finite.*The batch is .* went on without it, since a device is asked every 10 steps; set loggingSteps to 1/s,
    );
    const skipping = config({
      ...problems.pictures,
      device: 'webgpu',
      maxSteps: 4,
      learningRate: 1e38,
      maxGradNorm: 0,
      schedule: 'constant',
      warmupRatio: 0,
      nonFinite: 'skip',
      maxBadSteps: 10,
    });
    expect((await new Trainer(skipping).run()).skipped).toBeGreaterThan(0);
  });

  it('tells each step however seldom the device is asked, in the same words', async () => {
    const told = [];
    for (const loggingSteps of [1, 3, 100]) {
      const { steps } = await stepsOf(config({ ...problems.pictures, device: 'webgpu', maxSteps: 8, loggingSteps }));
      told.push(steps.map(({ step, loss, gradNorm, learningRate }) => ({ step, loss, gradNorm, learningRate })));
    }
    expect(told[0]).toHaveLength(8);
    expect(told[1]).toEqual(told[0]);
    expect(told[2]).toEqual(told[0]);
  });

  it('is resumed on another device only when told to', async () => {
    const options = config({ ...problems.texts, device: 'webgpu', maxSteps: 2 });
    await train(options);
    const other = { ...options, device: 'cpu', maxSteps: 4, resume: 'latest' };
    await expect(train(other)).rejects.toThrow(/device/);
    expect((await train({ ...other, allowChanges: true })).result.steps).toBe(4);
  });

  it('that needs more memory than there is ends with a checkpoint, and says what to change', async () => {
    // The scores of one long text, 32 heads of 2048 by 2048, are within the largest buffer; those of three are not.
    const tokenizer = buildWordPiece(['win prize the'], { minFrequency: 1, maxLength: 2048 });
    const size = { layers: 1, hidden: 32, heads: 32, positions: 2048, labels: ['ham', 'spam'] };
    writeEncoder(path('long'), { ...size, tokenizer });
    const text = (words: number, i: number) =>
      JSON.stringify({ text: 'win '.repeat(words), label: i % 2 ? 'ham' : 'spam' });
    write(
      'long.jsonl',
      [...[1, 2, 3, 4, 5, 6].map((i) => text(i, i)), ...[7, 8, 9].map((i) => text(2040, i))].join('\n'),
    );
    const options = config({
      device: 'webgpu',
      model: path('long'),
      train: path('long.jsonl'),
      batchSize: 3,
      maxLength: 2048,
      freeze: ['*embeddings*'],
      sampling: 'sequential',
      groupByLength: false,
      epochs: 1,
    });
    delete options.maxSteps;
    const said =
      /^step 3: the memory of the WebGPU device does not suffice .*Such batches need about [\d.]+ GB\. Set batchSize to 1 and gradientAccumulationSteps to 3 \(about [\d.]+ [MG]B\), or .*checkpoint is .*step-2/s;
    await expect(train(options)).rejects.toThrow(said);
    expect(existsSync(join(options.output, 'checkpoints/step-2/SHA256SUMS'))).toBe(true);
  });

  it('of 50 steps keeps its memory flat', async () => {
    const trainer = new Trainer(config({ ...problems.pictures, device: 'webgpu', maxSteps: 50 }));
    const resident: number[] = [];
    trainer.on('step', ({ step }) => {
      if (step === 25 || step === 50) resident.push(process.memoryUsage.rss());
    });
    await trainer.run();
    const [early, late] = resident as [number, number];
    expect(late).toBeLessThan(1.1 * early);
  });
});
