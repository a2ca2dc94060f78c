// Pictures through the library: a small network learns handwritten digits, and what is saved, resumed, evaluated and
// predicted agrees.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env, pipeline, RawImage } from '@xenova/transformers';
import { describe, expect, test } from 'vitest';
import { loadModel, predict } from '#ortune/commands/predict.js';
import type { ImageTensors } from '#ortune/data/images/tensors.js';
import type { ImageClassificationResult } from '#ortune/metrics/image-classes.js';
import type { MultiLabelResult } from '#ortune/metrics/multi-label.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { digitsFile, digitsRuns, storedDigits } from '../support/digits.js';
import { float32, int64, uint8, writeSafetensors } from '../support/safetensors.js';
import { temporaryDirectory } from '../support/temporary.js';
import { train } from '../support/train.js';

const directory = temporaryDirectory('images');
const path = (name: string): string => join(directory, name);

const fixtures = join(import.meta.dirname, '../fixtures');
const names = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

const options = digitsRuns(directory);

/** The digits as a host program has them. */
function inMemory(part: 'train' | 'test'): ImageTensors & { pixels: Uint8Array; labels: number[] } {
  const { rows, pixels, labels } = storedDigits(part);
  return { pixels, shape: [rows, 1, 8, 8], labels, labelNames: names };
}

describe('a network of digits', () => {
  test('learns them, and the saved model measures and predicts alike', async () => {
    const { result, warnings } = await train(options({ eval: digitsFile('test'), epochs: 30 }));
    const metrics = result.metrics as ImageClassificationResult;
    expect(metrics.accuracy).toBeGreaterThan(0.9);
    expect(metrics.top5Accuracy).toBeGreaterThanOrEqual(metrics.accuracy);
    expect(warnings).toContainEqual(expect.stringContaining('5 classes became 10'));
    expect(warnings).toContainEqual(expect.stringContaining('the model has no preprocessor_config.json'));

    const again = await evaluate({ model: result.output, data: digitsFile('test') });
    expect(again.metrics.accuracy).toBe(metrics.accuracy);
    expect(again.metrics.loss).toBeCloseTo(metrics.loss, 5);

    const found = await predict({ model: result.output, batchSize: 32 }, { files: [digitsFile('test')] });
    const { labels } = inMemory('test');
    expect(found.filter(({ label }, i) => label === names[labels[i]!]).length / labels.length).toBe(metrics.accuracy);
    expect(JSON.parse(readFileSync(join(result.output, 'config.json'), 'utf8'))).toMatchObject({
      num_labels: 10,
      problem_type: 'single_label_classification',
    });
    expect(JSON.parse(readFileSync(join(result.output, 'preprocessor_config.json'), 'utf8'))).toMatchObject({
      do_rescale: true,
      image_mean: [0],
      image_std: [1],
      size: { height: 8, width: 8 },
    });
  });

  test('has the same bits for any number of workers, from shards, and from memory', async () => {
    const { bits, losses } = await train(options());
    expect((await train(options({ workers: 3, batchesAhead: 9 }))).bits).toBe(bits);
    const { pixels, labels } = inMemory('train');
    const halves = [0, 200].map((from) => {
      const [rows, to] = from === 0 ? [200, 200] : [250, 450];
      const tensors = {
        pixel_values: uint8([rows, 1, 8, 8], pixels.subarray(64 * from, 64 * to)),
        labels: int64([rows], labels.slice(from, to)),
      };
      return writeSafetensors(path(`part-${from}.safetensors`), tensors, { label_names: JSON.stringify(names) });
    });
    expect((await train(options({ train: halves }))).bits).toBe(bits);
    const memory = await train(options({ train: inMemory('train'), eval: inMemory('test') }));
    expect(memory.losses).toEqual(losses);
    expect(memory.bits).toBe(bits);
    expect(JSON.parse(readFileSync(join(memory.result.output, '../config.json'), 'utf8')).train).toEqual([
      'memory:train',
    ]);
  });

  test.each([3, 29, 40])('stopped after step %i goes on to the bits of an undisturbed run', async (step) => {
    const whole = await train(options({ evalSplit: 0.1 }));
    const some = options({ evalSplit: 0.1 });
    const stop = new AbortController();
    const stopped = await train(some, { signal: stop.signal, onStep: (at) => at === step && stop.abort() });
    const rest = await train({ ...some, resume: 'latest' });
    expect([...stopped.losses, ...rest.losses]).toEqual(whole.losses);
    expect(rest.bits).toBe(whole.bits);
  });

  test('is not resumed with other pictures', async () => {
    const some = options({ train: inMemory('train'), epochs: 1 });
    await train(some);
    const other = inMemory('train');
    other.pixels[17]! ^= 1;
    await expect(train({ ...some, epochs: 2, train: other, resume: 'latest' })).rejects.toThrow(
      /the samples of memory:train are not the same/,
    );
  });

  test('takes float pixels as they are, channels last, as uint8 ones after rescaling', async () => {
    const { pixels, labels } = inMemory('train');
    const scaled = Float32Array.from(pixels, (v) => Math.fround(v / 255));
    const { losses } = await train(options({ epochs: 1 }));
    const floats = { pixels: scaled, shape: [450, 8, 8, 1], layout: 'NHWC', labels, labelNames: names } as const;
    expect((await train(options({ epochs: 1, train: floats }))).losses).toEqual(losses);
  });
});

describe('targets that are not one class', () => {
  const { pixels, labels } = inMemory('train');
  const rows = labels.length;

  test('probabilities: one-hot rows train as classes do', async () => {
    const oneHot = labels.flatMap((label) => names.map((_, k) => Number(k === label)));
    const file = writeSafetensors(path('soft.safetensors'), {
      pixel_values: uint8([rows, 1, 8, 8], pixels),
      labels: float32([rows, 10], oneHot),
    });
    const [soft, hard] = [
      await train(options({ train: file, labelSmoothing: 0.1 })),
      await train(options({ labelSmoothing: 0.1 })),
    ];
    for (const [i, loss] of hard.losses.entries()) expect(soft.losses[i]).toBeCloseTo(loss, 4);
    expect(soft.result.metrics).toBeUndefined();
  });

  test('several labels: even, and less than five', async () => {
    const several = labels.flatMap((label) => [Number(label % 2 === 0), Number(label < 5)]);
    const file = writeSafetensors(
      path('several.safetensors'),
      { pixel_values: uint8([rows, 1, 8, 8], pixels), labels: uint8([rows, 2], several) },
      { label_names: 'even,small' },
    );
    const { result } = await train(
      options({
        train: file,
        multiLabel: true,
        evalSplit: 0.2,
        epochs: 30,
        metricForBestModel: 'meanAveragePrecision',
      }),
    );
    const metrics = result.metrics as MultiLabelResult;
    expect(metrics.meanAveragePrecision).toBeGreaterThan(0.9);
    expect(result.best).toMatchObject({ metric: 'meanAveragePrecision' });
    // The saved model says what it is, so nobody has to.
    const again = await evaluate({ model: result.output, data: file });
    expect((again.metrics as MultiLabelResult).classes.map(({ label }) => label)).toEqual(['even', 'small']);
    const [first] = await predict({ model: result.output }, { pixels: pixels.slice(0, 64), shape: [1, 1, 8, 8] });
    expect(first!.labels!.every(({ score }) => score >= 0.5)).toBe(true);
  });

  test('weights of the samples count in the loss', async () => {
    const weights = labels.map((label) => (label < 5 ? 1 : 0));
    const file = writeSafetensors(path('weighted.safetensors'), {
      pixel_values: uint8([rows, 1, 8, 8], pixels),
      labels: int64([rows], labels),
      importance: float32([rows], weights),
    });
    const { result } = await train(options({ train: file, weightColumn: 'importance', epochs: 20 }));
    const { classes } = (await evaluate({ model: result.output, data: file })).metrics as ImageClassificationResult;
    expect(classes.slice(5).every(({ recall }) => recall === 0)).toBe(true);
    expect(classes[0]!.recall).toBeGreaterThan(0.8);
  });
});

test('the transformers library classifies with a saved vision transformer as predict does', async () => {
  const source = path('vit');
  mkdirSync(join(source, 'onnx'), { recursive: true });
  cpSync(join(fixtures, 'vision/vit-opset14.onnx'), join(source, 'onnx/model.onnx'));
  writeFileSync(join(source, 'config.json'), JSON.stringify({ model_type: 'vit', image_size: 48 }));
  const processor = { image_processor_type: 'ViTImageProcessor', do_resize: true, size: { height: 48, width: 48 } };
  writeFileSync(
    join(source, 'preprocessor_config.json'),
    JSON.stringify({ ...processor, image_mean: [0.5, 0.4, 0.3], image_std: [0.5, 0.6, 0.7] }),
  );
  const count = 12;
  const pixels = Uint8Array.from({ length: count * 48 * 48 * 3 }, (_, i) => (i * 2654435761) >>> 24);
  const labels = Array.from({ length: count }, (_, i) => i % 3);
  const data = { pixels, shape: [count, 48, 48, 3], labels, labelNames: ['a', 'b', 'c'] };
  const { result } = await train(options({ model: source, train: data, epochs: 2, batchSize: 4, learningRate: 1e-3 }));
  const saved = JSON.parse(readFileSync(join(result.output, 'preprocessor_config.json'), 'utf8'));
  expect(saved).toMatchObject({
    ...processor,
    do_normalize: true,
    rescale_factor: 1 / 255,
    image_mean: [0.5, 0.4, 0.3],
  });
  const model = await loadModel(result.output);
  const found = await model.predict({ pixels, shape: data.shape });
  await model.close();
  Object.assign(env, { allowRemoteModels: false, localModelPath: '/' });
  const classify = await pipeline('image-classification', result.output, { dtype: 'fp32' });
  for (const [i, { label, score }] of found.entries()) {
    const image = new RawImage(new Uint8ClampedArray(pixels.subarray(i * 6912, (i + 1) * 6912)), 48, 48, 3);
    const [first] = (await classify(image)) as { label: string; score: number }[];
    expect(first!.label).toBe(label);
    expect(Math.abs(first!.score - score)).toBeLessThan(1e-3);
  }
  await classify.dispose();
});
