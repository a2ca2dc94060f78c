// Labelled pictures from folders, tables and memory: the same samples with the same classes, and a sentence for what is
// wrong.

import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { encodedSourceOf } from '#ortune/data/images/encoded-images.js';
import { describeSamples } from '#ortune/data/samples.js';
import type { Splits } from '#ortune/data/splits.js';
import { jpeg, put } from '../../support/pictures.js';
import { type OpenPictures, openPictures, sourcesIn, valuesOf } from '../../support/tables.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory('datasets');
const path = (...names: string[]): string => join(directory, ...names);
const fixtures = join(import.meta.dirname, '../../fixtures/parquet');
const opened: Splits[] = [];
afterEach(async () => {
  for (const data of opened.splice(0)) await data.close();
});

async function open(train: string | string[], more: Partial<OpenPictures> = {}): Promise<Splits> {
  const data = await openPictures({ train: { files: [train].flat() }, sampling: 'sequential', ...more });
  opened.push(data);
  return data;
}
const labels = ({ train, labels: { names } }: Splits): string[] =>
  valuesOf(train, 'label').map((label) => names[label]!);
const places = ({ train }: Splits): string[] => Array.from({ length: train.samples }, (_, i) => train.location(i));

let picture: Buffer;
const photos = path('my photos 😀');
beforeAll(async () => {
  picture = await jpeg(20, 16);
  for (const name of [
    'cat/1.jpg',
    'cat/deep/er/2.PNG',
    'cat/.hidden.jpg',
    'Dog/a b.jpg',
    'Dog/ü 🐶.webp',
    'Dog/notes.txt',
    '.git/x.jpg',
  ])
    put(join(photos, name), name.endsWith('1.jpg') ? picture : `${name}`);
  put(join(photos, 'readme.md'), 'text');
});

describe('a folder', () => {
  test('has a class for each sub-folder, however deep the pictures lie', async () => {
    const data = await open(photos);
    expect(data.labels.names).toEqual(['Dog', 'cat']);
    expect(places(data)).toEqual(
      ['Dog/a b.jpg', 'Dog/ü 🐶.webp', 'cat/1.jpg', 'cat/deep/er/2.PNG'].map((p) => join(photos, p)),
    );
    expect(labels(data)).toEqual(['Dog', 'Dog', 'cat', 'cat']);
    expect(data.classCounts).toEqual([2, 2]);
    expect(data.notes).toEqual([expect.stringMatching(/^2 files in .* left out, .*readme\.md, .*notes\.txt$/)]);
    const location = (row: number): string => data.train.location(row);
    expect(describeSamples({ samples: Uint32Array.of(7, 8), location })).toBe(`${location(0)}; ${location(1)}`);
  });

  test('may be named by way of ..; its hash is that of its content, wherever it lies', async () => {
    const one = await open(photos);
    mkdirSync(path('other'), { recursive: true });
    symlinkSync(photos, path('other/link'));
    const again = await open(path('other', '..', 'other', 'link'));
    expect(again.train.hash).toBe(one.train.hash);
    put(path('copy/cat/1.jpg'), picture);
    put(path('copy/dog/1.jpg'), picture);
    const before = (await open(path('copy'))).train.hash;
    put(path('copy/dog/1.jpg'), Buffer.concat([picture.subarray(0, -1), Buffer.from([0])]));
    expect((await open(path('copy'))).train.hash).not.toBe(before);
  });

  test('with a link to a folder above itself is read once', async () => {
    put(path('round/a/1.jpg'), picture);
    put(path('round/b/1.jpg'), picture);
    symlinkSync(path('round/a'), path('round/a/again'));
    expect((await open(path('round'))).train.samples).toBe(2);
  });

  test('holds out none of a class with one picture', async () => {
    for (const name of ['many/1', 'many/2', 'many/3', 'many/4', 'one/1']) put(path(`uneven/${name}.jpg`), picture);
    const { train, eval: held } = await open(path('uneven'), { evalSplit: 0.25 });
    expect([train.classCounts, held!.classCounts]).toEqual([
      [3, 1],
      [1, 0],
    ]);
  });

  test('is refused without classes, with an empty one, and where it is none', async () => {
    put(path('flat/1.jpg'), picture);
    await expect(open(path('flat'))).rejects.toThrow(/flat has no sub-folders; expected one for each class/);
    put(path('gap/cat/1.jpg'), picture);
    mkdirSync(path('gap/dog'));
    await expect(open(path('gap'))).rejects.toThrow(
      /gap\/dog holds no picture, so class 'dog' has none; put some in, or/,
    );
    rmSync(path('gap/dog'), { recursive: true });
    await expect(open(path('gap'))).rejects.toThrow(/has one class only \('cat'\)/);
    await expect(open(path('nowhere'))).rejects.toThrow(/data file .*nowhere cannot be read/);
    await expect(open(path('flat/1.jpg'))).rejects.toThrow(/is a picture without a label: give a folder/);
    await expect(open(photos, { weights: 'weight' })).rejects.toThrow(/weightColumn 'weight' is of tables and tensors/);
    await expect(open(photos, { labelNames: ['cat', 'fish'] })).rejects.toThrow(
      /a b\.jpg: unknown label 'Dog'; the model's 2 classes are 'cat', 'fish'/,
    );
  });
});

describe('a table', () => {
  test('of paths, from its own folder on, as CSV, TSV and JSON Lines', async () => {
    const rows = [
      ['1.jpg', 'cat'],
      ['../my photos 😀/Dog/a b.jpg', 'dog'],
      ['deep/er/2.PNG', 'cat'],
    ];
    const folder = join(photos, 'cat');
    const files = [
      put(join(folder, 'list.csv'), `image,label\n${rows.map((row) => row.join(',')).join('\n')}\n`),
      put(join(folder, 'list.tsv'), `label\timage\n${rows.map(([image, label]) => `${label}\t${image}`).join('\n')}\n`),
      put(join(folder, 'list.jsonl'), rows.map(([image, label]) => JSON.stringify({ image, label })).join('\n')),
    ];
    const all = await Promise.all(files.map((file) => open(file)));
    for (const data of all)
      expect([data.labels.names, labels(data)]).toEqual([
        ['cat', 'dog'],
        ['cat', 'dog', 'cat'],
      ]);
    expect(places(all[0]!)).toEqual([
      `${files[0]}:2 (${join(folder, '1.jpg')})`,
      `${files[0]}:3 (${join(folder, rows[1]![0]!)})`,
      `${files[0]}:4 (${join(folder, 'deep/er/2.PNG')})`,
    ]);
    const both = await open([files[0]!, photos]);
    expect(both.labels.names).toEqual(['Dog', 'cat', 'dog']);
    for (const file of files) rmSync(file);
  });

  test('carries numbers, soft labels, several labels and weights', async () => {
    const table = (name: string, values: unknown[]) =>
      put(path(name), values.map((label, i) => JSON.stringify({ image: 'x.jpg', label, weight: i })).join('\n'));
    const numbers = await open(table('numbers.jsonl', [2, 0, 1]), { weights: 'weight' });
    expect([numbers.labels.names, [...numbers.train.table!.weight!]]).toEqual([
      ['0', '1', '2'],
      [0, 1, 2],
    ]);
    const soft = await open(
      table('soft.jsonl', [
        [0.25, 0.75],
        [1, 0],
      ]),
    );
    expect([soft.targets, valuesOf(soft.train, 'targets')]).toEqual(['probabilities', [0.25, 0.75, 1, 0]]);
    const several = await open(table('several.jsonl', [['red', 'blue'], [], ['red']]), { multiLabel: true });
    expect([several.labels.names, valuesOf(several.train, 'targets')]).toEqual([
      ['blue', 'red'],
      [1, 1, 0, 0, 0, 1],
    ]);
    expect((await open(table('mixed.jsonl', ['a', 1]))).labels.names).toEqual(['1', 'a']);
    await expect(open(table('kinds.jsonl', ['a', [1, 0]]))).rejects.toThrow(
      /kinds\.jsonl:2: column 'label' has a list of numbers, the rows before a label/,
    );
    await expect(open(table('widths.jsonl', [[1, 0], [1]]))).rejects.toThrow(
      /widths\.jsonl:2: .* has a list of 1 numbers, the rows before have 2/,
    );
    await expect(open(table('odd.jsonl', [null]))).rejects.toThrow(
      /odd\.jsonl:1: column 'label' must hold a label .* found null/,
    );
    await expect(open(put(path('no.csv'), 'path,label\nx.jpg,a\n'))).rejects.toThrow(
      /no\.csv:1: .*'image'.*found 'path', 'label'/,
    );
    await expect(open(put(path('none.csv'), 'image,label\n'))).rejects.toThrow(/none\.csv holds no records/);
    await expect(open(put(path('blank.csv'), 'image,label\n,a\n'))).rejects.toThrow(
      /blank\.csv:2: column 'image' must hold the path/,
    );
    await expect(open([path('numbers.jsonl'), put(path('names.csv'), 'image,label\nx.jpg,a\n')])).rejects.toThrow(
      /numbers\.jsonl:1 .*: label '2' is a number, and .*names\.csv has names of classes; say with labelNames/,
    );
  });

  test('with the pictures themselves, as the datasets library writes Parquet', async () => {
    const data = await open(join(fixtures, 'pictures.parquet'));
    expect([data.labels.names, data.train.samples]).toEqual([['even', 'odd'], 20]);
    expect(data.train.location(4)).toMatch(/pictures\.parquet:5$/);
    const [source] = sourcesIn(data.train);
    expect(source).toMatchObject({ kind: 'pieces', rows: 20 });
    const { length, file } = source as { length: Uint32Array; file: string };
    expect([length[4], length[11], length[0]! > 60]).toEqual([0, 0, true]);
    expect(existsSync(file)).toBe(true);
    await opened.pop()!.close();
    expect(existsSync(file)).toBe(false);
    const columns = { image: 'picture', label: 'kind' };
    const plain = await open(join(fixtures, 'pictures-plain.parquet'), { columns, weights: 'weight' });
    expect([plain.labels.names, plain.train.samples, plain.train.table!.weight![1]]).toEqual([['even', 'odd'], 18, 2]);
    await expect(
      open(join(fixtures, 'pictures-plain.parquet'), { columns: { ...columns, image: 'kind' } }),
    ).resolves.toBeDefined();
  });
});

describe('pictures in memory', () => {
  test('are copied once, and checked', async () => {
    const source = encodedSourceOf({ images: [picture, picture], labels: ['b', 'a'], weights: [1, 2] }, 'memory:train');
    const data = await open('', { train: { source } });
    expect([labels(data), places(data)]).toEqual([
      ['b', 'a'],
      ['memory:train:row 0', 'memory:train:row 1'],
    ]);
    const files = await open('', {
      train: { source: encodedSourceOf({ images: ['x.jpg', 'y.jpg'], labels: [0, 1] }, 'm') },
    });
    expect(places(files)).toEqual(['x.jpg', 'y.jpg']);
    expect(() => encodedSourceOf({ images: [] }, 'm')).toThrow('m: images holds no pictures');
    expect(() => encodedSourceOf({ images: [picture], labels: [0, 1] }, 'm')).toThrow(
      '1 pictures take as many labels, found 2',
    );
    expect(() => encodedSourceOf({ images: ['a', picture] as never }, 'm')).toThrow(
      /images must be all paths, or all Uint8Arrays/,
    );
    await expect(open('', { train: { source: encodedSourceOf({ images: [picture] }, 'm') } })).rejects.toThrow(
      'm: there are no labels',
    );
  });
});

test('a scratch folder that cannot be written is told of', async () => {
  writeFileSync(path('file'), '');
  const { openList } = await import('#ortune/data/images/picture-list.js');
  await expect(openList(join(fixtures, 'pictures.parquet'), { image: 'image' }, path('file/x'))).rejects.toThrow(
    /unpacked into .*file\/x, which cannot be written/,
  );
});
