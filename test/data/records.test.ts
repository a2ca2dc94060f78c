import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readRecords } from '#ortune/data/records.js';
import { DataError, UsageError } from '#ortune/errors.js';

const directory = mkdtempSync(join(tmpdir(), 'ortune-records-'));
function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}
const columns = { text: 'text', label: 'label' };

describe('JSON lines', () => {
  test('are read with their lines; empty lines are skipped and a byte order mark is dropped', async () => {
    const path = file(
      'a.jsonl',
      '\ufeff{"text":"one","label":"ham"}\r\n\n{"text":"zwei ä","label":3}\n{"text":"","label":true}',
    );
    const { records } = await readRecords(path, columns);
    expect(records).toEqual([
      { text: 'one', label: 'ham', line: 1 },
      { text: 'zwei ä', label: '3', line: 3 },
      { text: '', label: 'true', line: 4 },
    ]);
  });

  test('longer than a read buffer, with letters of several bytes on its border, stay whole', async () => {
    const text = 'äöü€'.repeat(50_000);
    const path = file('long.jsonl', `${JSON.stringify({ text })}\n${JSON.stringify({ text: 'x' })}\n`);
    const { records } = await readRecords(path, { text: 'text' });
    expect(records.map((r) => r.text)).toEqual([text, 'x']);
  });

  test.each([
    ['{"text":"a","label":"b"}\n{"text":', /bad\.jsonl:2: not a JSON value/],
    ['{"text":"a","label":"b"}\n[1]\n', /bad\.jsonl:2: each line must be a JSON object, found a list/],
    ['{"text":"a","etikett":"b"}\n', /bad\.jsonl:1: no column 'label'; found 'text', 'etikett'/],
    ['{"text":7,"label":"b"}\n', /bad\.jsonl:1: column 'text' must be a text, found a value of type number/],
    ['{"text":"a","label":null}\n', /bad\.jsonl:1: column 'label' must hold a label .* found null/],
    ['{"text":"a","label":""}\n', /found nothing/],
    ['', /holds no records/],
    ['\n\n', /holds no records/],
  ])('%j is refused', async (content, message) => {
    const reading = readRecords(file('bad.jsonl', content), columns);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toBeInstanceOf(DataError);
  });
});

describe('CSV', () => {
  test('has quotes, separators and line breaks within fields; a record counts from its first line', async () => {
    const path = file('a.csv', '\ufefflabel,text\nham,"a, ""b""\nc"\n\nspam,d\n');
    const { records } = await readRecords(path, columns);
    expect(records).toEqual([
      { text: 'a, "b"\nc', label: 'ham', line: 2 },
      { text: 'd', label: 'spam', line: 5 },
    ]);
  });

  test('may be separated by tabs and hold pairs', async () => {
    const path = file('a.tsv', 'first\tsecond\tlabel\na\tb\t1\n');
    const { records } = await readRecords(path, { text: 'first', pair: 'second', label: 'label' });
    expect(records).toEqual([{ text: 'a', pair: 'b', label: '1', line: 2 }]);
  });

  test.each([
    ['text,label\na,b\nc\n', /bad\.csv:3: broken CSV record/],
    ['text,label\na,b\nc,"d\n', /bad\.csv:\d+: broken CSV record/],
    ['text,mark\na,b\n', /bad\.csv:2: no column 'label'; found 'text', 'mark'/],
    ['text,text\na,b\n', /names column 'text' twice/],
    ['text,label\n', /holds no records/],
  ])('%j is refused', async (content, message) => {
    await expect(readRecords(file('bad.csv', content), columns)).rejects.toThrow(message);
  });
});

test('a missing file, a folder and another format are refused', async () => {
  await expect(readRecords(join(directory, 'none.csv'), columns)).rejects.toThrow(/none\.csv cannot be read: ENOENT/);
  await expect(readRecords(join(directory, 'none.jsonl'), columns)).rejects.toBeInstanceOf(DataError);
  await expect(readRecords(file('a.txt', 'x'), columns)).rejects.toBeInstanceOf(UsageError);
});

test('bytes that are not UTF-8 are refused with the line', async () => {
  const bytes = Uint8Array.from([...Buffer.from('{"text":"a","label":"b"}\n{"text":"'), 0xe4, 0x22]);
  await expect(readRecords(file('latin.jsonl', bytes), columns)).rejects.toThrow(/not UTF-8/);
});

test('reading stops at the limit and at an abort', async () => {
  const path = file('many.jsonl', '{"text":"a"}\n'.repeat(10));
  expect((await readRecords(path, { text: 'text' }, { limit: 4 })).records).toHaveLength(4);
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(readRecords(path, { text: 'text' }, { signal })).rejects.toThrow();
});

test.each(['jsonl', 'csv'])('a corpus of 6,000 mails in %s leaves the event loop free', async (format) => {
  const text = 'Lorem ipsum, dolor "sit" amet.\n'.repeat(120);
  const rows = Array.from({ length: 6000 }, (_, i) => ({ text: `${i} ${text}`, label: i % 3 ? 'ham' : 'spam' }));
  const content =
    format === 'jsonl'
      ? rows.map((row) => JSON.stringify(row)).join('\n')
      : ['text,label', ...rows.map((r) => `"${r.text.replaceAll('"', '""')}",${r.label}`)].join('\n');
  const path = file(`corpus.${format}`, content);
  const turns: number[] = [];
  let since = process.cpuUsage();
  let reading = true;
  const turn = (): void => {
    const { user, system } = process.cpuUsage(since);
    turns.push((user + system) / 1000);
    since = process.cpuUsage();
    if (reading) setImmediate(turn);
  };
  setImmediate(turn);
  const { records } = await readRecords(path, columns);
  reading = false;
  expect(records).toHaveLength(6000);
  expect(records[5999]!.text).toBe(rows[5999]!.text);
  // Processor time of each turn in milliseconds, since a busy machine stretches the time on the clock.
  turns.sort((a, b) => b - a);
  expect(turns.length).toBeGreaterThan(500);
  expect(turns[0]).toBeLessThan(50);
  expect(turns[Math.floor(turns.length / 1000)]).toBeLessThan(20);
});
