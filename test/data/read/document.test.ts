// Text and Markdown files as one text each: encodings, hostile files, and what wants more than a text.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { textColumns } from '#ortune/data/column-specs.js';
import { readRaw } from '#ortune/data/read/raw.js';
import { readOptions, toRecord } from '#ortune/data/read/record.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory('documents');
const write = (name: string, content: string | Uint8Array): string => {
  const file = join(directory, name);
  writeFileSync(file, content);
  return file;
};

async function read(file: string, names: Parameters<typeof textColumns>[0] = { textColumn: 'text' }, form = {}) {
  const columns = textColumns(names);
  const notes: string[] = [];
  const records = [];
  for await (const raw of readRaw(file, { ...readOptions(columns), form, note: (text) => notes.push(text) }))
    records.push(toRecord(raw, file, columns).values.text);
  return { records, notes };
}

const page = '# A title\n\nFirst *words*,\nand more.\n\n- ünd ñ 漢\n';

describe('a document', () => {
  it.each([
    ['page.md', page],
    ['page.txt', page],
    ['PAGE.MARKDOWN', page.replaceAll('\n', '\r\n')],
    ['page.md.gz', gzipSync(page)],
    ['marked.txt', `\ufeff${page}`],
    ['wide.txt', Buffer.from(`\ufeff${page}`, 'utf16le')],
  ])('%s is one text as a whole', async (name, content) => {
    expect((await read(write(name, content))).records).toEqual([page]);
    expect((await read(join(directory, name), { textColumn: 'body' })).records).toEqual([page]);
  });

  it('in another encoding is read where the option says which', async () => {
    const file = write('latin.txt', Buffer.from('Stra\u00dfe, caf\u00e9', 'latin1'));
    await expect(read(file)).rejects.toThrow(
      "latin.txt:1: the bytes are not UTF-8 (0xdf at byte 4); set option 'encoding'",
    );
    expect((await read(file, undefined, { encoding: 'windows-1252' })).records).toEqual(['Straße, café']);
  });

  it.each([
    ['empty.txt', ''],
    ['blank.md', ' \n\n\t\n'],
    ['mark.txt', '\ufeff\n'],
  ])('%s holds no text, which is said', async (name, content) => {
    const { records, notes } = await read(write(name, content));
    expect(records).toEqual([]);
    expect(notes).toEqual([expect.stringContaining(`${name} holds no text and is left out`)]);
  });

  it.each([
    ['nul.txt', 'a line\nan\0other line of text\n', /nul\.txt:2: the line holds a NUL byte/],
    ['cut.md.gz', gzipSync(page.repeat(99)).subarray(0, 60), /cut\.md\.gz is damaged or not compressed/],
    ['long.txt', 'a'.repeat(65 * 1024 * 1024), /long\.txt:1: the line is longer than 64 MiB/],
  ])('%s is refused', async (name, content, message) => {
    await expect(read(write(name, content))).rejects.toThrow(message);
  });

  it('has no other column', async () => {
    const file = write('labelled.txt', page);
    await expect(read(file, { textColumn: 'text', labelColumn: 'label' })).rejects.toThrow(
      "no column 'label'; found 'text'",
    );
  });
});
