// Texts of other scripts than Latin, in the encodings that files of them have: each becomes the same samples in every
// form of file, and labels and columns may be named in the script.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { inputsOf } from '#ortune/cli/predict-inputs.js';
import { labelsSpec, textColumns } from '#ortune/data/column-specs.js';
import { ofKind, textAt } from '#ortune/data/columns.js';
import { asUtf8 } from '#ortune/data/read/encoding.js';
import { readBlocks } from '#ortune/data/read/raw.js';
import type { RawRecord } from '#ortune/data/read/row.js';
import { Splits } from '#ortune/data/splits.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory('scripts');

interface Table {
  encoding: string;
  columns: [text: string, label: string];
  rows: [text: string, label: string][];
  csv: string;
  jsonl: string;
  tsv: string;
  json: string;
}
const tables: Table[] = JSON.parse(
  readFileSync(new URL('../../fixtures/encodings/tables.json', import.meta.url), 'utf8'),
);
const marks: Readonly<Record<string, readonly number[]>> = { 'utf-16le': [0xff, 0xfe], 'utf-16be': [0xfe, 0xff] };

let files = 0;
function write(ending: string, bytes: Uint8Array): string {
  const file = join(directory, `${files++}.${ending}`);
  writeFileSync(file, bytes);
  return file;
}

async function rowsOf(file: string, form: object = {}): Promise<{ rows: RawRecord['row'][]; notes: string[] }> {
  const [rows, notes]: [RawRecord['row'][], string[]] = [[], []];
  const note = (text: string): void => {
    notes.push(text);
  };
  for await (const block of readBlocks(file, { form, note })) rows.push(...block.map(({ row }) => row));
  return { rows, notes };
}

describe.each(tables)('$encoding', ({ encoding, columns, rows, csv, jsonl, tsv, json }) => {
  const [text, label] = columns;
  const expected = rows.map(([a, b]) => ({ [text]: a, [label]: b }));

  test.each([
    ['csv', csv],
    ['jsonl', jsonl],
    ['tsv', tsv],
    ['json', json],
  ])('%s by the option, also behind gzip', async (ending, table) => {
    const bytes = Buffer.from(table, 'base64');
    for (const file of [write(ending, bytes), write(`${ending}.gz`, gzipSync(bytes))])
      expect((await rowsOf(file, { encoding })).rows).toEqual(expected);
  });

  test('is refused without the option, with its place, or known by its mark or zeros', async () => {
    const bytes = Buffer.from(csv, 'base64');
    const mark = marks[encoding];
    if (!mark)
      await expect(rowsOf(write('csv', bytes))).rejects.toThrow(
        /\.csv:1: the bytes are not UTF-8 \(0x.* at byte \d+\); set option 'encoding'/,
      );
    for (const one of mark ? [Buffer.concat([Buffer.from(mark), bytes]), bytes] : []) {
      const found = await rowsOf(write('csv', one));
      expect(found.rows).toEqual(expected);
      expect(found.notes.join()).toMatch(/is read as UTF-16 \((little|big) endian\)/);
    }
  });

  test('is the same however the file is cut into pieces', async () => {
    const bytes = Buffer.from(jsonl, 'base64');
    // The first bytes are looked at together, so that cuts lie behind them.
    const long = Buffer.concat(Array.from({ length: Math.ceil(5000 / bytes.length) + 2 }, () => bytes));
    async function* pieces(size: number): AsyncGenerator<Buffer> {
      for (let at = 0; at < long.length; at += size) yield long.subarray(at, at + size);
    }
    const read = async (size: number): Promise<string> => {
      const parts: Buffer[] = [];
      for await (const part of asUtf8('file', pieces(size), encoding, () => {})) parts.push(part);
      return Buffer.concat(parts).toString();
    };
    const whole = await read(long.length);
    expect(JSON.parse(whole.slice(0, whole.indexOf('\n')))).toEqual(expected[0]);
    for (const size of [1, 2, 3, 7]) expect(await read(size), `${size} bytes`).toBe(whole);
  });
});

test('texts and labels of a file in GB18030 are samples, also streamed, with several labels of one text', async () => {
  const { columns, rows, csv, encoding } = tables[0]!;
  const file = write('csv', Buffer.from(csv, 'base64'));
  for (const streaming of [false, true]) {
    const data = await Splits.open({
      train: { files: [file] },
      columns: [
        ...textColumns({ textColumn: columns[0] }),
        labelsSpec({ labelColumn: columns[1], multiLabel: true, labelSeparator: '、' }),
      ],
      multiLabel: true,
      form: { encoding },
      streaming,
    });
    const found: string[] = [];
    for await (const { samples, slices } of data.train.rows({ batchSize: 2, seed: 0, epoch: 0, sequentialPass: true }))
      for (const [row, sample] of samples.entries()) found[sample] = textAt(ofKind(slices, 'text', 'text')!, row);
    expect(found).toEqual(rows.map(([text]) => text));
    expect(data.labels.names).toEqual(['正面', '负面']);
    await data.close();
  }
});

test('half a surrogate pair becomes a replacement character, and whole ones stay', async () => {
  const file = write(
    'jsonl',
    Buffer.from('{"text": "a\\ud83d b", "label": "x"}\n{"text": "\\ud83d\\ude00", "label": "y"}\n'),
  );
  const columns = textColumns({ textColumn: 'text', labelColumn: 'label' });
  const data = await Splits.open({ train: { files: [file] }, columns });
  const { table } = data.train;
  const texts = ofKind(table!.columns, 'text', 'text')!;
  expect([textAt(texts, 0), textAt(texts, 1)]).toEqual(['a\ufffd b', '😀']);
  await data.close();
});

test.each(tables)(
  'lines of a text file in $encoding are texts to predict',
  async ({ encoding, csv, columns, rows }) => {
    const file = write('txt', Buffer.from(csv, 'base64'));
    const config = { model: 'm', textColumn: 'text', encoding } as Parameters<typeof inputsOf>[2];
    const lines = [columns, ...rows].map((row) => row.join(','));
    const hooks = { signal: new AbortController().signal, onNote: () => {} };
    expect(await inputsOf('texts', [file], config, hooks)).toEqual(lines);
    if (!marks[encoding])
      await expect(inputsOf('texts', [file], { ...config, encoding: undefined }, hooks)).rejects.toThrow(
        /\.txt:1: the bytes are not UTF-8/,
      );
  },
);
