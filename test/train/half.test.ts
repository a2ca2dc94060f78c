// Mixed precision on a device through the library: the course of the loss is float32's on the CPU but for the rounding,
// a stopped run goes on to the same bits, and gradients that overflow cost a step and no more.

import { describe, expect, it } from 'vitest';
import { lossScale } from '#ortune/optim/loss-scale.js';
import { Trainer } from '#ortune/train/trainer.js';
import { describeHalf } from '../support/half.js';
import { train } from '../support/train.js';
import { deviceProblems, filesUnder, stepsOf } from './device-problems.js';

const { problems, config } = deviceProblems();
const half = { device: 'webgpu', precision: 'float16' } as const;

describeHalf('a run in float16', () => {
  it.each(Object.keys(problems))('of %s follows the CPU for 20 steps, and saves the same directory', async (name) => {
    const [cpu, gpu] = [await stepsOf(config(problems[name])), await stepsOf(config({ ...problems[name], ...half }))];
    expect(gpu.steps).toHaveLength(20);
    for (const [i, { loss, lossScale: scale }] of gpu.steps.entries()) {
      expect(Math.abs(loss - cpu.steps[i]!.loss) / cpu.steps[i]!.loss, `step ${i + 1}`).toBeLessThan(2e-2);
      expect(scale).toBe(lossScale.first);
    }
    expect(cpu.steps[0]).not.toHaveProperty('lossScale');
    expect(gpu.result.overflows).toBe(0);
    expect(filesUnder(gpu.result.output)).toEqual(filesUnder(cpu.result.output));
  });

  it.each(['texts', 'the statistics of batches'])('of %s that was stopped goes on to the same bits', async (name) => {
    const whole = await train(config({ ...problems[name], ...half, maxSteps: 6 }));
    const options = config({ ...problems[name], ...half, maxSteps: 6 });
    const stop = new AbortController();
    const before = await train(options, { signal: stop.signal, onStep: (step) => step === 1 && stop.abort() });
    const after = await train({ ...options, resume: 'latest' });
    expect([...before.losses, ...after.losses]).toEqual(whole.losses);
    expect(after.bits).toBe(whole.bits);
  });

  it('leaves steps out while gradients overflow, and goes on with a smaller scale', async () => {
    // The gradient of the first layer's weights has the pixels in it: of this size it overflows at the first scale.
    const trainer = new Trainer(
      config({ ...problems.pictures, ...half, imageMean: [0], imageStd: [1e-3], learningRate: 1e-4, loggingSteps: 5 }),
    );
    const reasons: string[] = [];
    trainer.on('skipped', ({ reason }) => reasons.push(reason));
    const { overflows, skipped, steps } = await trainer.run();
    expect(overflows).toBeGreaterThan(0);
    expect(reasons).toHaveLength(overflows);
    expect(reasons[0]).toBe(
      'the gradient norm (Infinity) overflowed float16 with the loss times 4096, which is halved',
    );
    expect({ skipped, steps }).toEqual({ skipped: 0, steps: 20 });
  });
});

describe('precision', () => {
  it('float16 is refused on the CPU', async () => {
    await expect(new Trainer(config({ ...problems.texts, precision: 'float16' })).run()).rejects.toThrow(
      'precision float16 does not work on device cpu: the kernels of the CPU compute in float32 and bfloat16. ' +
        'Set precision to float32.',
    );
  });
});
