// Texts with entities in files beside JSON: lists of structs in Parquet, and CoNLL files, also named .txt.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { ReadForm } from '#ortune/data/read/form.js';
import { readForm } from '#ortune/data/read/forms.js';
import { readRaw } from '#ortune/data/read/raw.js';
import { readOptions } from '#ortune/data/read/record.js';
import { tokenClassification } from '#ortune/tasks/token-classification.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory('entities');
const write = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(directory, name), content);
  return join(directory, name);
};

/** What the form makes of the rows of a file. */
async function entitiesOf(file: string, spansColumn?: string, more: { tagsColumn?: string; form?: ReadForm } = {}) {
  const { form, tagsColumn = 'tags' } = more;
  const columns = tokenClassification.columns({
    task: 'token-classification',
    wordsColumn: 'tokens',
    tagsColumn,
    spansColumn,
  });
  const notes: string[] = [];
  const values = [];
  for await (const { row, line } of readRaw(file, { ...readOptions(columns), form, note: (text) => notes.push(text) }))
    values.push(readForm(columns[0]!.form!, row, `file:${line}`).values);
  return { values, notes: notes.join('; ').replaceAll(directory, '') };
}

const parquet = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/parquet/${name}.parquet`, import.meta.url));

test.each([
  ['lists of structs', 'spans', 'ents'],
  ['structs of lists', 'spans', 'lists'],
])('ranges in Parquet are %s', async (_, file, column) => {
  expect((await entitiesOf(parquet(file), column)).values).toMatchObject([
    {
      text: 'Ann 😀 met Bo',
      spans: [
        [0, 3],
        [11, 13],
      ],
      spanTags: ['O', 'B-PER', 'I-PER', 'B-PER', 'I-PER'],
    },
    { text: 'nobody', spans: [], spanTags: ['O'] },
    { text: 'to Oslo', spans: [[3, 7]], spanTags: ['O', 'B-LOC', 'I-LOC'] },
  ]);
});

test('a column of ranges that holds none is refused by name', async () => {
  await expect(entitiesOf(parquet('spans'), 'text')).rejects.toThrow(/column 'text' must be a list of ranges/);
  await expect(readRaw(parquet('spans'), { columns: ['ents'] }).next()).rejects.toThrow(/nested \(a struct/);
});

const sentences = 'Ännchen N B-PER\nschläft V O\n\nBo N B-PER\n';

test.each([
  ['.txt', sentences, {}],
  ['.txt.gz', gzipSync(sentences), {}],
  ['.txt', Buffer.from(sentences, 'latin1'), { encoding: 'windows-1252' }],
  ['.txt', Buffer.from(sentences, 'utf16le'), { encoding: 'utf-16' }],
])('a file named %s is one of CoNLL, and it is said', async (ending, content, form) => {
  const { values, notes } = await entitiesOf(write(`words${ending}`, content), undefined, { form });
  expect(values).toMatchObject([
    { words: ['Ännchen', 'schläft'], tags: ['B-PER', 'O'] },
    { words: ['Bo'], tags: ['B-PER'] },
  ]);
  expect(notes).toMatch(/^\/words\.txt(\.gz)? is read as a CoNLL file: a token a line, 3 columns/);
});

test('of other tasks a .txt is one text', async () => {
  expect((await readRaw(write('a.txt', sentences)).next()).value).toEqual({ row: { text: sentences }, line: 1 });
});

test('columns that are not there are refused, in place of others', async () => {
  const file = write('narrow.txt', '\nBo\n');
  await expect(entitiesOf(file)).rejects.toThrow(/narrow\.txt:2: the token has 1 column, expected at least 2/);
  const three = write('three.conll', sentences);
  await expect(entitiesOf(three, undefined, { tagsColumn: '4' })).rejects.toThrow(/conll:1: .* 3 columns, .* 4/);
  const { values } = await entitiesOf(three, undefined, { tagsColumn: '2' });
  expect(values).toMatchObject([{ tags: ['N', 'V'] }, { tags: ['N'] }]);
});
