// Frozen trunks of image networks. The kept activations come of the runtime's own convolutions with constant weights,
// the training graph has convolutions of its own, so losses agree to rounding.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import type { TrunkEvent } from '#ortune/events.js';
import type { ImageModel } from '#ortune/models/image-names.js';
import { writeImageModel } from '#ortune/models/images.js';
import { hash } from '#ortune/random.js';
import { Trainer } from '#ortune/train/trainer.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('trunk-images');

const [samples, side] = [20, 32];
const labelNames = ['a', 'b', 'c'];
const pixels = new Uint8Array(samples * 3 * side * side).map((_, i) => hash(1, 0, i));
const pictures = (labels: ArrayLike<number>) => ({ pixels, shape: [samples, 3, side, side], labels, labelNames });
const classes = pictures(Int32Array.from({ length: samples }, (_, i) => i % 3));
const soft = pictures(
  Float32Array.from({ length: samples * 3 }, (_, i) => [0.2, 0.3, 0.5][(i + Math.floor(i / 3)) % 3]!),
);

let runs = 0;
async function losses(model: ImageModel, options: Partial<TrainOptions>) {
  const path = join(directory, model);
  writeImageModel(path, {
    model,
    imageSize: side,
    labels: labelNames,
    ...(model === 'vit-tiny' && { vit: { layers: 2 } }),
  });
  const trainer = new Trainer({
    model: path,
    task: 'image-classification',
    train: classes,
    eval: classes,
    output: join(directory, `run${runs++}`),
    epochs: 2,
    batchSize: 8,
    threads: 1,
    saveStrategy: 'no',
    freeze: 'trunk',
    ...options,
  });
  const kept: TrunkEvent[] = [];
  trainer.on('trunk', (event) => event.complete && kept.push(event));
  const steps: number[] = [];
  trainer.on('step', ({ loss }) => steps.push(loss));
  await trainer.run();
  return { steps, kept };
}

const apart = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!) / Math.abs(b[i]!)));

describe('a linear head on a frozen network', () => {
  it.each<[ImageModel, number]>([
    ['resnet18', 512],
    ['mobilenet-v3-small', 1024],
    ['vit-tiny', 192],
  ])('%s trains on one vector of each picture', async (model, width) => {
    const { steps, kept } = await losses(model, {});
    expect(kept.map(({ data, bytes }) => [data, bytes])).toEqual([
      ['train', samples * 4 * width],
      ['eval', samples * 4 * width],
    ]);
    const without = await losses(model, { trunkCache: false });
    expect(without.kept).toEqual([]);
    expect(steps).toHaveLength(6);
    expect(apart(steps, without.steps)).toBeLessThan(1e-5);
  });

  it('takes soft labels', async () => {
    const { steps, kept } = await losses('resnet18', { train: soft, eval: soft });
    expect(kept).toHaveLength(2);
    const without = await losses('resnet18', { train: soft, eval: soft, trunkCache: false });
    expect(apart(steps, without.steps)).toBeLessThan(1e-5);
  });
});

it('a network frozen half-way keeps the channels between, and trains above them with the statistics of each batch', async () => {
  const freeze = ['conv1*', 'bn1*', 'layer1*'];
  const { steps, kept } = await losses('resnet18', { freeze });
  const channels = 64 * (side / 4) ** 2;
  expect(kept.map(({ bytes }) => bytes)).toEqual([samples * 4 * channels, samples * 4 * channels]);
  const without = await losses('resnet18', { freeze, trunkCache: false });
  // Whole batches only. Later steps drift: an update by Adam has the sign of a gradient that rounding may turn.
  expect(steps).toHaveLength(4);
  expect(without.steps).toHaveLength(4);
  expect(apart(steps.slice(0, 2), without.steps)).toBeLessThan(1e-4);
});
