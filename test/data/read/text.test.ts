import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readBlocks, readRaw } from '#ortune/data/read/raw.js';
import type { RawRecord, ReadOptions } from '#ortune/data/read/row.js';
import { DataError, UsageError } from '#ortune/errors.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory('read');
function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}
async function read(path: string, options?: ReadOptions): Promise<RawRecord[]> {
  const records: RawRecord[] = [];
  for await (const record of readRaw(path, options)) records.push(record);
  return records;
}
/** The records read before the error, and the error. */
async function readUntilError(path: string, options?: ReadOptions): Promise<{ count: number; error: Error }> {
  let count = 0;
  try {
    for await (const _ of readRaw(path, options)) count++;
  } catch (error) {
    return { count, error: error as Error };
  }
  throw new Error('no error');
}

describe('JSON lines', () => {
  test('are read with their lines; blank lines are left out and a byte order mark is dropped', async () => {
    const path = file('a.jsonl', '\ufeff{"text":"one"}\r\n\n \t\r\n{"text":"zwei \ufeffä","label":3}\n{"text":""}');
    expect(await read(path)).toEqual([
      { row: { text: 'one' }, line: 1 },
      { row: { text: 'zwei \ufeffä', label: 3 }, line: 4 },
      { row: { text: '' }, line: 5 },
    ]);
  });

  test('longer than a read buffer, with letters of several bytes on its border, stay whole', async () => {
    const text = 'äöü€'.repeat(200_000);
    const path = file('long.ndjson', `${JSON.stringify({ text })}\n${JSON.stringify({ text: 'x' })}\n`);
    expect((await read(path)).map(({ row }) => row.text)).toEqual([text, 'x']);
  });

  test('that are skipped are not parsed, and keep the line numbers', async () => {
    const path = file('skip.jsonl', 'broken\n\n{"n":2}\nbroken too\n{"n":4}\n');
    expect(await read(path, { skip: 3 })).toEqual([{ row: { n: 4 }, line: 5 }]);
    expect(await read(path, { skip: 9 })).toEqual([]);
  });

  test.each([
    ['{"n":1}\n{"n":', 1, /bad\.jsonl:2: not a JSON value/],
    ['{"n":1}\n\n[1]\n', 1, /bad\.jsonl:3: each line must be a JSON object, found a list/],
    ['"a"\n', 0, /found a value of type string/],
    ['7\n', 0, /found the number 7/],
    ['null\n', 0, /found null/],
    ['""\n', 0, /found nothing/],
  ])('%j is refused after the good records', async (content, good, message) => {
    const { count, error } = await readUntilError(file('bad.jsonl', content));
    expect(count).toBe(good);
    expect(error.message).toMatch(message);
    expect(error).toBeInstanceOf(DataError);
  });

  test('longer than 64 MiB are refused', async () => {
    const path = file('endless.jsonl', Buffer.concat([Buffer.from('{}\n'), Buffer.alloc(64 * 2 ** 20 + 1, 'x')]));
    expect((await readUntilError(path)).error.message).toMatch(/endless\.jsonl:2: the line is longer than 64 MiB/);
  });
});

describe('CSV', () => {
  test('has quotes, separators and line breaks within fields; a record counts from its first line', async () => {
    const path = file('a.csv', '\ufefflabel,text\nham,"a, ""b""\nc\r\n"\r\n\n\r\nspam,d "e"\n"","f"');
    expect(await read(path)).toEqual([
      { row: { label: 'ham', text: 'a, "b"\nc\r\n' }, line: 2 },
      { row: { label: 'spam', text: 'd "e"' }, line: 7 },
      { row: { label: '', text: 'f' }, line: 8 },
    ]);
  });

  test('has empty fields at every place, with and without a last line break', async () => {
    for (const end of ['', '\n', '\r\n']) {
      const rows = (await read(file('empty.csv', `a,b,c\n,,\n1,,\n,2,\n,,${end}`))).map(({ row }) =>
        Object.values(row),
      );
      expect(rows).toEqual([
        ['', '', ''],
        ['1', '', ''],
        ['', '2', ''],
        ['', '', ''],
      ]);
    }
  });

  test('may be separated by tabs', async () => {
    const path = file('a.tsv', 'first\tsecond\r\na, b\t"c\td"\r\n');
    expect(await read(path)).toEqual([{ row: { first: 'a, b', second: 'c\td' }, line: 2 }]);
  });

  test('gives the wanted columns only, and skips records', async () => {
    const path = file('wide.csv', 'a,b,a,c\n1,2,3,4\n5,"6\n",7,8\n9,10,11,12\n');
    expect(await read(path, { columns: ['c', 'b'], skip: 1 })).toEqual([
      { row: { c: '8', b: '6\n' }, line: 3 },
      { row: { c: '12', b: '10' }, line: 5 },
    ]);
  });

  test('has quoted fields that go over many read buffers', async () => {
    const text = '"one", two\n'.repeat(200_000);
    const path = file('field.csv', `text,n\n"${text.replaceAll('"', '""')}",1\nx,2\n`);
    const [first, second] = await read(path);
    expect(first).toEqual({ row: { text, n: '1' }, line: 2 });
    expect(second).toEqual({ row: { text: 'x', n: '2' }, line: 200_003 });
  });

  test('of random fields comes back as it was written, cut at any place', async () => {
    const letters = ['a', '"', ',', '\n', '\r\n', 'ä', ' '];
    let seed = 5;
    const random = (n: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % n;
    };
    const fields = Array.from({ length: 20_000 }, () =>
      Array.from({ length: 3 }, () => Array.from({ length: random(30) }, () => letters[random(7)]).join('')),
    );
    const quoted = fields.map((row) => row.map((field) => `"${field.replaceAll('"', '""')}"`).join(','));
    const records = await read(file('random.csv', `x,y,z\n${quoted.join('\n')}`));
    expect(records.map(({ row }) => Object.values(row))).toEqual(fields);
    let line = 2;
    for (const [i, row] of fields.entries()) {
      expect(records[i]!.line).toBe(line);
      line += row.join('').split('\n').length;
    }
  });

  test.each([
    ['a,b\n1,2\n3\n', 1, /bad\.csv:3: broken CSV record: expected 2 fields as in the header, found 1/],
    ['a,b\n1,2,3\n', 0, /bad\.csv:2: broken CSV record: expected 2 fields as in the header, found 3/],
    ['a,b\n1,"2\n3\n4,5', 0, /bad\.csv:2: broken CSV record: a quote is opened and never closed/],
    ['a,b\n1,2\n\n"3"4,5\n', 1, /bad\.csv:4: broken CSV record: field 1 goes on behind its closing quote/],
    ['a,a\n1,2\n', 0, /bad\.csv:1: the header names column 'a' twice/],
  ])('%j is refused after the good records', async (content, good, message) => {
    const { count, error } = await readUntilError(file('bad.csv', content));
    expect(count).toBe(good);
    expect(error.message).toMatch(message);
    expect(error).toBeInstanceOf(DataError);
  });

  test('without a wanted column is refused by the header', async () => {
    const { error } = await readUntilError(file('other.csv', 'a,b\n'), { columns: ['a', 'label'] });
    expect(error.message).toMatch(
      /other\.csv:1: no column 'label'; found 'a', 'b'; if the first line is a record, set header/,
    );
  });

  test('with a quoted field of more than 64 MiB is refused before the end of the file', async () => {
    const line = `${'x'.repeat(2 ** 20 - 1)}\n`;
    const path = file('open.csv', `a\n"${line.repeat(150)}`);
    const { error } = await readUntilError(path);
    expect(error.message).toMatch(/open\.csv:2: broken CSV record: a quoted field is longer than 64 MiB/);
  });
});

describe('files behind gzip', () => {
  const lines = Array.from({ length: 30_000 }, (_, n) => JSON.stringify({ n, text: `text ${n * 7919}` }));
  const content = `${lines.join('\n')}\n`;
  const packed = gzipSync(content);

  test('are read like the file within, and may have several members', async () => {
    const records = await read(file('a.jsonl.gz', packed));
    expect(records.map(({ row }) => JSON.stringify(row))).toEqual(lines);
    expect(await read(file('b.JSONL.GZ', Buffer.concat([packed, packed])), { skip: 30_000 })).toEqual(
      records.map(({ row, line }) => ({ row, line: line + 30_000 })),
    );
    expect(await read(file('a.csv.gz', gzipSync('a\n1\n')))).toEqual([{ row: { a: '1' }, line: 2 }]);
  });

  const flipped = Buffer.from(packed);
  flipped[20_000]! ^= 8;
  test.each([
    ['cut in the middle', packed.subarray(0, packed.length / 2)],
    ['cut in the checksum', packed.subarray(0, -5)],
    ['altered', flipped],
    ['empty', new Uint8Array()],
    ['not compressed', Buffer.from(content)],
    ['followed by other bytes', Buffer.concat([packed, Buffer.from('other')])],
    ['followed by a member whose beginning is gone', Buffer.concat([packed, Buffer.alloc(4), packed.subarray(4)])],
  ])('are refused when %s', async (_, bytes) => {
    const { error } = await readUntilError(file('bad.jsonl.gz', bytes));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(/bad\.jsonl\.gz(:\d+: not a JSON value| is damaged or not compressed with gzip)/);
  });
});

test('a missing file, a folder and another format are refused', async () => {
  for (const ending of ['csv', 'jsonl', 'csv.gz', 'parquet'])
    expect((await readUntilError(join(directory, `none.${ending}`))).error.message).toMatch(/cannot be read: ENOENT/);
  const other = await readUntilError(file('a.doc', 'x'));
  expect(other.error).toBeInstanceOf(UsageError);
  expect(other.error.message).toMatch(
    /a\.doc: unknown format; ortune reads \.jsonl, .*\.tsv\.gz, \.parquet, and \.txt and \.md as one text each/,
  );
  expect((await readUntilError(file('a.parquet.gz', ''))).error).toBeInstanceOf(UsageError);
});

test('bytes that are not UTF-8 are refused with their line', async () => {
  const bytes = Buffer.concat([Buffer.from('{"text":"a"}\n'.repeat(40_000)), Buffer.from([0x22, 0xe4, 0x22, 0x0a])]);
  const { error } = await readUntilError(file('latin.jsonl', bytes));
  expect(error.message).toMatch(
    /latin\.jsonl:40001: the bytes are not UTF-8 \(0xe4 at byte 520001\); set option 'encoding'.*reads '"ä"'/,
  );
  const last = await readUntilError(file('last.csv', Buffer.concat([Buffer.from('a\n1\n'), Buffer.from([0xe4])])));
  expect(last.error.message).toMatch(/last\.csv:3: the bytes are not UTF-8/);
});

test('an abort ends reading with its reason, before and between records', async () => {
  const path = file('many.jsonl', '{"text":"a"}\n'.repeat(100_000));
  const before = await readUntilError(path, { signal: AbortSignal.abort(new Error('enough')) });
  expect(before.error.message).toBe('enough');
  const controller = new AbortController();
  const records = readRaw(path, { signal: controller.signal });
  await records.next();
  controller.abort(new Error('enough now'));
  await expect(records.next()).rejects.toThrow('enough now');
});

test('blocks hold part of a file, so that a large one needs little memory', async () => {
  const path = file('blocks.jsonl', '{"text":"a"}\n'.repeat(200_000));
  const sizes: number[] = [];
  for await (const block of readBlocks(path)) sizes.push(block.length);
  expect(sizes.reduce((sum, size) => sum + size)).toBe(200_000);
  expect(Math.max(...sizes)).toBeLessThan(25_000);
});
