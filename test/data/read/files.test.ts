import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { openFiles } from '#ortune/data/read/files.js';
import { DataError, UsageError } from '#ortune/errors.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory('files');
mkdirSync(join(directory, 'more'));
const [a, b, c, odd] = ['a.csv', 'b.csv', 'more/c.csv', 'm[1].csv'].map((name) => {
  writeFileSync(join(directory, name), '');
  return join(directory, name);
}) as [string, string, string, string];

test('a path stays as it was given, a pattern becomes its matches in order', async () => {
  expect(await openFiles([b, a])).toEqual([b, a]);
  expect(await openFiles([relative('.', a)])).toEqual([relative('.', a)]);
  expect(await openFiles([join(directory, '?.csv')])).toEqual([a, b]);
  expect(await openFiles([join(directory, '**/*.csv')])).toEqual([a, b, odd, c]);
  expect(await openFiles([join(relative('.', directory), '{b,a}.csv')])).toEqual([a, b].map((f) => relative('.', f)));
});

test('a file that several patterns name is read once', async () => {
  expect(await openFiles([b, join(directory, '?.csv'), relative('.', a)])).toEqual([b, a]);
});

test('a file whose name looks like a pattern is that file', async () => {
  expect(await openFiles([odd])).toEqual([odd]);
});

test('a pattern without a match, a missing path and a folder are refused by name', async () => {
  const none = openFiles([a, join(directory, '*.jsonl')]);
  await expect(none).rejects.toBeInstanceOf(UsageError);
  await expect(none).rejects.toThrow(/no data file matches the pattern '.*\*\.jsonl'/);
  await expect(openFiles([join(directory, 'x.csv')])).rejects.toThrow(/x\.csv cannot be read: ENOENT/);
  await expect(openFiles([directory])).rejects.toThrow(/is a folder; name its files with a pattern/);
  await expect(openFiles([directory])).rejects.toBeInstanceOf(DataError);
});
