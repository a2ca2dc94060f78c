// Runs on augmented and mixed pictures: what is random depends on seed, epoch and sample alone, mixed rows are trained
// on with soft labels, and evaluations see the pictures as they are.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Augmentation } from '#ortune/data/images/augment/chain.js';
import type { ImageClassificationResult } from '#ortune/metrics/image-classes.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { digitsFile, digitsRuns, storedDigits } from '../support/digits.js';
import { imageLoader } from '../support/loaders.js';
import { float32, int64, uint8, writeSafetensors } from '../support/safetensors.js';
import { openPictures } from '../support/tables.js';
import { temporaryDirectory } from '../support/temporary.js';
import { train } from '../support/train.js';

const directory = temporaryDirectory('augmented');
const path = (name: string): string => join(directory, name);

const options = digitsRuns(directory);

const colours = { op: 'colorJitter', brightness: 0.3, contrast: 0.3 };
const crop = { op: 'randomResizedCrop', scale: [0.7, 1] };
const mixes = [
  { op: 'mixup', alpha: 0.4, p: 0.5 },
  { op: 'cutmix', p: 0.5 },
];
const augmentation = [crop, colours, { op: 'randomErasing', value: 'random' }, ...mixes];

describe('a network of digits', () => {
  test('learns from mixed pictures, and is evaluated on the pictures themselves', async () => {
    const some = options({ eval: digitsFile('test'), epochs: 30, augmentation: [crop, colours, ...mixes] });
    const { result } = await train(some);
    const metrics = result.metrics as ImageClassificationResult;
    expect(metrics.accuracy).toBeGreaterThan(0.8);
    const again = await evaluate({ model: result.output, data: digitsFile('test') });
    expect(again.metrics.accuracy).toBe(metrics.accuracy);
    expect(again.metrics.loss).toBeCloseTo(metrics.loss, 5);
  });

  test('has the same bits for any number of workers, and other ones than without augmentation', async () => {
    const { bits, losses } = await train(options({ augmentation }));
    const others = await train(options({ augmentation, workers: 3, batchesAhead: 9 }));
    expect(others.losses).toEqual(losses);
    expect(others.bits).toBe(bits);
    expect((await train(options())).bits).not.toBe(bits);
  });

  test.each([5, 31])('stopped after step %i goes on to the bits of an undisturbed run', async (step) => {
    const whole = await train(options({ augmentation }));
    const some = options({ augmentation });
    const stop = new AbortController();
    const stopped = await train(some, { signal: stop.signal, onStep: (at) => at === step && stop.abort() });
    const rest = await train({ ...some, resume: 'latest' });
    expect([...stopped.losses, ...rest.losses]).toEqual(whole.losses);
    expect(rest.bits).toBe(whole.bits);
  });
});

/** A file of the first rows of the digits, which is one batch. */
function oneBatch(rows: number, weights: readonly number[]): string {
  const { pixels, labels } = storedDigits('train');
  const tensors = {
    pixel_values: uint8([rows, 1, 8, 8], pixels.subarray(0, 64 * rows)),
    labels: int64([rows], labels.slice(0, rows)),
    weight: float32([rows], weights),
  };
  return writeSafetensors(path('batch.safetensors'), tensors, {
    label_names: JSON.stringify([...'0123456789']),
  });
}

/** The batch as the workers mix it in the first epoch of a run. */
async function mixedBatch(file: string, rows: number, steps: Augmentation) {
  const data = await openPictures({ train: { files: [file] }, weights: 'weight' });
  const feeder = imageLoader({
    input: 'x',
    shape: { channels: 1, height: 8, width: 8, layout: 'NCHW' },
    preprocessing: {
      ...{ rescale: 1 / 255, offset: 0, mean: [0], std: [1], flipChannels: false },
      ...{ resize: undefined, crop: undefined, resample: 2, notes: [] },
    },
    ...{ targets: 'probabilities', labels: 10, batchSize: rows, augmentation: steps },
  });
  const draw = { seed: 0, epoch: 0 };
  const source = data.train.rows({ batchSize: rows, ...draw });
  for await (const batch of feeder.batches(source, { ...draw, augment: true })) {
    const of = (name: string): number[] => [...(batch.inputs.get(name)!.data as Float32Array)];
    const found = { pixels: of('x'), targets: of('labels'), weights: of('sample_weights') };
    batch.release();
    await feeder.close();
    await data.close();
    return found;
  }
  throw new Error('there is no batch');
}

test.each(['mixup', 'cutmix'])(
  'the loss after %s is that of soft labels, weights and smoothing included',
  async (op) => {
    const rows = 16;
    const weights = Array.from({ length: rows }, (_, i) => 1 + (i % 3));
    const file = oneBatch(rows, weights);
    const { pixels, targets, weights: mixed } = await mixedBatch(file, rows, [{ op }]);
    expect(targets.filter((t) => t > 0 && t < 1).length).toBeGreaterThan(rows);
    const soft = writeSafetensors(path(`${op}.safetensors`), {
      pixel_values: float32([rows, 1, 8, 8], pixels),
      labels: float32([rows, 10], targets),
      weight: float32([rows], mixed),
    });
    const once = { epochs: 1, batchSize: rows, weightColumn: 'weight', labelSmoothing: 0.1, seed: 0 };
    const [byMixing] = (await train(options({ ...once, train: file, augmentation: [{ op }] }))).losses;
    const [bySoftLabels] = (await train(options({ ...once, train: soft }))).losses;
    expect(byMixing).toBeCloseTo(bySoftLabels!, 5);
  },
);
