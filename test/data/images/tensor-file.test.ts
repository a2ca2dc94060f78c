// What is said of files of pictures that cannot be used, and what is made of those that can.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Splits } from '#ortune/data/splits.js';
import { DataError } from '#ortune/errors.js';
import { float32, int64, type Stored, safetensors, uint8, writeSafetensors } from '../../support/safetensors.js';
import { type OpenPictures, openPictures, valuesOf } from '../../support/tables.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory('tensors');
const opened: Splits[] = [];
afterEach(async () => {
  for (const data of opened.splice(0)) await data.close();
});

let files = 0;
const write = (tensors: Record<string, Stored>, metadata?: Record<string, string>): string =>
  writeSafetensors(join(directory, `${files++}.safetensors`), tensors, metadata);

async function open(train: string | string[], more: Partial<OpenPictures> = {}): Promise<Splits> {
  const data = await openPictures({ train: { files: [train].flat() }, sampling: 'sequential', ...more });
  opened.push(data);
  return data;
}

const pixels = (rows: number, shape = [3, 2, 2]): Stored =>
  uint8(
    [rows, ...shape],
    Array.from({ length: rows * 12 }, (_, i) => i),
  );
const good = { pixel_values: pixels(4), labels: int64([4], [0, 1, 2, 0]) };

describe('a file', () => {
  test('gives its classes, counts, places and a hash of what is in it', async () => {
    const data = await open(write(good, { label_names: '["a", "b", "c"]' }));
    expect(data.labels.names).toEqual(['a', 'b', 'c']);
    expect(data.train.classCounts).toEqual([2, 1, 1]);
    expect(data.train.location(2)).toMatch(/\.safetensors:row 2$/);
    const same = await open(write(good, { label_names: 'a, b, c' }));
    expect(same.train.hash).toBe(data.train.hash);
    const other = { ...good, pixel_values: uint8([4, 3, 2, 2], new Array(48).fill(7)) };
    expect((await open(write(other, { label_names: 'a,b,c' }))).train.hash).not.toBe(data.train.hash);
  });

  test('without names has the numbers for names, as many as there are or are asked for', async () => {
    const data = await open(write(good));
    expect(data.labels.names).toEqual(['0', '1', '2']);
    expect((await open(write(good), { numLabels: 5 })).labels.size).toBe(5);
    expect((await open(write(good), { labelNames: ['x', 'y', 'z'] })).labels.names).toEqual(['x', 'y', 'z']);
  });

  test('with names in another order has the classes of the training data', async () => {
    const train = write(good, { label_names: 'a,b,c' });
    const other = write({ ...good, labels: int64([4], [0, 0, 1, 2]) }, { label_names: 'c,a,b' });
    const data = await open(train, { eval: { files: [other] } });
    expect(valuesOf(data.eval!, 'label')).toEqual([2, 2, 0, 1]);
  });
});

const cases: [
  what: string,
  tensors: Record<string, Stored>,
  metadata: Record<string, string> | undefined,
  says: RegExp,
][] = [
  [
    'no pixels',
    { images: pixels(4), labels: good.labels },
    undefined,
    /there is no tensor 'pixel_values'; found 'images', 'labels'/,
  ],
  ['no labels', { pixel_values: pixels(4) }, undefined, /there is no tensor 'labels'; found 'pixel_values'/],
  [
    'pixels of another type',
    { ...good, pixel_values: int64([4, 3, 1, 1], new Array(12).fill(0)) },
    undefined,
    /'pixel_values' is I64, expected U8, F16 or F32/,
  ],
  [
    'pixels of another rank',
    { ...good, pixel_values: uint8([4, 12], new Array(48).fill(0)) },
    undefined,
    /shape \[4,12\] is no batch of pictures/,
  ],
  [
    'no axis of channels',
    { ...good, pixel_values: uint8([4, 2, 3, 2], new Array(48).fill(0)) },
    undefined,
    /does not show where its channels are/,
  ],
  ['an unknown layout', good, { layout: 'CHW' }, /layout is "CHW", expected NCHW or NHWC/],
  [
    'another number of labels',
    { ...good, labels: int64([3], [0, 1, 2]) },
    undefined,
    /'labels' has the shape \[3\], but there are 4 pictures/,
  ],
  [
    'labels of another rank',
    { ...good, labels: int64([4, 1, 1], [0, 1, 1, 0]) },
    undefined,
    /'labels' has the shape \[4,1,1\]; expected \[N\]/,
  ],
  [
    'labels of another type',
    { ...good, labels: { dtype: 'I16', shape: [4], data: new Uint16Array(4) } },
    undefined,
    /'labels' is I16, expected I64/,
  ],
  [
    'a label out of range',
    { ...good, labels: int64([4], [0, 1, 12, 0]) },
    { label_names: 'a,b,c' },
    /:row 2: label 12 is out of range; there are 3 classes \('a', 'b', 'c'\)/,
  ],
  ['a negative label', { ...good, labels: int64([4], [0, 1, -1, 0]) }, undefined, /:row 2: label -1 is out of range/],
  ['one class', { ...good, labels: int64([4], [0, 0, 0, 0]) }, undefined, /has one class only/],
  [
    'probabilities that add up to something else',
    { ...good, labels: float32([4, 2], [1, 0, 0.5, 0.5, 1, 1, 0, 1]) },
    undefined,
    /:row 2: the probabilities of the classes add up to 2, expected 1; .*multiLabel/,
  ],
  [
    'a probability that is none',
    { ...good, labels: float32([4, 2], [1, 0, 2, -1, 1, 0, 0, 1]) },
    undefined,
    /:row 1: label 0 is 2, expected a number from 0 to 1/,
  ],
  ['names that are no list', good, { label_names: '["a", 1]' }, /label_names must be a JSON list of names/],
  ['no pictures', { pixel_values: pixels(0), labels: int64([0], []) }, { label_names: 'a,b' }, /holds no pictures/],
];

describe('is refused', () => {
  test.each(cases)('%s', async (_, tensors, metadata, says) => {
    const opening = open(write(tensors, metadata));
    await expect(opening).rejects.toThrow(DataError);
    await expect(opening).rejects.toThrow(says);
  });

  test.each([
    ['an empty file', 0, /is empty; expected a \.safetensors file/],
    ['a file cut in its header', 40, /is cut: a header of \d+ bytes expected/],
    ['a file cut in its pixels', 200, /is cut: \d+ bytes of tensors expected/],
  ])('%s', async (_, length, says) => {
    const file = join(directory, `${files++}.safetensors`);
    writeFileSync(file, safetensors(good).subarray(0, length));
    await expect(open(file)).rejects.toThrow(says);
  });

  test('files that do not fit together', async () => {
    const file = write(good);
    await expect(open([file, write(good, { label_names: 'a,b,c' })])).rejects.toThrow(
      /row 0: label '0' is a number, and .* has names of classes \('a', 'b', 'c'\); say with labelNames/,
    );
    const soft = write({ ...good, labels: float32([4, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0]) });
    await expect(open([file, soft])).rejects.toThrow(/disagree: labels must be a class for each picture in all files/);
    await expect(
      open(file, { eval: { files: [write(good, { label_names: 'a,b,d' })] }, labelNames: ['a', 'b', 'c'] }),
    ).rejects.toThrow(/unknown label 'd'; the model's 3 classes are 'a', 'b', 'c'/);
  });

  test('several labels from single ones, and another format', async () => {
    await expect(open(write(good), { multiLabel: true })).rejects.toThrow(/multiLabel takes labels of shape \[N, 3\]/);
    const file = join(directory, 'a.txt');
    writeFileSync(file, 'text');
    await expect(open(file)).rejects.toThrow(
      /pictures are read from folders .*, tables .*, picture files, and \.safetensors/,
    );
  });
});
