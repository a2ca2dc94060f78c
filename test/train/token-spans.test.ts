// Token classification beyond rows of words: CoNLL files, exports with ranges of characters, texts longer than the
// model, entities with their places, and what is refused, each with its place.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env, pipeline } from '@xenova/transformers';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '#ortune/commands/predict.js';
import { readForm } from '#ortune/data/read/forms.js';
import { readRaw } from '#ortune/data/read/raw.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import type { TokenPrediction, TokenResult } from '#ortune/tasks/token-classification.js';
import { entitiesOf } from '#ortune/tasks/tokens/entities.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { temporaryDirectory } from '../support/temporary.js';

env.allowRemoteModels = false;

const directory = temporaryDirectory('spans');
const path = (name: string): string => join(directory, name);
const write = (name: string, text: string): string => {
  writeFileSync(path(name), text);
  return path(name);
};
const jsonl = (name: string, rows: readonly object[]): string =>
  write(name, rows.map((row) => JSON.stringify(row)).join('\n'));

const names = ['anna', 'bernard', 'carla', 'dmitri'];
const places = ['paris', 'quito', 'rome'];
const plain = ['saw', 'the', 'old', 'house', 'and', 'left', 'for', 'met'];

/** 'anna saw the house, paris' as a text with ranges, as doccano has them. */
function sample(i: number, length = 5): { text: string; label: [number, number, string][] } {
  const words: string[] = [];
  const label: [number, number, string][] = [];
  for (let k = 0, at = 0; k < length; k++) {
    const list = k % 3 === 0 ? names : k % 3 === 1 ? plain : places;
    const word = list[(i * 7 + k * 5) % list.length]!;
    if (list !== plain) label.push([at, at + word.length, list === names ? 'PER' : 'LOC']);
    words.push(word);
    at += word.length + 1;
  }
  return { text: words.join(' '), label };
}

const rows = Array.from({ length: 80 }, (_, i) => sample(i));
const tokenizer = buildWordPiece(
  rows.map(({ text }) => text),
  { vocabulary: 45, minFrequency: 1, maxLength: 24 },
);
const size = { layers: 1, hidden: 32, heads: 2, positions: 24, dropout: 0, tokenizer } as const;

describe('texts with ranges', () => {
  const options = {
    task: 'token-classification',
    model: path('encoder'),
    output: path('run'),
    epochs: 8,
    batchSize: 8,
    learningRate: 1e-2,
    threads: 1,
    stride: 8,
  } as const;
  const long = Array.from({ length: 6 }, (_, i) => sample(i, 40));
  // Later positions are learnt from long texts.
  const training = [...rows, ...Array.from({ length: 16 }, (_, i) => sample(i + 7, 40))];

  beforeAll(async () => {
    writeEncoder(path('encoder'), { ...size, head: 'none' });
    const dev = jsonl('dev.jsonl', [...rows.slice(0, 12), ...long]);
    await new Trainer({ ...options, train: jsonl('train.jsonl', training), eval: dev }).run();
  });

  it('are learnt; texts longer than the model are measured whole, in windows', async () => {
    const found = await evaluate({ task: options.task, model: path('run/model'), data: path('dev.jsonl'), stride: 8 });
    const metrics = found.metrics as unknown as TokenResult;
    expect(metrics).toMatchObject({ samples: 18, scheme: 'IOB2' });
    expect(found.truncated).toBe(0);
    expect(metrics.support).toBe([...rows.slice(0, 12), ...long].reduce((sum, { label }) => sum + label.length, 0));
    expect(metrics.f1).toBeGreaterThan(0.95);
    expect(metrics.strict!.f1).toBeGreaterThan(0.95);
    expect(metrics.types!.map(({ type }) => type)).toEqual(['LOC', 'PER']);
    expect(found.notes.join()).toMatch(/read as an export of doccano/);
  });

  it('are predicted with the places of their entities, long ones too, as the transformers library scores them', async () => {
    const model = await loadModel(path('run/model'), { stride: 8, aggregation: 'none' });
    const simple = await loadModel(path('run/model'), { stride: 8 });
    const pipe = await pipeline('token-classification', path('run/model'), { dtype: 'fp32' });
    try {
      const short = rows[3]!.text;
      const [one] = await model.predict<TokenPrediction>([short]);
      const theirs = (await pipe(short)) as { entity: string; score: number }[];
      expect(one!.entities.map(({ type }) => type)).toEqual(theirs.map(({ entity }) => entity));
      for (const [i, { score }] of one!.entities.entries()) expect(score).toBeCloseTo(theirs[i]!.score, 4);
      const [whole] = await simple.predict<TokenPrediction>([long[1]!.text]);
      const expected = long[1]!.label.map(([start, end, type]) => ({ start, end, type }));
      const right = whole!.entities.filter((found) =>
        expected.some(({ start, end, type }) => start === found.start && end === found.end && type === found.type),
      );
      expect(right.length).toBeGreaterThan(0.9 * expected.length);
      for (const { text, start, end } of whole!.entities) expect(long[1]!.text.slice(start, end)).toBe(text);
    } finally {
      await model.close();
      await simple.close();
      await pipe.dispose();
    }
  });
});

describe('exports', () => {
  const form = { kind: 'entities', names: { words: 'tokens', tags: 'tags' } } as const;
  const text = 'Ann 😀 met Bo';
  const expected = {
    text,
    spans: [
      [0, 3],
      [11, 13],
    ],
    spanTags: ['O', 'B-PER', 'I-PER', 'B-PER', 'I-PER'],
  };

  it.each([
    [
      'doccano',
      {
        text,
        label: [
          [0, 3, 'PER'],
          [10, 12, 'PER'],
        ],
      },
      /doccano/,
    ],
    [
      'doccano',
      {
        text,
        entities: [
          { id: 1, label: 'PER', start_offset: 10, end_offset: 12 },
          { start_offset: 0, end_offset: 3, label: 'PER' },
        ],
      },
      /doccano or spaCy/,
    ],
    [
      'spaCy',
      {
        text,
        ents: [
          { start: 0, end: 3, label: 'PER' },
          { start: 10, end: 12, label: 'PER' },
        ],
      },
      /spaCy/,
    ],
    [
      'Argilla 1',
      {
        text,
        annotation: [
          ['PER', 0, 3],
          ['PER', 10, 12],
        ],
      },
      /Argilla/,
    ],
    [
      'Argilla 2',
      {
        fields: { text },
        responses: {
          span: [
            {
              value: [
                { start: 0, end: 3, label: 'PER' },
                { start: 10, end: 12, label: 'PER' },
              ],
            },
          ],
        },
      },
      /Argilla/,
    ],
    [
      'Label Studio',
      {
        data: { text },
        annotations: [
          {
            result: [
              { value: { start: 0, end: 3, text: 'Ann', labels: ['PER'] } },
              { value: { start: 11, end: 13, text: 'Bo', labels: ['PER'] } },
            ],
          },
        ],
      },
      /Label Studio/,
    ],
    [
      'Label Studio, small',
      {
        text,
        label: [
          { start: 0, end: 3, text: 'Ann', labels: ['PER'] },
          { start: 11, end: 13, labels: ['PER'] },
        ],
      },
      /Label Studio/,
    ],
  ])('of %s are texts with ranges of UTF-16 units', (_, row, said) => {
    const found = readForm(form, row, 'a.jsonl:1');
    expect(found.values).toMatchObject(expected);
    expect(found.said).toMatch(said);
  });

  it.each([
    [{ text, label: [[0, 30, 'PER']] }, /a\.jsonl:1: range 1 .* ends behind the text, which has 12 characters/],
    [
      {
        text,
        label: [
          [0, 3, 'PER'],
          [2, 5, 'LOC'],
        ],
      },
      /a\.jsonl:1: range 2 .*overlaps/,
    ],
    [{ text, label: [[3, 3, 'PER']] }, /is no range/],
    [{ text, label: [[0, 3, '']] }, /has no label/],
    [{ text, label: [{ start: 0, end: 3, text: 'Bob', labels: ['PER'] }] }, /is said to hold 'Bob'/],
    [{ text }, /no column 'tokens'; found 'text'/],
    [{ tokens: [1], tags: [] }, /must be a list of texts, found a list with the number 1/],
  ])('are refused by their place: %j', (row, says) => {
    expect(() => readForm(form, row, 'a.jsonl:1')).toThrow(says);
  });
});

describe('CoNLL files', () => {
  const rowsOf = async (file: string, columns = ['tokens', 'tags']) => {
    const found = [];
    for await (const { row, line } of readRaw(file, { columns }))
      found.push({ tokens: row.tokens, tags: row.tags, line });
    return found;
  };

  it('are sentences between empty lines, documents and comments left out', async () => {
    const file = write(
      'a.conll',
      '-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\r\n# NN O O\n# a comment\n\n\nPeter NNP B-NP B-PER',
    );
    expect(await rowsOf(file)).toEqual([
      { tokens: ['EU', '#'], tags: ['B-ORG', 'O'], line: 3 },
      { tokens: ['Peter'], tags: ['B-PER'], line: 8 },
    ]);
  });

  it('of Universal Dependencies have words and parts of speech', async () => {
    const token = (id: string, word: string, tag: string) => `${id}\t${word}\t_\t${tag}\t_\t_\t_\t_\t_\t_`;
    const lines = ['# text = du', token('1-2', 'du', '_'), token('1', 'de', 'ADP'), token('2', 'le', 'DET'), ''];
    expect(await rowsOf(write('a.conllu', lines.join('\n')))).toEqual([
      { tokens: ['de', 'le'], tags: ['ADP', 'DET'], line: 3 },
    ]);
  });

  it('are refused where a token has other columns than those before', async () => {
    await expect(rowsOf(write('b.conll', 'a O\nb\n'))).rejects.toThrow(
      /b\.conll:2: the token has 1 columns, those before have 2/,
    );
  });
});

describe('entities of tokens', () => {
  const text = 'New York met Ann';
  const labels = ['O', 'B-LOC', 'I-LOC', 'B-PER', 'I-PER'];
  const piece = (word: number, start: number, end: number, label: number, score: number) => ({
    word,
    start,
    end,
    scores: Float64Array.from(labels, (_, k) => (k === label ? score : (1 - score) / 4)),
  });
  const pieces = [
    piece(0, 0, 3, 1, 0.9),
    piece(1, 4, 6, 2, 0.6),
    piece(1, 6, 8, 4, 0.8),
    piece(2, 9, 12, 0, 0.9),
    piece(3, 13, 16, 3, 0.7),
  ];

  it.each([
    ['none', ['New/B-LOC', 'Yo/I-LOC', 'rk/I-PER', 'Ann/B-PER']],
    ['simple', ['New Yo/LOC', 'rk/PER', 'Ann/PER']],
    ['first', ['New York/LOC', 'Ann/PER']],
    ['max', ['New/LOC', 'York/PER', 'Ann/PER']],
    ['average', ['New/LOC', 'York/PER', 'Ann/PER']],
  ] as const)('are put together by %s', (aggregation, expected) => {
    const found = entitiesOf(pieces, text, labels, aggregation);
    expect(found.map((one) => `${one.text}/${one.type}`)).toEqual(expected);
  });
});

it('tags without a prefix among others are refused by their row', async () => {
  const train = jsonl('mixed.jsonl', [
    { tokens: ['a', 'b'], tags: ['B-PER', 'O'] },
    { tokens: ['a', 'b'], tags: ['PER', 'O'] },
  ]);
  const run = new Trainer({
    task: 'token-classification',
    model: path('encoder'),
    train,
    output: path('mixed'),
    threads: 1,
  });
  await expect(run.run()).rejects.toThrow(/mixed\.jsonl:2: tag 'PER' has no prefix/);
});
