// Labels that are more than one class, in every form that a table may have them: what becomes of them, and what is
// refused, with its place.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type LabelForm, labelsSpec, textColumns } from '#ortune/data/column-specs.js';
import { writeLabels } from '#ortune/data/encode.js';
import { oddClasses } from '#ortune/data/label-notes.js';
import { LabelSet } from '#ortune/data/labels.js';
import { toRecord } from '#ortune/data/read/record.js';
import { Slot, slotLayout } from '#ortune/data/slots.js';
import { openDataset, Splits, type SplitsOptions } from '#ortune/data/splits.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('label-targets');
const names = ['food', 'sport', 'war'];
const held = [['war', 'food'], [], ['sport'], ['food', 'sport', 'war']];
const dense = held.flatMap((labels) => names.map((name) => Number(labels.includes(name))));
const texts = ['one', 'two', 'three', 'four'];

function write(name: string, lines: readonly string[]): string {
  const file = join(directory, name);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}
const jsonl = (name: string, rows: readonly object[]): string =>
  write(
    name,
    rows.map((row) => JSON.stringify(row)),
  );

type Form = Partial<LabelForm>;
const columnsOf = (form: Form) => [
  ...textColumns({ textColumn: 'text' }),
  labelsSpec({ labelColumn: 'labels', ...form }),
];

async function read(
  train: SplitsOptions['train'] | string,
  form: Form,
  more: Partial<SplitsOptions> = {},
): Promise<{ labels: readonly string[]; rows: number[]; notes: readonly string[]; counts: readonly number[] }> {
  const input = typeof train === 'string' ? { files: [train] } : train;
  const { multiLabel } = form;
  const data = await Splits.open({ train: input, columns: columnsOf(form), multiLabel, ...more });
  try {
    return { ...(await rowsOf(data.train, data.labels.size)), labels: data.labels.names, notes: data.notes };
  } finally {
    await data.close();
  }
}

/** Rows as a table takes them. */
const records = (rows: readonly object[], form: Form) =>
  rows.map((row, i) => toRecord({ row: { text: 'x', ...row }, line: i + 1 }, 'bad.jsonl', columnsOf(form)));

/** The targets of all samples, as a batch has them. */
async function rowsOf(data: Splits['train'], size: number): Promise<{ rows: number[]; counts: readonly number[] }> {
  const fields = [
    { name: 'labels', dtype: 'float32', shape: ['batch', size] },
    { name: 'sample_weights', dtype: 'float32', shape: ['batch'] },
  ] as const;
  const slot = new Slot(slotLayout(fields, 8));
  const all: number[][] = [];
  for await (const { samples, slices, weights } of data.rows({
    batchSize: 8,
    seed: 0,
    epoch: 0,
    sequentialPass: true,
  })) {
    writeLabels(slot, { slices, weights });
    const written = [...(slot.field('labels')! as Float32Array)];
    for (const [row, sample] of samples.entries()) all[sample] = written.slice(row * size, (row + 1) * size);
  }
  return { rows: all.flat(), counts: data.classCounts };
}

const numbered = (row: number): number[] => dense.slice(3 * row, 3 * row + 3);
const asRows = texts.map((text, i) => ({ text, labels: held[i] }));
const csv = write('columns.csv', [
  'text,war,food,sport',
  ...texts.map((text, i) => `${text},${[numbered(i)[2], numbered(i)[0], numbered(i)[1]]}`),
]);
const parquet = join(import.meta.dirname, '../fixtures/parquet/labels.parquet');

describe('several labels', () => {
  const forms: [string, () => SplitsOptions['train'] | string, Form][] = [
    ['lists in JSONL', () => jsonl('lists.jsonl', asRows), {}],
    ['lists in Parquet', () => parquet, {}],
    ['rows of a program', () => ({ name: 'train', rows: asRows }), {}],
    ['a function of a program', () => ({ name: 'train', rowsOf: () => asRows }), {}],
    [
      'a text with a separator',
      () => write('joined.csv', ['text,labels', ...texts.map((text, i) => `${text},${held[i]!.join(' | ')}`)]),
      { labelSeparator: '|' },
    ],
    ['a column for each in Parquet', () => parquet, { labelColumns: names }],
    [
      'numbers in lists in JSONL',
      () =>
        jsonl(
          'rows.jsonl',
          texts.map((text, i) => ({ text, labels: numbered(i) })),
        ),
      { labelRows: true },
    ],
  ];
  test.each(forms)('%s', async (_, make, form) => {
    const more = { labelNames: form.labelRows ? names : undefined };
    const found = await read(make(), { ...form, multiLabel: true }, more);
    expect(found).toMatchObject({ labels: names, rows: dense, counts: [2, 2, 2] });
  });

  test('are the same where files are streamed', async () => {
    for (const form of [{ multiLabel: true }, { multiLabel: true, labelColumns: names }])
      expect(await read(parquet, form, { streaming: true })).toMatchObject({ labels: names, rows: dense });
  });

  test('of columns in CSV are in the order of the columns', async () => {
    const found = await read(csv, { labelColumns: ['war', 'food', 'sport'], multiLabel: true });
    const turned = held.flatMap((_, i) => [numbered(i)[2], numbered(i)[0], numbered(i)[1]]);
    expect(found).toMatchObject({ labels: ['war', 'food', 'sport'], rows: turned });
  });

  test('of columns are those of a model by name, in training and in evaluation', async () => {
    const form = { labelColumns: ['war', 'food', 'sport'], multiLabel: true };
    expect(await read(csv, form, { modelLabels: names })).toMatchObject({ labels: names, rows: dense });
    const opened = await openDataset({
      train: { files: [csv] },
      columns: columnsOf(form),
      classes: names,
      multiLabel: true,
    });
    expect((await rowsOf(opened.data, 3)).rows).toEqual(dense);
    await opened.close();
  });

  test('that the model has not are refused', async () => {
    const columns = columnsOf({ labelColumns: ['war', 'food', 'sport'], multiLabel: true });
    const opened = openDataset({
      train: { files: [csv] },
      columns,
      classes: ['war', 'food', 'arts'],
      multiLabel: true,
    });
    await expect(opened).rejects.toThrow(/columns\.csv: unknown label 'sport'; the model's 3 classes are/);
  });

  test('may be shares of certainty, and booleans', async () => {
    const file = write('shares.csv', ['text,a,b', 'one,True,0.25', 'two,false,1']);
    const found = await read(file, { labelColumns: ['a', 'b'], multiLabel: true });
    expect(found.rows).toEqual([1, 0.25, 0, 1]);
  });

  test('of a model, by the numbers that a data set gives them', async () => {
    const file = jsonl('ids.jsonl', [
      { text: 'one', labels: [2, 0] },
      { text: 'two', labels: [1] },
    ]);
    const found = await read(file, { multiLabel: true }, { labelNames: names });
    expect(found).toMatchObject({ labels: names, rows: [1, 0, 1, 0, 1, 0] });
  });
});

describe('soft labels', () => {
  const file = jsonl('soft.jsonl', [
    { text: 'one', labels: [0.5, 0.25, 0.25], label: 'a' },
    { text: 'two', labels: [0, 0, 1], label: 'b' },
  ]);

  test('are probabilities of the classes that labelNames names', async () => {
    const found = await read(file, { labelRows: true }, { labelNames: names });
    expect(found).toMatchObject({ labels: names, rows: [0.5, 0.25, 0.25, 0, 0, 1] });
  });

  test('are numbered where nothing names them, and the model names them where it has as many, which is said', async () => {
    expect((await read(file, { labelRows: true })).labels).toEqual(['0', '1', '2']);
    const found = await read(file, { labelRows: true }, { modelLabels: names });
    expect(found.labels).toEqual(names);
    expect(found.notes).toContainEqual(expect.stringMatching(/nothing names the 3 numbers of each sample/));
  });

  test.each([
    [[0.5, 0.25], /bad\.jsonl:1: the probabilities of the classes add up to 0\.75, expected 1; .*multiLabel/],
    [[1.5, -0.5], /bad\.jsonl:1: column 'labels' has 1\.5, expected a number from 0 to 1/],
    ['a', /bad\.jsonl:1: column 'labels' must be a number or a list of numbers, found 'a'/],
    [[], /bad\.jsonl:1: column 'labels' must be a number or a list of numbers, found an empty list/],
  ])('%j are refused', (labels, message) => {
    expect(() => records([{ labels }], { labelRows: true })).toThrow(message);
  });

  test('of unequal number, or of one class, are refused', async () => {
    const rows = [[0.5, 0.5], [1]].map((labels) => ({ text: 'x', labels }));
    await expect(read(jsonl('uneven.jsonl', rows), { labelRows: true })).rejects.toThrow(
      /uneven\.jsonl:2: column 'labels' has 1 numbers, the rows before have 2/,
    );
    await expect(read(jsonl('one.jsonl', rows.slice(1)), { labelRows: true })).rejects.toThrow(
      /one\.jsonl: column 'labels' has one number for each sample/,
    );
  });

  test('of another number than labelNames has are refused', async () => {
    await expect(read(file, { labelRows: true }, { labelNames: ['a', 'b'] })).rejects.toThrow(
      /column 'labels' has 3 numbers for each sample, and there are 2 names of them: 'a', 'b'/,
    );
  });
});

describe('scores', () => {
  test('are numbers, or texts of numbers', async () => {
    const rows = [0.5, -1.25, 3, 0];
    expect(await read(parquet, { labelColumn: 'score', regression: true })).toMatchObject({ labels: ['score'], rows });
    const file = write('scores.csv', ['text,labels', 'one,0.5', 'two,-1.25', 'three,3.0', 'four," 0 "']);
    expect(await read(file, { regression: true })).toMatchObject({ labels: ['labels'], rows });
  });

  test('of several columns are called like these', async () => {
    const file = write('two.csv', ['text,x,y', 'one,0.5,1e3', 'two,-1,2']);
    const found = await read(file, { regression: true, labelColumns: ['x', 'y'] });
    expect(found).toMatchObject({ labels: ['x', 'y'], rows: [0.5, 1000, -1, 2] });
  });

  test.each([
    ['NaN', /bad\.jsonl:2: column 'labels' must be a number or a list of numbers, found 'NaN'/],
    ['', /found nothing/],
    [null, /found null/],
    [1e39, /found 1e\+39, which is more than float32 holds/],
    ['inf', /found 'inf'/],
    ['1e39', /found '1e39'/],
    ['1,5', /found '1,5'/],
    ['good', /found 'good'/],
  ])('%j is refused', (labels, message) => {
    expect(() => records([{ labels: '1' }, { labels }], { regression: true })).toThrow(message);
  });

  test('that are lists in columns of their own are refused', () => {
    expect(() => records([{ a: [1], b: 2 }], { regression: true, labelColumns: ['a', 'b'] })).toThrow(
      /bad\.jsonl:1: column 'a' must be a number, found a list/,
    );
  });
});

describe('lists of labels', () => {
  test.each([
    [['a', ''], {}, /bad\.jsonl:2: column 'labels' must be a list of the labels that hold .*found a list with nothing/],
    [['a', null], {}, /found a list with null/],
    [['a', 'b', 'a'], {}, /bad\.jsonl:2: column 'labels' has the label 'a' twice; name each label that holds once/],
    [[1, 0, 1], {}, /has the label '1' twice; if the list is a number for each label, from 0 to 1, set labelRows/],
    ['a,b', {}, /found the text 'a,b'; say with labelSeparator what stands between them/],
    ['a,,b', { labelSeparator: ',' }, /found a list with nothing/],
    [{ a: 1 }, {}, /found a value of type object/],
  ])('%j are refused', (labels, form, message) => {
    const rows = [{ labels: ['a', 'b'] }, { labels }];
    expect(() => records(rows, { ...form, multiLabel: true })).toThrow(message);
  });

  test('are no class, and what to set is said', () => {
    expect(() => records(asRows, {})).toThrow(
      /bad\.jsonl:1: column 'labels' must hold a label .*found a list\. Where several labels may hold at once set multiLabel/,
    );
  });
});

describe('one class', () => {
  const notesOf = (names: readonly string[]): string => {
    const classes = new LabelSet(names);
    const met = { classes, counts: names.map(() => 9), samples: 9 * names.length, files: [], column: 'labels' };
    return [...oddClasses(met)].join('\n');
  };

  test('that looks like several labels is said', () => {
    expect(notesOf(['a', 'b', 'a,b'])).toMatch(
      /1 of 3 classes is others joined by ',': 'a,b'\. .*set multiLabel and labelSeparator/,
    );
    expect(notesOf(['a', 'b', 'a,c'])).toBe('');
  });

  test('that looks like a score is said', () => {
    expect(notesOf(['0.5', '1.5', '2'])).toMatch(/numbers with fractions.*set regression/);
    expect(notesOf(['1.0', '0.0'])).toBe('');
  });
});
