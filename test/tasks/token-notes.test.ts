// What is said of texts whose tokens do not carry all that was given, and the labels of a word's further pieces.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DataInput } from '#ortune/data/protocol.js';
import { Splits } from '#ortune/data/splits.js';
import { subset } from '#ortune/data/table.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { tokenClassification } from '#ortune/tasks/token-classification.js';
import { entitiesOf } from '#ortune/tasks/tokens/entities.js';
import { insideOf } from '#ortune/tasks/tokens/labels.js';
import { tokenNotes } from '#ortune/tasks/tokens/notes.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('token-notes');
const path = (name: string): string => join(directory, name);
const tokenizer = buildWordPiece(['anna met bernard in paris'], { vocabulary: 60, minFrequency: 1, maxLength: 24 });
const size = { layers: 1, hidden: 16, heads: 2, positions: 24, dropout: 0, tokenizer } as const;
writeEncoder(path('encoder'), { ...size, head: 'none' });

async function notesOf(name: string, rows: readonly object[], taken = [...rows.keys()]): Promise<string> {
  writeFileSync(path(name), rows.map((row) => JSON.stringify(row)).join('\n'));
  const train: DataInput = { files: [path(name)] };
  const columns = tokenClassification.columns({
    task: tokenClassification.name,
    wordsColumn: 'tokens',
    tagsColumn: 'tags',
  });
  const data = await Splits.open({ train, columns });
  try {
    const table = subset(data.train.table!, Uint32Array.from(taken));
    const notes = await tokenNotes({ directory: path('encoder'), maxLength: 24 }, 0, [table]);
    return notes.join('; ').replaceAll(directory, '');
  } finally {
    await data.close();
  }
}

const words = (...tokens: string[]): object => ({ tokens, tags: tokens.map((_, i) => (i % 2 === 0 ? 'B-PER' : 'O')) });

describe('notes', () => {
  it('count empty texts, and name the first', async () => {
    const rows = [words('anna', 'met'), words(), words('bernard'), { text: ' \n', label: [] }];
    expect(await notesOf('empty.jsonl', rows)).toMatch(/^2 of 4 texts are empty \(the first: \/empty\.jsonl:2\)[^;]*$/);
  });

  it('are an error where all texts are empty', async () => {
    const rows = [words('anna', 'met'), words(), words()];
    await expect(notesOf('none.jsonl', rows, [1, 2])).rejects.toThrow(
      /none\.jsonl:2: the text is empty, and so are all others of .*none\.jsonl/,
    );
  });

  it('count words without a token', async () => {
    const rows = [words('anna'), words('anna', '\u200b', 'met'), words('', 'paris', '\u200b')];
    expect(await notesOf('words.jsonl', rows)).toMatch(
      /makes no token of 3 words \(the first: '.*' in \/words\.jsonl:2\)/,
    );
  });

  it('count ranges that end within a token, with the first of them', async () => {
    const text = 'anna met bernard';
    const rows = [
      { text, label: [[0, 4, 'PER']] },
      {
        text,
        label: [
          [0, 4, 'PER'],
          [9, 11, 'PER'],
        ],
      },
    ];
    expect(await notesOf('ranges.jsonl', rows)).toMatch(
      /^1 of 3 ranges .* \(the first: \/ranges\.jsonl:2, 'be' in the token 'bernard'\)/,
    );
    expect(await notesOf('whole.jsonl', rows.slice(0, 1))).toBe('');
  });
});

describe('pieces behind the first of a word', () => {
  it.each([
    ['I-PER', ['O', 'B-PER', 'I-PER', 'E-PER', 'S-PER'], ['B-PER', 'I-PER', 'E-PER', 'S-PER']],
    ['I-PER', ['O', 'B-PER', 'I-PER', 'L-PER', 'U-PER'], ['B-PER', 'L-PER', 'U-PER']],
    ['E-PER', ['O', 'B-PER', 'E-PER', 'S-PER'], ['B-PER', 'E-PER', 'S-PER']],
    ['B-PER', ['O', 'B-PER', 'I-LOC'], ['B-PER']],
    ['VERB', ['NOUN', 'VERB'], ['VERB']],
    ['O', ['O', 'I-LOC'], ['O']],
  ])('are %s of the labels %j for %j', (inside, labels, tags) => {
    for (const tag of tags) expect(labels[insideOf(tag, labels)], tag).toBe(inside);
  });

  it('belong to the entity of their word, also where the word ends it', () => {
    const labels = ['O', 'S-PER', 'I-PER', 'E-PER', 'B-PER'];
    const piece = (word: number, start: number, label: number) => ({
      ...{ word, start, end: start + 1 },
      scores: Float64Array.from(labels, (_, k) => Number(k === label)),
    });
    const found = entitiesOf(
      [piece(0, 0, 1), piece(0, 1, 2), piece(1, 3, 1), piece(1, 4, 1), piece(2, 6, 4), piece(3, 8, 3), piece(3, 9, 2)],
      'ab cd e fg',
      labels,
      'simple',
    );
    expect(found.map(({ text }) => text)).toEqual(['ab', 'cd', 'e fg']);
  });
});
