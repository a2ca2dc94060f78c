// Runs over pictures of every kind, damaged ones and ones that another decoder takes among them: the same bits for any
// number of workers and threads and over a resume, and what is to be known of the pictures is told with their numbers.

import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadModel } from '#ortune/commands/predict.js';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import { writeImageModel } from '#ortune/models/images.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { jpeg, put } from '../support/pictures.js';
import { temporaryDirectory } from '../support/temporary.js';
import { type Ran, train } from '../support/train.js';

const directory = temporaryDirectory('odd');
const path = (...names: string[]): string => join(directory, ...names);
const fixtures = join(import.meta.dirname, '../fixtures/pictures/files');
const pictures = path('pictures');

beforeAll(() => {
  writeImageModel(path('net'), {
    model: 'resnet18',
    labels: ['a', 'b'],
    imageSize: 32,
    resnet: { width: 4, depths: [1, 1] },
  });
  for (const label of ['a', 'b']) mkdirSync(path('pictures', label), { recursive: true });
  for (const [i, file] of readdirSync(fixtures).entries()) {
    // A folder takes what the names call pictures.
    const name = /\.(svg|ppm)$/.test(file) ? `${file}.png` : file;
    copyFileSync(join(fixtures, file), path('pictures', i % 2 ? 'a' : 'b', name));
  }
});

let runs = 0;
const options = (more: Partial<TrainOptions> = {}): TrainOptions => ({
  model: path('net'),
  train: pictures,
  output: path(`run${runs++}`),
  epochs: 1,
  // A divisor of their number: a last batch that is short is left out.
  batchSize: 5,
  learningRate: 1e-2,
  threads: 1,
  workers: 1,
  maxBadSamples: 20,
  ...more,
});

describe('a run over odd and damaged pictures', () => {
  let first: Ran;
  beforeAll(async () => {
    first = await train(options());
  });

  test('says how many pictures are not as Pillow reads them, and why', () => {
    expect(first.result.badSamples).toBe(13);
    expect(first.result.notes.toSorted()).toEqual([
      expect.stringMatching(/^1 JPEG was decoded by sharp, .*jpeg-bytes-before-end\.jpg \(.*extraneous bytes.*\)$/),
      expect.stringMatching(/^2 grey pictures of 16 bits were cut to the upper 8 bits; .*grey-16-bit\.\w+$/),
      expect.stringMatching(/^2 pictures were turned upright as Exif says, .*turned\.\w+$/),
      expect.stringMatching(/^6 AVIF pictures were decoded by libheif, .*\.avif$/),
    ]);
    const told = first.warnings.filter((warning) => warning.includes('In the end their number is told'));
    expect(told).toHaveLength(4);
  });

  test.each([
    { workers: 2, threads: 2 },
    { workers: 3, threads: 3, batchesAhead: 9 },
  ])('has the same bits with %o', async (more) => {
    const other = await train(options(more));
    expect(other.losses).toEqual(first.losses);
    expect(other.bits).toBe(first.bits);
    expect(other.result.notes.map((note) => note.split(' The first')[0]).toSorted()).toEqual(
      first.result.notes.map((note) => note.split(' The first')[0]).toSorted(),
    );
  });

  test.each([6])('stopped after step %i goes on to the same bits', async (step) => {
    const some = options({ workers: 2 });
    const stop = new AbortController();
    const stopped = await train(some, { signal: stop.signal, onStep: (at) => at === step && stop.abort() });
    const rest = await train({ ...some, workers: 1, resume: 'latest' });
    expect([...stopped.losses, ...rest.losses]).toEqual(first.losses);
    expect(rest.bits).toBe(first.bits);
  });

  test('is evaluated and predicted with the same words', async () => {
    const { output } = first.result;
    const { notes, badSamples } = await evaluate({ model: output, data: pictures, maxBadSamples: 20 });
    expect(badSamples).toHaveLength(13);
    const kinds = (all: readonly string[]): string[] => all.map((note) => note.split(' The first')[0]!).toSorted();
    expect(kinds(notes)).toEqual(kinds(first.result.notes));
    const model = await loadModel(output);
    try {
      const told: string[] = [];
      const files = [join(pictures, 'a'), join(pictures, 'b')];
      await model.predict({ files }, { onNote: (note) => told.push(note) });
      expect(kinds(told)).toEqual(kinds(notes));
    } finally {
      await model.close();
    }
  });
});

describe('a good picture behind a damaged one', () => {
  test('gives the same bits wherever the damaged one is', async () => {
    // Of equal size, so that shuffling and batches are the same.
    const data = path('behind');
    for (let i = 0; i < 12; i++) put(join(data, i % 2 ? 'a' : 'b', `${10 + i}.jpg`), await jpeg(64, 48, i + 1));
    const damaged = await jpeg(64, 48, 99);
    const tables = damaged.indexOf(Buffer.from([0xff, 0xc4]));
    damaged.writeUInt16BE(0xffff, tables + 5);
    put(join(data, 'a', '00.jpg'), damaged);
    const some = { train: data, batchSize: 4, sampling: 'sequential' } as const;
    const one = await train(options(some));
    expect(one.result.badSamples).toBe(1);
    expect(one.result.notes).toEqual([]);
    expect((await train(options({ ...some, workers: 3 }))).bits).toBe(one.bits);
    rmSync(join(data, 'a', '00.jpg'));
    put(join(data, 'a', '00.jpg'), 'nothing at all');
    expect((await train(options(some))).bits).toBe(one.bits);
  });
});
