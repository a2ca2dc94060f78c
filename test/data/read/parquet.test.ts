import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readBlocks } from '#ortune/data/read/raw.js';
import type { RawRecord, ReadOptions } from '#ortune/data/read/row.js';
import { DataError } from '#ortune/errors.js';
import { temporaryDirectory } from '../../support/temporary.js';

const fixtures = join(import.meta.dirname, '../../fixtures/parquet');
const directory = temporaryDirectory('parquet');
const rows: Record<string, unknown>[] = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8'));
const whole = rows.map((row, i) => ({ row, line: i + 1 }));
const names = ['plain', 'snappy', 'zstd', 'gzip', 'brotli', 'lz4', 'pages', 'delta'];
const bytesOf = (name: string) => readFileSync(join(fixtures, `${name}.parquet`));

async function read(path: string, options?: ReadOptions): Promise<RawRecord[]> {
  const records: RawRecord[] = [];
  for await (const block of readBlocks(path, options)) records.push(...block);
  return records;
}
const readFixture = (name: string, options?: ReadOptions) => read(join(fixtures, `${name}.parquet`), options);
function readBytes(bytes: Uint8Array, options?: ReadOptions): Promise<RawRecord[]> {
  const path = join(directory, 'a.parquet');
  writeFileSync(path, bytes);
  return read(path, options);
}

describe.each(names)('%s.parquet', (name) => {
  test('gives texts, 64-bit labels, floats, booleans and missing values of every row', async () => {
    expect(await readFixture(name)).toStrictEqual(whole);
  });

  test('can be read from any row on, and in some columns', async () => {
    for (const skip of [1, 6, 7, 15, 16, 17, 33, 49, 50, 60])
      expect(await readFixture(name, { skip })).toStrictEqual(whole.slice(skip));
    const some = await readFixture(name, { columns: ['label', 'text'], skip: 40 });
    expect(some.map(({ row }) => row)).toStrictEqual(rows.slice(40).map(({ label, text }) => ({ label, text })));
  });
});

test('small and large integers, halves, categories and nulls are read', async () => {
  const columns = ['text', 'int32', 'uint64', 'int8', 'float', 'half', 'category', 'large'];
  const [a, b] = await readFixture('types', { columns });
  expect(a!.row).toStrictEqual({
    text: 'a',
    int32: 1,
    uint64: 3,
    int8: 4,
    float: 0.5,
    half: 0.25,
    category: 'x',
    large: 'x',
  });
  expect(b!.row).toStrictEqual({
    text: 'b',
    int32: -2,
    uint64: 2n ** 64n - 1n,
    int8: null,
    float: 1.5,
    half: 2,
    category: 'y',
    large: 'y',
  });
});

test('a file without rows gives none', async () => {
  expect(await readFixture('none')).toEqual([]);
});

test.each([
  ['struct', 'nested (a struct, a map, or a list of these)'],
  ['binary', 'binary'],
  ['fixed', 'binary (FIXED_LEN_BYTE_ARRAY)'],
  ['date', 'of type DATE'],
  ['time', 'of type TIMESTAMP'],
  ['decimal', 'binary (DECIMAL)'],
  ['nothing', 'of type NULL'],
])("column '%s' is refused by name as %s", async (column, kind) => {
  const reading = readFixture('types', { columns: ['text', column] });
  await expect(reading).rejects.toBeInstanceOf(DataError);
  await expect(reading).rejects.toThrow(`types.parquet: column '${column}' is ${kind}; ortune reads texts, integers`);
});

test('a missing column is refused with those there are', async () => {
  await expect(readFixture('plain', { columns: ['mark'] })).rejects.toThrow(
    /plain\.parquet: no column 'mark'; found 'text', 'label', 'kind', 'weight', 'read', 'note'/,
  );
});

describe('lists', () => {
  const lists: Record<string, unknown>[] = JSON.parse(readFileSync(join(fixtures, 'lists.json'), 'utf8'));

  test.each(['lists', 'lists-v2', 'lists-pages'])(
    'of every row, empty ones and none, are those of %s',
    async (name) => {
      const expected = lists.map((row, i) => ({ row, line: i + 1 }));
      expect(await readFixture(name)).toStrictEqual(expected);
      for (const skip of [1, 15, 16, 17, 39, 40])
        expect(await readFixture(name, { skip })).toStrictEqual(expected.slice(skip));
      const [row] = await readFixture(name, { columns: ['tags'], skip: 3 });
      expect(row).toStrictEqual({ row: { tags: lists[3]!.tags }, line: 4 });
    },
  );

  test('may be of two levels, as older writers have them', async () => {
    const found = await readFixture('lists-two-levels');
    expect(found.map(({ row }) => row.words)).toEqual([[1, 2], [], [3], [4, 5, 6]]);
  });

  test('may be one in a file of other columns', async () => {
    expect((await readFixture('types', { columns: ['list'] })).map(({ row }) => row.list)).toEqual([[1], [2, 3]]);
  });

  test.each([
    ['dates', 'of type DATE within a list'],
    ['bytes', 'binary within a list'],
    ['structs', 'nested (a struct, a map, or a list of these)'],
    ['map', 'nested (a struct, a map, or a list of these)'],
  ])("of column '%s' are refused as %s", async (column, kind) => {
    const reading = readFixture('lists-other', { columns: [column] });
    await expect(reading).rejects.toThrow(`lists-other.parquet: column '${column}' is ${kind}; ortune reads texts`);
  });
});

describe('a damaged file', () => {
  test.each([
    ['empty', new Uint8Array()],
    ['cut', bytesOf('plain').subarray(0, 3000)],
    ['of another format', Buffer.from('{"text": "a"}\n'.repeat(10))],
    ['without an end', Buffer.concat([bytesOf('plain').subarray(0, -8), Buffer.alloc(8)])],
  ])('that is %s is refused', async (_, bytes) => {
    await expect(readBytes(bytes)).rejects.toThrow(
      /a\.parquet cannot be read as Parquet \(.*\): it is cut, damaged or/,
    );
  });

  test('with a checksum that does not fit is refused with row and column', async () => {
    const bytes = bytesOf('pages');
    const at = bytes.indexOf('17 ');
    bytes[at] = 0x32;
    const reading = readBytes(bytes);
    await expect(reading).rejects.toThrow(
      /a\.parquet:1\d: column 'text' cannot be decoded from this row on \(the checks/,
    );
    await expect(reading).rejects.toBeInstanceOf(DataError);
  });

  test('with bytes that are not UTF-8 is refused', async () => {
    const bytes = bytesOf('plain');
    bytes[bytes.indexOf('17 ')] = 0xff;
    await expect(readBytes(bytes)).rejects.toThrow(/column 'text' cannot be decoded .* not valid for encoding utf-8/);
  });

  test('whose row groups lack a column or hold another number of rows is refused', async () => {
    const lacking = bytesOf('plain');
    lacking.write('kinx', lacking.lastIndexOf('kind'));
    await expect(readBytes(lacking)).rejects.toThrow(/row group 1 does not hold column 'kind' in a readable form/);
    const more = bytesOf('plain');
    // Field 3 of the footer, num_rows: 50 as a zigzag varint, before the list of row groups.
    more[more.lastIndexOf(Uint8Array.of(0x16, 100, 0x19)) + 1] = 102;
    await expect(readBytes(more)).rejects.toThrow(/51 rows expected, its row groups hold 50/);
  });

  test('whose page of lists claims to hold millions of values is refused before they have memory', async () => {
    const bytes = bytesOf('lists-two-levels');
    const many = Buffer.of(0x80, 0x80, 0x80, 0x20); // 2^25 as a zigzag varint, in place of 7
    const replaced = (from: Buffer, before: Buffer): Buffer => {
      const at = from.lastIndexOf(before) + before.length;
      expect(from[at]).toBe(14);
      return Buffer.concat([from.subarray(0, at), many, from.subarray(at + 1)]);
    };
    const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
    const pages = replaced(bytes.subarray(0, footer), Buffer.of(0x2c, 0x15));
    const codecAndCount = Buffer.concat([Buffer.from('\x07element'), Buffer.of(0x15, 0, 0x16)]);
    const rest = replaced(bytes.subarray(footer), codecAndCount);
    await expect(readBytes(Buffer.concat([pages, bytes.subarray(footer)]))).rejects.toThrow(
      /a\.parquet:1: column 'words\.element' .*page holds 33554432 values, the row group has 7 left/,
    );
    rest.writeUInt32LE(rest.length - 8, rest.length - 8);
    const before = process.memoryUsage().arrayBuffers;
    await expect(readBytes(Buffer.concat([pages, rest]))).rejects.toThrow(/a page of more than 16777216 values/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 26);
  });

  // Run in a child, since a reader that trusts a damaged length ends the process.
  test('of any kind gives rows or a DataError, and never ends the process', () => {
    const script = `
      import { readFileSync, writeFileSync } from 'node:fs';
      const { readBlocks } = await import(process.argv[1]);
      let seed = 11, damaged = 0;
      const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
      for (const name of ${JSON.stringify([...names, 'lists', 'lists-v2', 'lists-pages', 'lists-two-levels'])}) {
        const bytes = readFileSync(${JSON.stringify(fixtures)} + '/' + name + '.parquet');
        for (let i = 0; i < 120; i++) {
          const copy = Buffer.from(bytes);
          copy[random(copy.length)] = random(256);
          const path = ${JSON.stringify(directory)} + '/damaged.parquet';
          writeFileSync(path, copy);
          try {
            for await (const _ of readBlocks(path));
          } catch (error) {
            if (error.name !== 'DataError') throw error;
            damaged++;
          }
        }
      }
      console.log(damaged, process.resourceUsage().maxRSS / 1024);`;
    const module = new URL(import.meta.resolve('#ortune/data/read/raw.js')).href;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script, module], { encoding: 'utf8' });
    const [damaged, peakMiB] = output.split(' ').map(Number);
    expect(damaged).toBeGreaterThan(400);
    expect(peakMiB).toBeLessThan(500);
  });
});

test('an abort ends reading with its reason', async () => {
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(readFixture('plain', { signal })).rejects.toThrow('enough');
});

test('blocks stay small within one row group', async () => {
  const sizes: number[] = [];
  for await (const block of readBlocks(join(fixtures, 'pages.parquet'))) sizes.push(block.length);
  expect(sizes.length).toBeGreaterThan(5);
});
