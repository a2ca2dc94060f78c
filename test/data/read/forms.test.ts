// Files as people have them: other delimiters, encodings, line ends and quotes than the name of the file says. They are
// read for what they are, and what was assumed is said; or refused by their true name, with the option to set.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { ReadForm } from '#ortune/data/read/form.js';
import { readRaw } from '#ortune/data/read/raw.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory('forms');
mkdirSync(directory, { recursive: true });
let files = 0;

/** Texts and labels of a file's records, their lines, and what was said of it. */
async function read(ending: string, content: string | Uint8Array, form: ReadForm = {}, columns = ['text', 'label']) {
  const path = join(directory, `${files++}.${ending}`);
  writeFileSync(path, content);
  const [rows, lines, notes]: [string[], number[], string[]] = [[], [], []];
  for await (const { row, line } of readRaw(path, { form, columns, note: (text) => notes.push(text) })) {
    rows.push(columns.map((name) => row[name]).join('/'));
    lines.push(line);
  }
  return { rows, lines, notes: notes.map((note) => note.replaceAll(directory, '')).join('; ') };
}
const utf16 = (text: string, mark = false): Buffer => Buffer.from((mark ? '\ufeff' : '') + text, 'utf16le');
const bigEndian = (text: string, mark = false): Buffer => utf16(text, mark).swap16();

const table = 'text,label\nein Bär,x\nzwei,y\n';
const rows = ['ein Bär/x', 'zwei/y'];
const objects = '{"text":"ein Bär","label":"x"}|{"text":"zwei","label":"y"}';
const lines = objects.replace('|', '\n');

describe('are read with a note', () => {
  test.each<[string, string, string | Uint8Array, RegExp]>([
    ['semicolons', 'csv', table.replaceAll(',', ';'), /separated by semicolons, as its header shows, not by commas/],
    ['tabs', 'csv', table.replaceAll(',', '\t'), /separated by tabs/],
    ['pipes', 'tsv', table.replaceAll(',', '|'), /separated by pipes, as its header shows, not by tabs/],
    ['commas', 'tsv', table, /separated by commas/],
    [
      'a stated delimiter',
      'csv',
      `sep=;\r\n${table.replaceAll(',', ';')}`,
      /separated by semicolons, as its first line/,
    ],
    ['a delimiter stated in quotes', 'csv', `"sep=^"\n${table.replaceAll(',', '^')}`, /separated by '\^'/],
    ['CR alone', 'csv', table.replaceAll('\n', '\r'), /CR alone as the end of lines/],
    ['CR alone, JSON', 'jsonl', lines.replaceAll('\n', '\r'), /CR alone as the end of lines/],
    ['UTF-16', 'csv', utf16(table), /read as UTF-16 \(little endian\), which its zero bytes show/],
    ['UTF-16 with a mark', 'csv', utf16(table, true), /UTF-16 \(little endian\), whose mark it begins with/],
    ['big-endian UTF-16', 'jsonl', bigEndian(lines), /UTF-16 \(big endian\), which/],
    ['big-endian UTF-16 with a mark', 'tsv', bigEndian(table.replaceAll(',', '\t'), true), /UTF-16 \(big endian\)/],
    ['UTF-16 behind gzip', 'jsonl.gz', gzipSync(utf16(lines)), /UTF-16/],
    ['a JSON array', 'jsonl', `[${objects.replace('|', ',')}]`, /is one JSON array, .* its 2 objects/],
    ['a JSON array of lines', 'jsonl', `[\n${objects.replace('|', ',\n')}\n]\n`, /is one JSON array/],
    ['trailing commas', 'jsonl', lines.replaceAll('}', '},'), /2 lines end with a comma/],
    [
      'printed JSON',
      'jsonl',
      objects
        .split('|')
        .map((one) => JSON.stringify(JSON.parse(one), null, 2))
        .join('\n'),
      /not one a line/,
    ],
    ['JSON without line breaks', 'jsonl', objects.replace('|', ''), /not one a line/],
    ['blank lines', 'csv', 'text,label\n\nein Bär,x\n\n\nzwei,y\n\n', /3 empty lines between records/],
    ['blank lines, JSON', 'jsonl', lines.replace('\n', '\n\n \n'), /2 blank lines between records/],
  ])('%s', async (_, ending, content, note) => {
    const found = await read(ending, content);
    expect(found.rows).toEqual(rows);
    expect(found.notes).toMatch(note);
  });

  test('line breaks within quotes, which are counted', async () => {
    const { notes, lines } = await read('csv', 'text,label\n"a\nb",x\nc,y\n"d\n\n\ne",z\n');
    expect(notes).toMatch(
      /2 records hold line breaks within quotes, 6 lines in all; the first begins in line 2, the longest in line 5 \(4 lines\)/,
    );
    expect(lines).toEqual([2, 4, 5]);
  });

  test('stray CR, which may end lines', async () => {
    expect((await read('csv', 'text,label\na\rb,x\n')).notes).toMatch(/1 CR without LF .* set lineEnding to any/);
    expect((await read('csv', 'text,label\ra,x\r\nb,y\nc,z', { lineEnding: 'any' })).lines).toEqual([2, 3, 4]);
  });
});

test('what is as its name says is read without a word', async () => {
  for (const [ending, content] of [
    ['csv', table],
    ['csv', `\ufeff${table.replaceAll('\n', '\r\n')}`],
    ['csv', 'text,label\n"ein Bär",x\nzwei,"y"'],
    ['tsv', table.replaceAll(',', '\t')],
    ['jsonl', lines],
    ['jsonl', `${lines}\n\n`],
  ] as const)
    expect(await read(ending, content)).toMatchObject({ rows, notes: '' });
});

describe('options', () => {
  test.each<[string, string, string | Uint8Array, ReadForm]>([
    ['delimiter', 'csv', table.replaceAll(',', '~'), { delimiter: '~' }],
    ['delimiter by name', 'csv', table.replaceAll(',', '\t'), { delimiter: 'tab' }],
    ['encoding', 'csv', Buffer.from(table, 'latin1'), { encoding: 'Latin-1' }],
    ['encoding of Python', 'jsonl', utf16(lines, true), { encoding: 'utf_16' }],
    ['encoding beyond', 'csv', Buffer.from(table, 'latin1'), { encoding: 'iso-8859-15' }],
    ['header', 'csv', table.replace('text,label\n', ''), { header: ['text', 'label'] }],
    ['header that is there', 'csv', table, { header: ['text', 'label'] }],
    ['quote', 'csv', "text,label\n'ein Bär',x\n'zwei',y\n", { quote: "'" }],
    ['line ends', 'jsonl', lines.replaceAll('\n', '\r'), { lineEnding: 'cr' }],
  ])('%s', async (_, ending, content, form) => {
    expect((await read(ending, content, form)).rows).toEqual(rows);
  });

  test('quote none reads quotes as letters', async () => {
    expect((await read('csv', 'text,label\n"a,x\nb",y\n', { quote: 'none' })).rows).toEqual(['"a/x', 'b"/y']);
  });

  test('header none calls the columns by numbers', async () => {
    expect((await read('csv', 'a;x\nb;y\n', { header: ['none'] }, ['2', '1'])).rows).toEqual(['x/a', 'y/b']);
  });

  test('windows-1252 has its own characters where Latin-1 has controls', async () => {
    const bytes = Buffer.concat([Buffer.from('text,label\n'), Buffer.of(0x80, 0x93, 0x94, 0x2c, 0x78)]);
    expect((await read('csv', bytes, { encoding: 'windows-1252' })).rows).toEqual(['€“”/x']);
  });
});

describe('quotes of TSV', () => {
  const tsv = (...rows: string[]): string => ['text\tlabel', ...rows].join('\n');
  test.each<[string, string, string[], RegExp]>([
    [
      'spanning lines that are rows',
      tsv('"He said\tx', 'b\ty', 'and left."\tx'),
      ['"He said/x', 'b/y', 'and left."/x'],
      /letter, since every line by itself/,
    ],
    [
      'ending within a field',
      tsv('"Yes," he said\tx', 'b\ty'),
      ['"Yes," he said/x', 'b/y'],
      /letter, since the quotation of line 2/,
    ],
    ['never ending', tsv('"Yes\tx', 'b\ty'), ['"Yes/x', 'b/y'], /letter/],
    [
      'around some texts',
      tsv('"Yes."\tx', 'No.\ty', '"Perhaps."\tx'),
      ['"Yes."/x', 'No./y', '"Perhaps."/x'],
      /letter, .* other fields/,
    ],
    [
      'of pandas, doubled',
      tsv('"say ""a"""\tx', 'b\ty'),
      ['say "a"/x', 'b/y'],
      /quotation, since only fields that need it/,
    ],
    ['of pandas, with a tab', tsv('"a\tb"\tx', 'c\ty'), ['a\tb/x', 'c/y'], /quotation, since only so all records/],
    ['of pandas, with a line break', tsv('"a\nb"\tx', 'c\ty'), ['a\nb/x', 'c/y'], /quotation, since only so/],
    ['of Excel, with a comma', tsv('"a, b"\tx', 'c\ty'), ['a, b/x', 'c/y'], /quotation, since only fields that need/],
    ['of R, everywhere', '"text"\t"label"\n"a"\t"x"\n"b"\t"y"', ['a/x', 'b/y'], /quotation, since all fields/],
  ])('%s', async (_, content, expected, note) => {
    const found = await read('tsv', content);
    expect(found.rows).toEqual(expected);
    expect(found.notes).toMatch(note);
  });

  test('are judged by the whole file, also where they come late', async () => {
    const many = Array.from({ length: 40_000 }, (_, i) => `text ${i}\tx`);
    const { rows, lines } = await read('tsv', tsv(...many, '"open\ty', 'b\tx'));
    expect([rows.length, rows.at(-2), lines.at(-1)]).toEqual([40_002, '"open/y', 40_003]);
  });
});

describe('are refused by what they are', () => {
  test.each<[string, string, string | Uint8Array, RegExp, ReadForm?]>([
    [
      'Latin-1',
      'csv',
      Buffer.from(table, 'latin1'),
      /csv:2: the bytes are not UTF-8 \(0xe4 at byte 16\); set option 'encoding' .* reads 'ein Bär,x'/,
    ],
    ['UTF-32', 'csv', Buffer.from('t\0\0\0e\0\0\0', 'latin1'), /is UTF-32/],
    ['half of a pair in UTF-16', 'csv', utf16('text,label\na,x\nb\ud800c,y\n'), /csv:3: the bytes are not utf-16le/],
    [
      'a mark beside another encoding',
      'csv',
      `\ufeff${table}`,
      /mark of UTF-8, and option 'encoding'/,
      { encoding: 'latin1' },
    ],
    ['NUL', 'csv', 'text,label\na,x\nb\0c,y\n', /csv:3: the line holds a NUL byte/],
    ['a file of NUL', 'csv', Buffer.alloc(100), /NUL byte|UTF-32/],
    [
      'no header',
      'csv',
      'some words,x\nothers,y\n',
      /no column 'text'; found 'some words', 'x'; if the first line is a record, set header/,
    ],
    ['columns of one name', 'csv', 'text,label,text\na,x,b\n', /names column 'text' twice/],
    ['short rows', 'csv', 'text,label\na\n', /csv:2: broken CSV record: expected 2 fields as in the header, found 1/],
    ['short rows of TSV', 'tsv', 'text\tlabel\na\n', /tsv:2: broken TSV record: expected 2 fields/],
    ['quotes that go on', 'csv', 'text,label\n"a"b,x\n', /broken CSV record: field 1 goes on .* or set quote to none/],
    [
      'an array that is cut',
      'jsonl',
      '[{"text":"a","label":"x"},\n',
      /jsonl:2: the array that holds the records does not end/,
    ],
    [
      'a printed object that is cut',
      'jsonl',
      '{\n"text":"a",\n"label":"x"}\n{\n"text',
      /jsonl:4: the value that begins here does not end/,
    ],
    ['an array of texts', 'jsonl', '["a"]\n', /jsonl:1: each line must be a JSON object, found a list/],
    [
      'words behind an array',
      'jsonl',
      '[{"text":"a","label":"x"}] more',
      /expected nothing behind the array, found 'more'/,
    ],
    [
      'two objects in a line',
      'jsonl',
      '{"text":"a","label":"x"}\n{"text":"a"}{"text":"b"}\n',
      /jsonl:2: .* several objects: write one a line/,
    ],
    ['Python', 'jsonl', "{'text': 'a'}\n", /Python's notation/],
    ['NaN', 'jsonl', '{"text": "a", "label": NaN}\n', /NaN and Infinity are no JSON/],
  ])('%s', async (_, ending, content, message, form) => {
    await expect(read(ending, content, form)).rejects.toThrow(message);
  });

  test('with no more than 200 characters of theirs', async () => {
    const names = Array.from({ length: 3000 }, (_, i) => `column ${i} ${'x'.repeat(300)}`).join(',');
    const error = await read('csv', `${names}\n`).catch((e: Error) => e);
    expect((error as Error).message.length).toBeLessThan(3000);
    expect((error as Error).message).toMatch(/and 2980 more/);
    const json = await read('jsonl', `{"text": ${'\u001b[31m'.repeat(99)}`).catch((e: Error) => e);
    expect((error as Error).message + (json as Error).message).not.toMatch(/(?!\n)\p{Cc}/u);
  });
});

test('names are the same in both Unicode forms, and two of one name are refused', async () => {
  const [composed, decomposed] = ['tëxt', 'tëxt'.normalize('NFD')] as [string, string];
  expect((await read('csv', `${decomposed},b\n1,2\n`, {}, [composed])).rows).toEqual(['1']);
  expect((await read('csv', `${composed};b\n1;2\n`, {}, [decomposed])).rows).toEqual(['1']);
  await expect(read('csv', `${composed},${decomposed}\n1,2\n`, {}, [composed])).rejects.toThrow(
    /two columns are called/,
  );
});
