// Pictures that are the same are counted, in training and across its parts, however they are given.

import { linkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { pack } from '#ortune/commands/pack.js';
import { sourceOf } from '#ortune/data/images/tensors.js';
import type { Splits } from '#ortune/data/splits.js';
import { jpeg, put } from '../../support/pictures.js';
import { int64, uint8, writeSafetensors } from '../../support/safetensors.js';
import { type OpenPictures, openPictures } from '../../support/tables.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory('repeated');
const path = (...names: string[]): string => join(directory, ...names);
const opened: Splits[] = [];
afterEach(async () => {
  for (const data of opened.splice(0)) await data.close();
});

/** What is said of pictures that come again. */
async function notes(train: OpenPictures['train'], more: Partial<OpenPictures> = {}): Promise<string[]> {
  const data = await openPictures({ train, sampling: 'sequential', ...more });
  opened.push(data);
  return data.notes.filter((note) => /repeat|are also/.test(note));
}
const files = (...names: string[]) => ({ files: names.map((name) => path(name)) });

const pictures: Buffer[] = [];
beforeAll(async () => {
  for (let seed = 0; seed < 6; seed++) pictures.push(await jpeg(60, 40, seed + 1));
  for (const [i, bytes] of pictures.slice(0, 4).entries()) put(path('train', i % 2 ? 'a' : 'b', `${i}.jpg`), bytes);
  put(path('dev/a/other name.png'), pictures[1]!);
  put(path('dev/b/new.jpg'), pictures[4]!);
  put(path('test/a/1.jpg'), pictures[5]!);
  linkSync(path('train/b/2.jpg'), path('test/a/link.jpg'));
});

describe('pictures of folders', () => {
  test('that are in several parts are counted, whatever they are called', async () => {
    expect(await notes(files('train'))).toEqual([]);
    expect(await notes(files('train'), { eval: files('dev'), test: files('test') })).toEqual([
      `1 of 2 evaluation pictures are also in the training data; the first: ${path('dev/a/other name.png')}, the same as ${path('train/a/1.jpg')}`,
      `1 of 2 test pictures are also in the training data; the first: ${path('test/a/link.jpg')}, the same as ${path('train/b/2.jpg')}`,
    ]);
    expect(await notes(files('train'), { eval: files('train') })).toEqual([
      `4 of 4 evaluation pictures are also in the training data; the first: ${path('train/a/1.jpg')}`,
    ]);
  });

  test('that training has twice are counted, and those of the held out part', async () => {
    for (const [i, bytes] of pictures.slice(0, 3).entries())
      for (const copy of [1, 2, 3, 4]) put(path('copies', i === 2 ? 'b' : 'a', `${i}-${copy}.jpg`), bytes);
    expect(await notes(files('copies'))).toEqual([expect.stringMatching(/^9 of 12 pictures repeat an earlier/)]);
    expect(await notes(files('copies'), { evalSplit: 0.25 })).toEqual([
      expect.stringMatching(/^[67] of 9 pictures repeat/),
      expect.stringMatching(/^[23] of 3 evaluation pictures are also in the training data/),
    ]);
  });

  test('of equal size that differ in one byte, at the beginning or at the end, are others', async () => {
    const big = Buffer.alloc(20_000, 7);
    for (const [i, at] of [0, 5000, 19_999].entries()) {
      const other = Buffer.from(big);
      other[at] = 8;
      put(path('near', i % 2 ? 'a' : 'b', `${i}.jpg`), other);
    }
    put(path('near/a/3.jpg'), big);
    expect(await notes(files('near'))).toEqual([]);
    put(path('near/b/4.jpg'), big);
    expect(await notes(files('near'))).toEqual([expect.stringMatching(/^1 of 5 pictures/)]);
  });

  test('that cannot be read, or are empty, are not the same as each other', async () => {
    for (const name of ['a/1.jpg', 'a/2.jpg', 'b/1.jpg']) put(path('empty', name), '');
    expect(await notes(files('empty'))).toEqual([]);
  });
});

describe('pictures of other forms', () => {
  test('tables that list a file again, in this or another part', async () => {
    writeFileSync(path('list.csv'), 'image,label\ntrain/a/1.jpg,a\ntrain/b/0.jpg,b\ntrain/a/1.jpg,b\n');
    writeFileSync(
      path('list.jsonl'),
      `{"image":"./train/a/../a/1.jpg","label":"a"}\n{"image":"dev/b/new.jpg","label":"b"}\n`,
    );
    const found = await notes(files('list.csv'), { eval: files('list.jsonl') });
    expect(found).toEqual([
      expect.stringMatching(
        /^1 of 3 pictures repeat an earlier one; the first: .*list\.csv:4 .*the same as .*list\.csv:2/,
      ),
      expect.stringMatching(/^1 of 2 evaluation pictures are also in the training data; the first: .*list\.jsonl:1/),
    ]);
  });

  test('bytes in memory, against files as well', async () => {
    const labels = ['a', 'b', 'a'];
    const images = [pictures[0]!, pictures[4]!, pictures[0]!].map((bytes) => Uint8Array.from(bytes));
    const source = sourceOf({ images, labels }, 'train');
    expect(await notes({ source }, { eval: files('dev') })).toEqual([
      expect.stringMatching(/^1 of 3 pictures repeat an earlier one; the first: train:row 2, the same as train:row 0$/),
      expect.stringMatching(
        /^1 of 2 evaluation pictures are also in the training data; the first: .*new\.jpg, the same as train:row 1$/,
      ),
    ]);
  });

  test('tensors, in files and in memory', async () => {
    const pixels = Uint8Array.from({ length: 4 * 8 * 8 * 3 }, (_, i) => (i * 7) % 251);
    pixels.copyWithin(3 * 192, 192, 2 * 192);
    writeSafetensors(path('x.safetensors'), {
      pixel_values: uint8([4, 8, 8, 3], pixels),
      labels: int64([4], [0, 1, 0, 1]),
    });
    const source = sourceOf({ pixels: pixels.slice(0, 384), shape: [2, 8, 8, 3], labels: [0, 1] }, 'dev');
    expect(await notes(files('x.safetensors'), { eval: { source } })).toEqual([
      expect.stringMatching(/^1 of 4 pictures repeat an earlier one; the first: .*:row 3, the same as .*:row 1$/),
      expect.stringMatching(/^2 of 2 evaluation pictures are also in the training data; the first: dev:row 0/),
    ]);
  });

  test('packed ones, of one size and of sizes of their own', async () => {
    for (const [i, seed] of [1, 2, 1, 3].entries())
      put(path('unpacked', i % 2 ? 'a' : 'b', `${i}.jpg`), await jpeg(24, 16, seed));
    for (const size of ['16x16', '99']) {
      const output = path(`packed-${size}.safetensors`);
      const packed = await pack({ data: [path('unpacked')], size, output });
      const note = /^1 of 4 pictures repeat an earlier one; the first: .*2\.jpg, the same as .*0\.jpg$/;
      expect(packed!.notes).toEqual([expect.stringMatching(note)]);
      expect(await notes({ files: [output] }, { eval: { files: [output] } })).toEqual([
        expect.stringMatching(/^1 of 4 pictures repeat an earlier one; the first: .*:row 3, the same as .*:row 2$/),
        expect.stringMatching(/^4 of 4 evaluation pictures are also in the training data; the first: .*:row 0$/),
      ]);
    }
  });
});
