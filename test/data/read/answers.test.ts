// Rows of questions with answers: SQuAD's JSON, flat rows, a Parquet file with a struct; and what is refused, by its
// place.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { readForm } from '#ortune/data/read/forms.js';
import { readRaw } from '#ortune/data/read/raw.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory('answer-rows');
const form = { kind: 'answers', names: { text: 'question', pair: 'context', answers: 'answers' } } as const;
const context = 'Ann 😀 met Bo in Rome';
const row = { id: 'q7', question: 'where', context, answers: { text: ['Rome'], answer_start: [16] } };
const read = (given: object) => readForm(form, { ...row, ...given }, 'a.jsonl:3').values.answers;

it.each([
  [
    'code points, as SQuAD does',
    { text: ['Rome', 'in Rome'], answer_start: [16, 13] },
    [
      [17, 21],
      [14, 21],
    ],
  ],
  ['UTF-16 units', { text: ['Rome'], answer_start: [17] }, [[17, 21]]],
  ['a list of answers', [{ text: 'Bo', answer_start: 10n }], [[11, 13]]],
  ['one answer', { text: 'Ann', answer_start: 0 }, [[0, 3]]],
  ['none', { text: [], answer_start: [] }, []],
])('answers are ranges of the text: %s', (_, answers, expected) => {
  expect(read({ answers })).toEqual(expected);
});

it('questions that are said to be impossible have none; without targets answers are not looked at', () => {
  expect(read({ answers: [{ text: 'Rome', answer_start: 16 }], is_impossible: true })).toEqual([]);
  expect(readForm(form, { question: ' who', context }, 'a:1', ['text', 'pair']).values).toEqual({
    text: 'who',
    pair: context,
  });
});

it.each([
  [
    { answers: [{ text: 'zoe', answer_start: 3 }] },
    /a\.jsonl:3 \('q7'\): answer 'zoe' is not in the context at 3, where it has .*, nor anywhere else/,
  ],
  [{ answers: { text: ['Ann'], answer_start: [1] } }, /not in the context at 1, .*; it is at 0: correct answer_start/],
  [{ answers: { text: ['Ann'], answer_start: [] } }, /answers has 1 texts and 0 numbers in answer_start/],
  [{ answers: [{ text: '', answer_start: 0 }] }, /must have a text and answer_start, .*; found '' and the number 0/],
  [{ answers: [{ text: 'Ann', answer_start: -1 }] }, /found 'Ann' and the number -1/],
  [{ answers: 'Ann' }, /answers must be a list of \{ text, answer_start \}/],
  [{ answers: undefined }, /no column 'answers'.*a question without an answer has an empty list/],
  [{ question: ' ' }, /a\.jsonl:3 \('q7'\): the question is empty/],
  [{ question: 7 }, /column 'question' must be a text, found the number 7/],
  [{ context: ' ' }, /the text that holds the answers is empty/],
])('refused: %j', (given, says) => {
  expect(() => read(given)).toThrow(says);
});

it('are taken out of articles and paragraphs of SQuAD, and out of structs of Parquet', async () => {
  const file = join(directory, 'squad.json');
  const qas = [
    { id: '1', question: 'who', answers: [] },
    { id: '2', question: 'where', answers: [] },
  ];
  writeFileSync(file, JSON.stringify({ version: '1.1', data: [{ title: 't', paragraphs: [{ context, qas }] }] }));
  const rows = [];
  for await (const { row, line } of readRaw(file)) rows.push({ line, ...row });
  expect(rows).toEqual(qas.map((qa, i) => ({ line: i + 1, title: 't', context, ...qa })));
  const parquet = fileURLToPath(new URL('../../fixtures/parquet/answers.parquet', import.meta.url));
  const found = [];
  for await (const { row } of readRaw(parquet, { columns: ['question', 'answers'], structs: ['answers'] }))
    found.push(row);
  expect(found).toEqual([
    { question: 'where', answers: { text: ['Rome', 'in Rome'], answer_start: [16, 13] } },
    { question: 'when', answers: { text: [], answer_start: [] } },
  ]);
  await expect(readRaw(parquet, { columns: ['answers'] }).next()).rejects.toThrow(/nested \(a struct/);
});
