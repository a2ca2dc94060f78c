// Training, evaluation and prediction on picture files: what a folder gives, and what becomes of pictures that cannot
// be decoded.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env, pipeline } from '@xenova/transformers';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadModel, predict } from '#ortune/commands/predict.js';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { itWhere, noProc } from '../support/describe-where.js';
import { storedDigits } from '../support/digits.js';
import { imageLoader } from '../support/loaders.js';
import { jpeg, put } from '../support/pictures.js';
import { openPictures as openSplits } from '../support/tables.js';
import { temporaryDirectory } from '../support/temporary.js';
import { train } from '../support/train.js';

const directory = temporaryDirectory('files');
const path = (...names: string[]): string => join(directory, ...names);
const fixtures = join(import.meta.dirname, '../fixtures');
const stored = storedDigits('train');
const digits = path('digits');
const count = 120;
const names = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const classOf: string[] = [];

beforeAll(async () => {
  const { labels } = stored;
  for (let i = 0; i < count; i++) {
    const pixels = stored.pixels.subarray(64 * i, 64 * (i + 1));
    classOf.push(names[labels[i]!]!);
    const file = await sharp(pixels, { raw: { width: 8, height: 8, channels: 1 } })
      .png()
      .toBuffer();
    put(join(digits, classOf[i]!, `${String(i).padStart(3, '0')}.png`), file);
  }
});

let runs = 0;
const options = (more: Partial<TrainOptions> = {}): TrainOptions => ({
  model: join(fixtures, 'digits/net.onnx'),
  train: digits,
  output: path(`run${runs++}`),
  epochs: 2,
  batchSize: 16,
  learningRate: 1e-2,
  threads: 1,
  ...more,
});
const badLines = (output: string): { place: string; reason: string }[] =>
  readFileSync(join(output, '../bad-samples.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** The digits, and broken files among them. */
function broken(name: string, files: Record<string, string | Uint8Array>): string {
  cpSync(digits, path(name), { recursive: true });
  for (const [file, bytes] of Object.entries(files)) put(path(name, file), bytes);
  return path(name);
}

describe('a folder of pictures', () => {
  test('trains as the same pixels in memory do, with any number of workers', async () => {
    const files = readdirSync(digits, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const sorted = files.map(({ parentPath, name }) => join(parentPath, name)).sort();
    const order = sorted.map((file) => Number(/(\d+)\.png$/.exec(file)![1]));
    const pixels = Uint8Array.from(order.flatMap((i) => [...stored.pixels.subarray(64 * i, 64 * (i + 1))]));
    const labelNames = [...new Set(classOf)].sort();
    const labels = order.map((i) => labelNames.indexOf(classOf[i]!));
    const fromPixels = await train(options({ train: { pixels, shape: [count, 1, 8, 8], labels, labelNames } }));
    const fromFiles = await train(options());
    for (const [i, loss] of fromPixels.losses.entries()) expect(fromFiles.losses[i]).toBeCloseTo(loss, 5);
    expect((await train(options({ workers: 3 }))).bits).toBe(fromFiles.bits);
    const images = sorted.map((file) => readFileSync(file));
    const memory = await train(options({ train: { images, labels, labelNames } }));
    expect(memory.bits).toBe(fromFiles.bits);
    const rows = function* () {
      const reused = Buffer.alloc(1 << 16);
      for (const [i, image] of images.entries()) {
        image.copy(reused);
        yield { image: reused.subarray(0, image.length), label: labelNames[labels[i]!] };
      }
    };
    const task = 'image-classification';
    expect((await train(options({ task, train: rows() }))).bits).toBe(fromFiles.bits);
  });

  test('is evaluated and predicted, file by file', async () => {
    const { result } = await train(options({ evalSplit: 0.2, epochs: 3 }));
    expect(result.badSamples).toBe(0);
    expect(existsSync(join(result.output, '../bad-samples.jsonl'))).toBe(false);
    const measured = await evaluate({ model: result.output, data: digits });
    expect(measured.badSamples).toEqual([]);
    const all = await predict({ model: result.output }, { files: [digits] });
    const rows = all.map(({ place }) => ({
      image: readFileSync(place!),
      label: /([a-z]+)\/\d+\.png$/.exec(place!)![1]!,
    }));
    expect((await evaluate({ model: result.output, data: rows })).metrics).toEqual(measured.metrics);
    const given = await predict({ model: result.output }, rows);
    expect(given.map(({ label, score }) => [label, score])).toEqual(all.map(({ label, score }) => [label, score]));
    expect(given[3]!.place).toBe('pictures:row 3');
    const short = [rows[0]!, {}];
    await expect(predict({ model: result.output }, short)).rejects.toThrow('predict: row 1 has no image');
    const right = all.filter(({ label, place }) => place!.includes(`/${label}/`)).length;
    expect(right / count).toBeCloseTo(measured.metrics.accuracy!, 6);
    const glob = await predict({ model: result.output }, { files: [join(digits, 'zero/*.png'), all.at(-1)!.place!] });
    expect(glob.at(-1)).toEqual(all.at(-1));
  });
});

describe('pictures that cannot be decoded', () => {
  const files = {
    'one/!text.png': 'no picture',
    'one/empty.jpg': '',
    'two/cut.jpg': new Uint8Array([0xff, 0xd8, 0xff]),
  };

  test('are left out, counted once and listed, and the run ends well', async () => {
    const data = broken('some', files);
    const { result } = await train(options({ train: data, evalSplit: 0.2 }));
    expect(result.badSamples).toBe(3);
    const lines = badLines(result.output);
    expect(lines.map(({ place }) => place).sort()).toEqual(
      Object.keys(files)
        .map((file) => join(data, file))
        .sort(),
    );
    expect(lines.find(({ place }) => place.endsWith('empty.jpg'))?.reason).toBe('the file is empty');
    const measured = await evaluate({ model: result.output, data });
    expect(measured.badSamples).toHaveLength(3);
    expect(measured.metrics.samples).toBe(count);
    const found = await predict({ model: result.output }, { files: [join(data, 'one/*')] });
    expect(found[0]).toMatchObject({
      label: '',
      score: 0,
      place: join(data, 'one/!text.png'),
      error: expect.stringMatching(/it is no picture, by its first bytes/),
    });
    expect(found.slice(1, -1).every(({ error }) => error === undefined)).toBe(true);
  });

  test('weigh nothing: the others train as if they were alone in their batch', async () => {
    const last = broken('last', { 'zero/zzz.png': 'no picture' });
    const sequential = { sampling: 'sequential', epochs: 1, batchSize: 200 } as const;
    const [alone, beside] = [await train(options(sequential)), await train(options({ ...sequential, train: last }))];
    expect(beside.losses[0]).toBeCloseTo(alone.losses[0]!, 5);
  });

  test('stop the run when they are more than are allowed, with what is written kept', async () => {
    const data = broken('many', files);
    const some = options({ train: data, maxBadSamples: 2, saveSteps: 1 });
    await expect(train(some)).rejects.toThrow(
      /3 samples cannot be used, maxBadSamples allows 2\. The last ones:\n {2}.*many\/(one|two)\/.*: /,
    );
    const all = path('all');
    for (const name of ['a/1.jpg', 'a/2.jpg', 'b/1.jpg', 'b/2.jpg']) put(join(all, name), 'x');
    await expect(train(options({ train: all, batchSize: 2 }))).rejects.toThrow(
      /4 samples cannot be used, maxBadSamples allows 3/,
    );
  });

  test('are those of the whole run where it is gone on with', async () => {
    const some = options({ train: broken('resumed', files), saveSteps: 1, epochs: 1 });
    const stop = new AbortController();
    await train(some, { signal: stop.signal, onStep: (step) => step === 2 && stop.abort() });
    const { result } = await train({ ...some, resume: 'latest' });
    expect(result.badSamples).toBe(3);
    expect(badLines(result.output)).toHaveLength(3);
  });
});

/** Open files of this process that are pictures or tables. */
const openPictures = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const file = readlinkSync(`/proc/self/fd/${fd}`);
      return file.startsWith(directory) ? [file] : [];
    } catch {
      return [];
    }
  });
const threads = (): number => readdirSync('/proc/self/task').length;

itWhere(
  noProc,
  'a worker that dies is replaced and its batch done again; nothing is left open at the end',
  async () => {
    const shape = { channels: 1, height: 8, width: 8, layout: 'NCHW' } as const;
    const preprocessing = {
      ...{ rescale: 1 / 255, offset: 0, mean: [0], std: [1], flipChannels: false },
      ...{ resize: undefined, crop: undefined, resample: 2, notes: [] },
    };
    const pass = async (kill: boolean): Promise<number[]> => {
      const data = await openSplits({ train: { files: [digits] }, sampling: 'shuffle' });
      const feeder = imageLoader({
        input: 'x',
        shape,
        preprocessing,
        targets: 'class',
        labels: 10,
        batchSize: 16,
        workers: 2,
      });
      const seen: number[] = [];
      for await (const batch of feeder.batches(data.train.rows({ batchSize: 16, seed: 0, epoch: 0 }))) {
        seen.push(...batch.samples, ...(batch.inputs.get('x')!.data as Float32Array));
        if (kill && batch.index === 1) await Promise.all(feeder.threads.map((thread) => thread.terminate()));
        batch.release();
      }
      await feeder.close();
      await data.close();
      return seen;
    };
    const undisturbed = await pass(false);
    const before = threads();
    expect(await pass(true)).toEqual(undisturbed);
    expect(openPictures()).toEqual([]);
    expect(threads()).toBeLessThanOrEqual(before);
  },
);

test('the transformers library classifies picture files with a saved model as predict does', async () => {
  const source = path('vit');
  mkdirSync(join(source, 'onnx'), { recursive: true });
  cpSync(join(fixtures, 'vision/vit-opset14.onnx'), join(source, 'onnx/model.onnx'));
  writeFileSync(join(source, 'config.json'), JSON.stringify({ model_type: 'vit', image_size: 48 }));
  const processor = {
    image_processor_type: 'ViTImageProcessor',
    do_resize: true,
    size: { height: 48, width: 48 },
    resample: 2,
  };
  const normalise = { image_mean: [0.5, 0.4, 0.3], image_std: [0.5, 0.6, 0.7] };
  writeFileSync(join(source, 'preprocessor_config.json'), JSON.stringify({ ...processor, ...normalise }));
  const files: string[] = [];
  for (let i = 0; i < 12; i++) {
    const file = await jpeg(150 + 7 * i, 110, i + 1);
    files.push(put(path('photos', `class${i % 3}`, `${i}.jpg`), file));
    if (i % 2) files.push(put(path('photos', `class${i % 3}`, `${i}.png`), await sharp(file).png().toBuffer()));
  }
  const { result } = await train(options({ model: source, train: path('photos'), batchSize: 6, learningRate: 1e-3 }));
  const model = await loadModel(result.output);
  const found = await model.predict({ files });
  await model.close();
  Object.assign(env, { allowRemoteModels: false, localModelPath: '/' });
  const classify = await pipeline('image-classification', result.output, { dtype: 'fp32' });
  const apart: number[] = [];
  for (const [i, { label, score }] of found.entries()) {
    const [first] = (await classify(files[i]!)) as { label: string; score: number }[];
    expect(first!.label).toBe(label);
    apart.push(Math.abs(first!.score - score));
  }
  await classify.dispose();
  expect(Math.max(...apart)).toBeLessThan(1e-3);
});
