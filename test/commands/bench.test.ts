import { describe, expect, it } from 'vitest';
import { benchStep } from '#ortune/commands/bench.js';
import { describeWebgpu } from '../support/webgpu.js';

const brief = { warmup: 0, steps: 1, threads: 2 };

describe('bench step of an image network', () => {
  it('counts the work of all convolutions and products, and all parameters', async () => {
    const result = await benchStep({ ...brief, model: 'resnet18', image: 224, batch: 1, optimizer: 'sgd' });
    // torchvision states 1.814 billion multiply-adds; nobody needs the gradient of the pixels, so the stem counts
    // twice.
    const [all, stem] = [1.814073344, 0.118013952];
    expect(result.gigaflops).toBeCloseTo(2 * (3 * all - stem), 3);
    expect(result.parameters).toBe(11_689_512);
    expect(result.firstLoss).toBeGreaterThan(1);
    expect(result.stepMs).toBeGreaterThanOrEqual(result.forwardBackwardMs);
    expect(result.efficiency).toBeGreaterThan(0);
  });

  it('takes the statistics of the batch or those of the file', async () => {
    const options = { ...brief, model: 'mobilenet-v3-small', image: 64, batch: 4, dropout: 0 } as const;
    const [batch, frozen] = [
      await benchStep({ ...options, batchNorm: 'batch' }),
      await benchStep({ ...options, batchNorm: 'frozen' }),
    ];
    // With the first statistics, mean 0 and variance 1, the features vanish: all classes are equally likely.
    expect(frozen.firstLoss).toBeCloseTo(Math.log(1000), 4);
    expect(Math.abs(batch.firstLoss - Math.log(1000))).toBeGreaterThan(1e-3);
  });

  it('trains a vision transformer with AdamW', async () => {
    const result = await benchStep({ ...brief, model: 'vit-tiny', image: 32, batch: 2 });
    expect(Number.isFinite(result.firstLoss)).toBe(true);
  });
});

describeWebgpu('bench step on a device', () => {
  it('computes the step of the CPU, and rates products by a size that the device is fast enough for', async () => {
    const size = { layers: 1, hidden: 32, heads: 2, vocabulary: 64, batch: 2, seq: 8, dropout: 0 };
    const [expected, found] = [
      await benchStep({ ...brief, ...size }),
      await benchStep({ ...brief, ...size, device: 'webgpu' }),
    ];
    expect([expected.device, found.device]).toEqual(['cpu', 'webgpu']);
    expect(found.firstLoss / expected.firstLoss).toBeCloseTo(1, 5);
    expect(found.gemmGflops).toBeGreaterThan(0);
  });
});
