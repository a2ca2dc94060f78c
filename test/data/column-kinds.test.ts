// Columns beside single texts and classes: lists of texts with their tags, numbers and tensors, from tables and from
// files of tensors; what goes to the encoding threads of them.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type ColumnSpec, ofKind, textsAt } from '#ortune/data/columns.js';
import type { Samples } from '#ortune/data/samples.js';
import { Splits, type SplitsOptions } from '#ortune/data/splits.js';
import { TensorReader } from '#ortune/data/tensor-reader.js';
import { DataError } from '#ortune/errors.js';
import { float32, int64, writeSafetensors } from '../support/safetensors.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('kinds');
const opened: Splits[] = [];
afterEach(async () => {
  for (const data of opened.splice(0)) await data.close();
});

function write(name: string, rows: readonly object[]): string {
  const file = join(directory, name);
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
}

async function open(file: string, columns: readonly ColumnSpec[], more: Partial<SplitsOptions> = {}): Promise<Splits> {
  const data = await Splits.open({ train: { files: [file] }, columns, sampling: 'sequential', ...more });
  opened.push(data);
  return data;
}

/** The first batch. */
async function first({ train }: Splits, batchSize = 8): Promise<Samples> {
  for await (const samples of train.rows({ batchSize, seed: 0, epoch: 0, sequentialPass: true })) return samples;
  throw new Error('there are no samples');
}

const tagged: readonly ColumnSpec[] = [
  { role: 'text', kind: 'texts', name: 'words' },
  { role: 'tags', kind: 'classes', name: 'tags', each: 'text' },
];
const sentences = [
  { words: ['Anna', 'lives', 'in', 'Köln'], tags: ['PER', 'O', 'O', 'LOC'] },
  { words: [], tags: [] },
  { words: ['yes'], tags: ['O'] },
  { words: ['New', 'York'], tags: ['LOC', null] },
];

/** Words and tags of a batch. */
const wordsAndTags = ({ samples, slices }: Samples, names: readonly string[]) => {
  const words = ofKind(slices, 'text', 'texts')!;
  const { values, offsets } = ofKind(slices, 'tags', 'classes')!;
  return Array.from(samples, (_, row) => ({
    words: textsAt(words, row),
    tags: [...values.subarray(offsets[row], offsets[row + 1])].map((tag) => names[tag] ?? null),
  }));
};

describe('lists of texts with a tag each', () => {
  test('are those of the file, in memory and streamed, and may be split', async () => {
    const file = write('tags.jsonl', sentences);
    const data = await open(file, tagged);
    expect(data.labels.names).toEqual(['LOC', 'O', 'PER']);
    expect(data.classCounts).toEqual([2, 3, 1]);
    expect(wordsAndTags(await first(data), data.labels.names)).toEqual(sentences);
    const streamed = await open(file, tagged, { streaming: true });
    expect(wordsAndTags(await first(streamed), data.labels.names)).toEqual(sentences);
    expect([streamed.train.hash, streamed.classCounts]).toEqual([data.train.hash, data.classCounts]);
    const other = await open(file, tagged, { modelLabels: ['O', 'PER', 'LOC'] });
    expect(other.labels.names).toEqual(['O', 'PER', 'LOC']);
    expect(wordsAndTags(await first(other), ['O', 'PER', 'LOC'])).toEqual(sentences);
    const split = await open(file, tagged, { evalSplit: 0.5 });
    const parts = [split.train, split.eval!].map(async (train) => first({ train } as Splits));
    const all = (await Promise.all(parts)).flatMap((samples) => wordsAndTags(samples, split.labels.names));
    expect(all).toHaveLength(4);
    expect(all).toEqual(expect.arrayContaining(sentences));
  });

  test('may be ids, with -100 for none, against classes that are given', async () => {
    const file = write('ids.jsonl', [{ words: ['a', 'b', 'c'], tags: [2, -100, 0] }]);
    const data = await open(file, tagged, { labelNames: ['O', 'PER', 'LOC'] });
    expect([...ofKind((await first(data)).slices, 'tags', 'classes')!.values]).toEqual([2, -100, 0]);
    await expect(open(file, tagged, { labelNames: ['O', 'PER'] })).rejects.toThrow(/ids\.jsonl:1: unknown label '2'/);
  });

  test('are refused where their numbers differ, and where they are none, by their line', async () => {
    const uneven = open(write('uneven.jsonl', [...sentences, { words: ['a', 'b'], tags: ['O'] }]), tagged);
    await expect(uneven).rejects.toThrow(
      /uneven\.jsonl:5: column 'tags' has 1 labels and column 'words' 2 texts; give each text one/,
    );
    await expect(uneven).rejects.toBeInstanceOf(DataError);
    await expect(open(write('text.jsonl', [{ words: 'a b', tags: ['O'] }]), tagged)).rejects.toThrow(
      /text\.jsonl:1: column 'words' must be a list of texts, found a value of type string/,
    );
    await expect(open(write('odd.jsonl', [{ words: ['a'], tags: [''] }]), tagged)).rejects.toThrow(
      /odd\.jsonl:1: column 'tags' must be a list of labels .* found a list with nothing/,
    );
  });
});

const measured: readonly ColumnSpec[] = [
  { role: 'series', kind: 'tensor', name: 'series' },
  { role: 'label', kind: 'numbers', name: 'targets' },
];
const grid = (i: number): number[][] => [
  [i, 1],
  [2, i / 2],
  [0, -1],
];

/** Tensors and numbers of a batch. */
const numbersOf = ({ samples, slices }: Samples) => {
  const [series, targets] = [ofKind(slices, 'series', 'tensor')!, ofKind(slices, 'label', 'numbers')!];
  const reader = new TensorReader();
  const rows = Array.from(samples, (_, row) => [...new Float32Array(reader.bytes(series, row).slice().buffer)]);
  reader.close();
  return { shape: series.shape, rows, targets: [...targets.values], width: targets.width };
};

describe('numbers', () => {
  const count = 3;
  const rows = Array.from({ length: count }, (_, i) => ({ series: grid(i), targets: [i, 0.5] }));
  const expected = {
    shape: [3, 2],
    rows: rows.map(({ series }) => series.flat()),
    targets: rows.flatMap(({ targets }) => targets),
    width: 2,
  };

  test('of a table are those of a file of tensors', async () => {
    const table = await open(write('numbers.jsonl', rows), measured);
    expect(numbersOf(await first(table))).toEqual(expected);
    expect(table.train.location(1)).toMatch(/numbers\.jsonl:2$/);
    const streamed = await open(write('numbers.jsonl', rows), measured, { streaming: true });
    expect(numbersOf(await first(streamed))).toEqual(expected);
    const file = writeSafetensors(join(directory, 'numbers.safetensors'), {
      series: float32([count, 3, 2], expected.rows.flat()),
      targets: float32([count, 2], expected.targets),
    });
    const tensors = await open(file, measured);
    expect(numbersOf(await first(tensors))).toEqual(expected);
    expect(tensors.train.location(1)).toMatch(/numbers\.safetensors:row 1$/);
    expect(tensors.train.hash).toBe(table.train.hash);
  });

  test('may stand beside classes in a file of tensors', async () => {
    const columns: readonly ColumnSpec[] = [
      { role: 'series', kind: 'tensor', name: 'x' },
      { role: 'label', kind: 'class', name: 'y' },
    ];
    const file = writeSafetensors(
      join(directory, 'classes.safetensors'),
      { x: float32([2, 1], [5, 6]), y: int64([2], [1, 0]) },
      { label_names: 'up,down' },
    );
    const data = await open(file, columns);
    const classes = ofKind((await first(data)).slices, 'label', 'class')!.values;
    expect(Array.from(classes, (one) => data.labels.names[one])).toEqual(['down', 'up']);
    await expect(open(file, [{ role: 'x', kind: 'tensor', name: 'z' }])).rejects.toThrow(/there is no tensor 'z'/);
  });

  test('are refused where lengths and shapes differ', async () => {
    await expect(open(write('width.jsonl', [...rows, { series: grid(0), targets: 1 }]), measured)).rejects.toThrow(
      /width\.jsonl:4: column 'targets' has 1 numbers, the rows before have 2/,
    );
    await expect(open(write('shape.jsonl', [...rows, { series: [1], targets: [1, 2] }]), measured)).rejects.toThrow(
      /shape\.jsonl:4: column 'series' has the shape \[1\], the rows before have \[3,2\]/,
    );
    await expect(open(write('ragged.jsonl', [{ series: [[1], [1, 2]], targets: [1] }]), measured)).rejects.toThrow(
      /ragged\.jsonl:1: column 'series' must be a list of numbers, or lists of equal length/,
    );
    await expect(open(write('words.jsonl', [{ series: [1], targets: ['x'] }]), measured)).rejects.toThrow(
      /words\.jsonl:1: column 'targets' must be a number or a list of numbers, found a list with 'x'/,
    );
  });
});

test('lists of a Parquet file are those of a JSONL file with the same rows', async () => {
  const fixtures = join(import.meta.dirname, '../fixtures/parquet');
  const rows: object[] = JSON.parse(readFileSync(join(fixtures, 'lists.json'), 'utf8'));
  const columns: readonly ColumnSpec[] = [
    { role: 'text', kind: 'texts', name: 'words' },
    { role: 'tags', kind: 'classes', name: 'names' },
    { role: 'x', kind: 'numbers', name: 'row' },
    { role: 'grid', kind: 'tensor', name: 'grid' },
  ];
  const [jsonl, parquet] = [
    await open(write('lists.jsonl', rows), columns),
    await open(join(fixtures, 'lists-pages.parquet'), columns),
  ];
  expect(parquet.labels.names).toEqual(['LOC', 'PER']);
  expect([parquet.train.samples, parquet.train.hash]).toEqual([40, jsonl.train.hash]);
});
