// Packed pictures: the same samples as from the files, whatever happens while they are packed, and what is said of
// those that cannot be.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadModel } from '#ortune/commands/predict.js';
import type { Dataset } from '#ortune/data/dataset.js';
import { preprocessingOf } from '#ortune/data/images/preprocessing.js';
import { fit, PictureFitter, parseSize } from '#ortune/data/pack/fit-picture.js';
import type { Splits } from '#ortune/data/splits.js';
import { type PackOptions, pack } from '#ortune/index.js';
import { writeImageModel } from '#ortune/models/images.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { imageLoader } from '../../support/loaders.js';
import { float32, int64, uint8, writeSafetensors } from '../../support/safetensors.js';
import { openPictures, sourcesIn, valuesOf } from '../../support/tables.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory('pack');
const path = (name: string): string => join(directory, name);
const opened: Splits[] = [];
afterEach(async () => {
  for (const data of opened.splice(0)) await data.close();
});

const folder = path('pictures');
const count = 50;
/** Pictures of several sizes as PNG, so that decoding them changes nothing, in two classes. */
async function writePictures(): Promise<void> {
  for (let i = 0; i < count; i++) {
    const [width, height] = [40 + ((i * 7) % 30), 36 + ((i * 11) % 25)];
    const pixels = Buffer.from(Array.from({ length: width * height * 3 }, (_, k) => (k * (i + 3) + (k >> 5)) % 251));
    const place = join(folder, i % 3 ? 'cat' : 'dog');
    mkdirSync(place, { recursive: true });
    const image = sharp(pixels, { raw: { width, height, channels: 3 } });
    await image.png().toFile(join(place, `${String(i).padStart(2, '0')}.png`));
  }
}

const whole = path('whole.safetensors');
const options = { data: [folder], size: '48', workers: 2 };
beforeAll(async () => {
  await writePictures();
  await pack({ ...options, output: whole });
});

async function open(train: string, more: object = {}): Promise<Splits> {
  const data = await openPictures({ train: { files: [train] }, sampling: 'shuffle', ...more });
  opened.push(data);
  return data;
}

/** Every number that a model would be given in an epoch, its pictures resized to 32 x 32. */
async function bits(data: Dataset, workers = 1): Promise<unknown[]> {
  const shape = { channels: 3, height: 32, width: 32, layout: 'NCHW' } as const;
  const preprocessing = { ...preprocessingOf(undefined, {}, 3), resize: { height: 32, width: 32 } };
  const common = { input: 'x', shape, preprocessing, maxPixels: 1e6, targets: 'class', labels: 2 } as const;
  const feeder = imageLoader({ ...common, batchSize: 8, workers });
  const seen: unknown[] = [];
  for await (const batch of feeder.batches(data.rows({ batchSize: 8, seed: 3, epoch: 1 }))) {
    const views = [...batch.inputs].map(([name, { data }]) => [name, Buffer.from(data.slice().buffer).toString('hex')]);
    seen.push({ samples: [...batch.samples], views });
    batch.release();
  }
  await feeder.close();
  return seen;
}

describe('packed pictures', () => {
  test('of a size that changes nothing give the samples of the files, with any number of workers', async () => {
    const output = path('as-they-are.safetensors');
    await pack({ ...options, size: '999', output });
    const files = await open(folder);
    const packed = await open(output);
    expect(packed.labels.names).toEqual(['cat', 'dog']);
    expect(packed.classCounts).toEqual(files.classCounts);
    expect(packed.train.location(7)).toBe(`${output}:row 7`);
    const expected = await bits(files.train);
    expect(await bits(packed.train)).toEqual(expected);
    expect(await bits(packed.train, 3)).toEqual(expected);
  });

  test('are of the size that is asked for', async () => {
    const [source] = sourcesIn((await open(whole)).train);
    if (source?.kind !== 'packed') throw new Error('the pictures are not packed with sizes of their own');
    const sides = Array.from({ length: count }, (_, row) => Math.min(source.height[row]!, source.width[row]!));
    expect(Math.max(...sides)).toBe(48);
    expect(Math.min(...sides)).toBe(36);
    const output = path('squares.safetensors');
    await pack({ ...options, size: '24x32', output });
    const squares = sourcesIn((await open(output)).train)[0]!;
    expect(squares).toMatchObject({ kind: 'pixels', shape: { height: 24, width: 32, channels: 3, layout: 'NHWC' } });
  });

  test('are resized as the renderer does, cut from the middle where shapes differ', () => {
    expect(fit({ width: 500, height: 375 }, { edge: 256 })).toEqual({
      resize: { width: 341, height: 256 },
      crop: { width: 341, height: 256 },
    });
    expect(fit({ width: 100, height: 90 }, { edge: 256 }).crop).toEqual({ width: 100, height: 90 });
    expect(fit({ width: 1, height: 3000 }, { edge: 256 }).crop).toEqual({ width: 1, height: 3000 });
    const wide = { width: 500, height: 375 };
    expect(fit(wide, { width: 100, height: 100 })).toEqual({
      resize: { width: 133, height: 100 },
      crop: { width: 100, height: 100 },
    });
    const ramp = Uint8Array.from({ length: 40 * 20 }, (_, k) => k % 40);
    const { pixels, ...size } = new PictureFitter({ width: 20, height: 20 }, 1).fit({
      ...{ data: ramp, width: 40, height: 20, channels: 1 },
    });
    expect(size).toEqual({ width: 20, height: 20 });
    expect([...pixels.subarray(0, 20)]).toEqual(Array.from({ length: 20 }, (_, i) => i + 10));
    expect(['0', '12x', 'x12', '1e3', '-5', '123456'].map(parseSize)).toEqual(new Array(6).fill(undefined));
  });

  test('keep labels of several kinds, weights and channels', async () => {
    const grey = writeSafetensors(path('grey.safetensors'), {
      pixel_values: uint8(
        [3, 1, 2, 2],
        Array.from({ length: 12 }, (_, i) => i),
      ),
      labels: float32([3, 2], [1, 0, 0.25, 0.75, 0, 1]),
      importance: float32([3], [1, 2, 0.5]),
    });
    const output = path('grey-packed.safetensors');
    await pack({ data: [grey], output, channels: 1, weightColumn: 'importance' });
    const { train } = await open(output, { weights: 'importance' });
    expect(readFileSync(output, 'latin1')).not.toContain('label_names');
    expect(valuesOf(train, 'targets')).toEqual([1, 0, 0.25, 0.75, 0, 1]);
    expect([...train.table!.weight!]).toEqual([1, 2, 0.5]);
    const colours = path('grey-in-colour.safetensors');
    await pack({ data: [grey], output: colours, size: '2x2', labelled: false });
    expect(readFileSync(colours).includes(Buffer.from([1, 1, 1, 2, 2, 2, 3, 3, 3]))).toBe(true);
    await expect(open(colours)).rejects.toThrow(/there is no tensor 'labels'/);
  });

  test('are measured and labelled as the files are', async () => {
    const model = path('model');
    writeImageModel(model, {
      model: 'resnet18',
      resnet: { depths: [1], width: 8, stem: 'small' },
      imageSize: 32,
      labels: ['cat', 'dog'],
    });
    const output = path('to-measure.safetensors');
    await pack({ ...options, size: '999', output });
    const [files, packed] = [await evaluate({ model, data: folder }), await evaluate({ model, data: output })];
    expect(packed.metrics).toEqual(files.metrics);
    const loaded = await loadModel(model);
    const scores = async (file: string) =>
      (await loaded.predict({ files: [file] })).map(({ label, score }) => [label, score]);
    const classes = await scores(output);
    expect(classes).toHaveLength(count);
    const inOrder = [...(await scores(join(folder, 'cat'))), ...(await scores(join(folder, 'dog')))];
    expect(classes).toEqual(inOrder);
    await loaded.close();
  });
});

describe('packing pictures', () => {
  test('leaves out and tells of those that cannot be decoded, up to maxBadSamples', async () => {
    const spoilt = path('spoilt');
    mkdirSync(join(spoilt, 'cat'), { recursive: true });
    mkdirSync(join(spoilt, 'dog'), { recursive: true });
    const good = readFileSync(join(folder, 'cat', '01.png'));
    for (const name of ['cat/a.png', 'dog/b.png', 'dog/c.png']) writeFileSync(join(spoilt, name), good);
    writeFileSync(join(spoilt, 'cat/b.png'), good.subarray(0, 300));
    writeFileSync(join(spoilt, 'dog/a.jpg'), '');
    const told: string[] = [];
    const output = path('spoilt.safetensors');
    const packed = await pack(
      { data: [spoilt], output, maxBadSamples: 2 },
      { onSkipped: ({ place }) => told.push(place) },
    );
    expect(packed).toMatchObject({
      samples: 3,
      skipped: [{ place: join(spoilt, 'cat/b.png') }, { reason: 'the file is empty' }],
    });
    expect(told).toHaveLength(2);
    expect((await open(output)).classCounts).toEqual([1, 2]);
    const few = pack({ data: [spoilt], output, maxBadSamples: 1, overwrite: true });
    await expect(few).rejects.toThrow(/2 samples cannot be used, maxBadSamples allows 1/);
    writeFileSync(
      join(spoilt, 'none.csv'),
      `image,label\n${join(spoilt, 'dog/a.jpg')},0\n${join(spoilt, 'cat/b.png')},1\n`,
    );
    const none = pack({ data: [join(spoilt, 'none.csv')], output: path('none.safetensors'), maxBadSamples: 9 });
    await expect(none).rejects.toThrow(/no picture of .*none\.csv can be decoded/);
  });

  test('that was killed goes on to the same file', async () => {
    const output = path('killed.safetensors');
    const script = join(import.meta.dirname, 'kill-in-pack.mjs');
    const killed = spawnSync(process.execPath, [script, '32', JSON.stringify({ ...options, output })]);
    expect(killed.signal, String(killed.stderr)).toBe('SIGKILL');
    const seen: number[] = [];
    await pack({ ...options, output, workers: 1 }, { onProgress: ({ done }) => seen.push(done) });
    expect(seen[0]).toBe(32);
    expect(readFileSync(output)).toEqual(readFileSync(whole));
  });

  test.each<[what: string, wrong: Partial<PackOptions>, says: RegExp]>([
    [
      'a size that is none',
      { size: '256by256' },
      /option 'size' must be a number of pixels such as 256, or height x width/,
    ],
    ['a pair without a model', { pairColumn: 'b' }, /option 'pairColumn' is for texts, which need 'model'/],
    [
      'pictures with a model',
      { model: 'x', imageColumn: 'a' },
      /option 'imageColumn' is for pictures, and 'model' says/,
    ],
  ])('refuses %s', async (_, wrong, says) => {
    await expect(pack({ ...options, output: path('wrong.safetensors'), ...wrong })).rejects.toThrow(says);
  });

  test('refuses floats, and texts are none', async () => {
    const floats = writeSafetensors(path('floats.safetensors'), {
      pixel_values: float32([2, 1, 2, 2], new Array(8).fill(0.5)),
      labels: int64([2], [0, 1]),
    });
    await expect(pack({ data: [floats], output: path('wrong.safetensors') })).rejects.toThrow(
      /floats\.safetensors holds floats, and packed pictures are uint8/,
    );
  });
});

describe('a file of packed pictures', () => {
  test('that is altered or cut is refused', async () => {
    const good = readFileSync(whole);
    const other = path('other.safetensors');
    for (const at of [30, 5000, good.length >> 1, good.length - 1]) {
      const bytes = Buffer.from(good);
      bytes[at]! ^= 4;
      writeFileSync(other, bytes);
      await expect(open(other), `byte ${at}`).rejects.toThrow(/is altered|not a valid safetensors file/);
    }
    writeFileSync(other, good.subarray(0, good.length - 1000));
    await expect(open(other)).rejects.toThrow(/is cut/);
  });
});
