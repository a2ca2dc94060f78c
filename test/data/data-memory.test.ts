// Small files that would fill memory: texts that rows share are held once, and what goes beyond the budget is refused
// by name while it is read.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { textColumns } from '#ortune/data/column-specs.js';
import { ofKind, textAt } from '#ortune/data/columns.js';
import { dataMemory } from '#ortune/data/data-memory.js';
import { openData } from '#ortune/data/open.js';
import type { OpenRequest } from '#ortune/data/protocol.js';
import { readRaw } from '#ortune/data/read/raw.js';
import { surveyTexts } from '#ortune/data/text/survey.js';
import { DataError } from '#ortune/errors.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('memory');
const fixture = (name: string): string => join(import.meta.dirname, `../fixtures/parquet/${name}.parquet`);
const columns = textColumns({ textColumn: 'text', labelColumn: 'label' });
const open = (file: string, maxDataMemory?: number, more: Partial<OpenRequest> = {}) =>
  openData({
    train: { files: [file] },
    columns,
    seed: 0,
    scratch: directory,
    hashed: false,
    form: { maxDataMemory },
    ...more,
  });
const mebibyte = 2 ** 20;

describe('texts of a dictionary', () => {
  test('are held once, however many rows have them', async () => {
    const { train } = await open(fixture('shared-texts'), 4 * 2 ** 30, { evalSplit: 0.99 });
    if (!('table' in train.source)) throw new Error('streamed');
    const { table } = train.source;
    const { chunks } = ofKind(table.columns, 'text', 'text')!;
    expect(table.count).toBe(200);
    expect(chunks.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThan(mebibyte);
    expect(new Set(textAt(ofKind(table.columns, 'text', 'text')!, 7))).toEqual(new Set(['b']));
  });

  test('count for every row, so that a small file is refused for what its rows would be', async () => {
    const opening = open(fixture('shared-texts'), 64 * mebibyte);
    await expect(opening).rejects.toBeInstanceOf(DataError);
    await expect(opening).rejects.toThrow(
      /shared-texts\.parquet:\d+: the samples up to here .* maxDataMemory is 67 MB/,
    );
  });
});

test.each(['brotli', 'zstd'])('a page of %s that unpacks to thousands of times its size is refused', async (codec) => {
  await expect(open(fixture(`bomb-${codec}`))).rejects.toThrow(/:1: column 'text' .* that unpacks to 80 MB/);
});

test('a page that goes beyond the budget is refused before it is unpacked', async () => {
  const small = open(fixture('gzip'), 1000);
  await expect(small).rejects.toThrow(/gzip\.parquet:1: a page of column '\w+' would take .*maxDataMemory is 1 kB/);
});

test.each([
  ['csv', 'text,label\n', 'some words,x\n'],
  ['jsonl', '', '{"text":"some words","label":"x"}\n'],
  ['tsv.gz', 'text\tlabel\n', 'some words\tx\n'],
])('a .%s of more samples than the budget has is refused with its line', async (ending, header, row) => {
  const content = header + row.repeat(60_000);
  const path = join(directory, `many.${ending}`);
  writeFileSync(path, ending.endsWith('.gz') ? gzipSync(content) : content);
  await expect(open(path, mebibyte)).rejects.toThrow(/many\.[\w.]+:\d{4,5}: the samples up to here .* set streaming/);
});

test.each([
  ['csv.gz', (text: string) => `text,label\nfree cash,x\n${text},y\n`, 3],
  ['jsonl.gz', (text: string) => `{"text":"free cash","label":"x"}\n{"text":"${text}","label":"y"}\n`, 2],
])('a text of megabytes in one word is refused before training, with its line: .%s', async (ending, content, line) => {
  const path = join(directory, `word.${ending}`);
  writeFileSync(path, gzipSync(content('a'.repeat(20_000_000))));
  const { train } = await open(path);
  if (!('table' in train.source)) throw new Error('streamed');
  const encoding = { directory: join(import.meta.dirname, '../../models/tiny-en'), maxLength: 128 };
  await expect(surveyTexts(encoding, [train.source.table])).rejects.toThrow(
    new RegExp(`word\\.${ending}:${line}: the text cannot be tokenised: it has 20\\.0 million characters`),
  );
});

test('streamed data need room for a block of them only', async () => {
  const path = join(directory, 'stream.csv');
  writeFileSync(path, `text,label\n${'some words,x\nothers,y\n'.repeat(60_000)}`);
  const { train } = await open(path, 4 * mebibyte, { streaming: true });
  expect(train.samples).toBe(120_000);
});

test('a line of gigabytes behind gzip is refused after 64 MiB', async () => {
  const path = join(directory, 'line.csv.gz');
  const bytes = gzipSync(Buffer.alloc(100 * mebibyte, 'x'));
  writeFileSync(path, bytes);
  const reading = (async () => {
    for await (const _ of readRaw(path));
  })();
  await expect(reading).rejects.toThrow(/line\.csv\.gz:1: the line is longer than 64 MiB/);
});

test('the default is half of what the process may use', () => {
  expect(dataMemory(5)).toBe(5);
  expect(dataMemory(undefined)).toBeGreaterThan(2 ** 27);
  if (process.platform !== 'linux') return;
  const script = 'import(process.argv[1]).then(({ dataMemory }) => console.log(dataMemory(undefined)))';
  const module = new URL(import.meta.resolve('#ortune/data/data-memory.js')).href;
  const limited = spawnSync(
    'sh',
    ['-c', 'ulimit -v 3000000; exec "$0" -e "$1" "$2"', process.execPath, script, module],
    {
      encoding: 'utf8',
    },
  );
  expect(Number(limited.stdout)).toBeLessThanOrEqual(1_536_000_000);
});

test('Snappy is read without WebAssembly where addresses are limited', () => {
  if (process.platform !== 'linux') return;
  const script = `import(process.argv[1]).then(async ({ readRaw }) => {
    let rows = 0;
    for await (const _ of readRaw(process.argv[2])) rows++;
    console.log(rows);
  })`;
  const module = new URL(import.meta.resolve('#ortune/data/read/raw.js')).href;
  const args = [
    '-c',
    'ulimit -v 8000000; exec "$0" -e "$1" "$2" "$3"',
    process.execPath,
    script,
    module,
    fixture('snappy'),
  ];
  expect(spawnSync('sh', args, { encoding: 'utf8' })).toMatchObject({ stdout: '50\n', status: 0 });
});
