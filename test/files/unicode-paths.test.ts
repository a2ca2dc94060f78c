// Names on disk in one Unicode form are found by the other.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openList } from '#ortune/data/images/picture-list.js';
import { textAt } from '#ortune/data/images/sources.js';
import { openFiles } from '#ortune/data/read/files.js';
import { asOnDisk } from '#ortune/files/unicode-paths.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('unicode');
const nfd = (text: string): string => text.normalize('NFD');
const [folder, file] = ['Ordnér', 'Bärenfähe 東京.csv'];
mkdirSync(join(directory, nfd(folder)));
writeFileSync(join(directory, nfd(folder), nfd(file)), 'text,label\n');
writeFileSync(join(directory, 'é.png'), '');
writeFileSync(join(directory, nfd('ü.png')), '');

test('a path in the one form is the file of the other, folder by folder', async () => {
  const there = join(directory, nfd(folder), nfd(file));
  for (const given of [join(directory, folder, file), join(directory, nfd(folder), file), there])
    expect(asOnDisk(given)).toBe(there);
  expect(asOnDisk(join(directory, nfd('é.png')))).toBe(join(directory, 'é.png'));
  expect(asOnDisk(join(directory, folder, 'nöne'))).toBe(join(directory, folder, 'nöne'));
  expect(asOnDisk('nöne')).toBe('nöne');
  expect(await openFiles([join(directory, folder, file)])).toEqual([there]);
  expect(await openFiles([join(directory, `${folder}/Bär*.csv`)])).toEqual([there]);
});

test('a list of pictures finds them so', async () => {
  const list = join(directory, 'list.csv');
  writeFileSync(list, `image,label\n${nfd('é.png')},a\nü.png,b\n`);
  const source = await openList(list, { image: 'image', label: 'label' }, join(directory, 'scratch'));
  if (source.kind !== 'files') throw new Error(source.kind);
  const found = [0, 1].map((i) => textAt(source.paths, i));
  expect(found).toEqual([join(directory, 'é.png'), join(directory, nfd('ü.png'))]);
});

test('two files of one name are refused, unless one is meant to the letter', () => {
  const [a, b] = ['ǖ.txt', 'ü\u0304.txt'] as const;
  for (const name of [a, b]) writeFileSync(join(directory, name), '');
  expect(asOnDisk(join(directory, a))).toBe(join(directory, a));
  expect(() => asOnDisk(join(directory, nfd(a)))).toThrow(/is the name of 2 files in different Unicode forms/);
});
