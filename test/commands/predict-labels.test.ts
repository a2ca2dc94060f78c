// What a trained model says, end to end: names of labels of each kind in the library's predictions and the command's,
// whatever the files that are predicted say of labels.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadModel, predict, type TokenPrediction, writeEncoder } from '#ortune/index.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { ortune } from '../support/command.js';
import { temporaryDirectory } from '../support/temporary.js';
import { train } from '../support/train.js';

const root = temporaryDirectory('predict-labels');
const path = (name: string): string => join(root, name);
const put = (name: string, content: string): string => {
  writeFileSync(path(name), content);
  return path(name);
};
const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const lunch = ['meeting at lunch', 'lunch at the office', 'meeting in the office', 'see you at lunch'];
const cash = ['free cash offer', 'win free cash now', 'cash prize offer', 'win a free prize'];
const tokenizer = buildWordPiece([...lunch, ...cash], { vocabulary: 80, minFrequency: 1 });
const encoder = (name: string, labels: readonly string[], more: { head?: 'none' } = {}): string => {
  writeEncoder(path(name), {
    layers: 1,
    hidden: 32,
    heads: 2,
    positions: 32,
    dropout: 0,
    ...(labels.length > 0 && { labels: [...labels] }),
    tokenizer,
    ...more,
  });
  return path(name);
};
const model = encoder('encoder', ['ham', 'spam']);
const usual = { epochs: 8, batchSize: 8, learningRate: 1e-2, threads: 1, warmupRatio: 0 };
const rows = (labels: readonly unknown[]) =>
  [lunch, cash].flatMap((texts, i) => texts.map((text) => ({ text, label: labels[i] })));
/** Labels that no class has, that are none, and that are of several kinds. */
const odd = put('odd.jsonl', lines([lunch[0], cash[0]].map((text, i) => ({ text, label: [null, { a: 1 }][i] }))));
const oddTable = put('odd.csv', `text,label\n${lunch[1]},-1\n${cash[1]},"no, such"\n`);

describe.each([
  ['names', ['work', 'junk'], ['work', 'junk']],
  ["numbers, which are those of the model's names", [1, 0], ['spam', 'ham']],
  ['numbers from -1', [-1, 1], ['-1', '1']],
])('of %s', (kind, labels, names) => {
  test('predictions have the names that the run gave its classes, from files with labels of other kinds', async () => {
    const name = kind.replaceAll(/\W+/g, '-');
    const data = put(`${name}.jsonl`, lines(rows(labels)));
    const { result } = await train({ model, train: data, output: path(name), ...usual });
    const open = await loadModel(result.output, { threads: 1 });
    try {
      expect(open.labels).toEqual([...names].sort());
      const said = await open.predict([...lunch, ...cash]);
      expect(said.map(({ label }) => label)).toEqual([...lunch.map(() => names[0]), ...cash.map(() => names[1])]);
      expect(said.every(({ score }) => score > 0.5 && score <= 1)).toBe(true);
      const notes: string[] = [];
      const onNote = (note: string): unknown => notes.push(note);
      expect(await open.predict({ files: [odd, oddTable] }, { onNote })).toMatchObject([
        { label: names[0], place: `${odd}:1` },
        { label: names[1], place: `${odd}:2` },
        { label: names[0], place: `${oddTable}:2` },
        { label: names[1], place: `${oddTable}:3` },
      ]);
      expect(notes).toEqual([]);
    } finally {
      await open.close();
    }
    const saved = JSON.parse(readFileSync(join(result.output, 'config.json'), 'utf8'));
    expect(saved.label2id).toEqual(
      Object.fromEntries(Object.entries(saved.id2label).map(([id, own]) => [own, Number(id)])),
    );
  });
});

test('the command says the same names, of texts and of tables, and takes no names of its own', async () => {
  const output = path('names');
  const command = await ortune(['predict', output, odd, oddTable, '--json']);
  expect(command, command.stderr).toMatchObject({
    code: 0,
    json: { predictions: [{ label: 'work' }, { label: 'junk' }, { label: 'work' }, { label: 'junk' }] },
  });
  expect(command.stderr).toBe('');
  const refused = await ortune(['predict', output, odd, '--label-names', 'a,b']);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("unknown option '--label-names'") });
});

test('files of lists of words are read as they are, with or without tags, in the library and the command', async () => {
  const tagged = lunch.map((text) => ({
    tokens: text.split(' '),
    tags: text.split(' ').map((word) => Number(word === 'lunch')),
  }));
  const data = put('words.jsonl', lines(tagged));
  const task = 'token-classification';
  const { result } = await train({
    task,
    model: encoder('trunk', [], { head: 'none' }),
    train: data,
    output: path('tags'),
    ...usual,
    labelNames: ['O', 'MEAL'],
  });
  const files = [put('other.jsonl', lines([{ tokens: ['see', 'you', 'at', 'lunch'], tags: ['no', 'such'] }]))];
  const [said] = await predict<TokenPrediction>({ model: result.output }, { files });
  expect(said).toMatchObject({ words: ['see', 'you', 'at', 'lunch'], tags: ['O', 'O', 'O', 'MEAL'] });
  const command = await ortune(['predict', result.output, ...files]);
  expect(command, command.stderr).toMatchObject({ code: 0, stdout: 'see you at lunch/MEAL\n' });
  const texts = put('texts.jsonl', lines([{ text: 'lunch in the office' }]));
  expect(await ortune(['predict', result.output, texts])).toMatchObject({ stdout: 'lunch/MEAL in the office\n' });
});

test('a model that does not name its classes, or names them in two ways that disagree', async () => {
  const [nameless, torn] = [encoder('nameless', ['a', 'b']), encoder('torn', ['a', 'b'])];
  writeFileSync(join(nameless, 'config.json'), JSON.stringify({ model_type: 'bert' }));
  const [said] = await predict({ model: nameless }, ['free cash']);
  expect(said!.label).toMatch(/^LABEL_[01]$/);
  writeFileSync(join(torn, 'config.json'), JSON.stringify({ id2label: { 0: 'a', 1: 'b' }, label2id: { a: 1, b: 0 } }));
  await expect(predict({ model: torn }, ['free cash'])).rejects.toThrow(/'a' is class 0 by id2label and 1 by label2id/);
});
