// What labels mean, through a run, an evaluation and a prediction: the same samples under other labels train the same
// bits, and the saved model has the names that were settled. test/data/label-table.test.ts has the rule itself.

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadModel } from '#ortune/commands/predict.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { smallProblem } from '../support/small-problem.js';
import { newRuns, train } from '../support/train.js';

const { path, write, lines } = smallProblem();
const config = newRuns(path, { batchSize: 8, warmupRatio: 0, maxSteps: 2, model: path('turned') });
const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

/** The data with other labels. */
const labelled = (name: string, ham: unknown, spam: unknown): string =>
  write(
    `${name}.jsonl`,
    lines.map((line) => JSON.stringify({ ...JSON.parse(line), label: line.includes('"ham"') ? ham : spam })).join('\n'),
  );

cpSync(path('encoder'), path('turned'), { recursive: true });
const id2label = { 0: 'SPAM', 1: 'HAM' };
writeFileSync(path('turned/config.json'), JSON.stringify({ ...json(path('turned/config.json')), id2label }));

test('labels that are names of the model in other letters, or numbers of them, train the same bits', async () => {
  const usual = await train(config({ train: labelled('usual', 'HAM', 'SPAM') }));
  expect(usual.warnings.join('\n')).not.toMatch(/labels|head/);
  for (const [ham, spam] of [
    ['ham', ' Spam'],
    [1, 0],
    ['1.0', '0'],
  ]) {
    const run = await train(config({ train: labelled('other', ham, spam), eval: path('test.csv') }));
    expect(run.warnings.join('\n')).toMatch(/the labels of .*other\.jsonl .*→ 'HAM'/);
    expect([run.losses, run.bits]).toEqual([usual.losses, usual.bits]);
    expect(json(`${run.result.output}/config.json`).id2label).toEqual(id2label);
  }
});

test('a head that is kept under other names is said, again when the run is resumed', async () => {
  const data = labelled('animals', 'cat', 'dog');
  const options = config({ train: data, saveSteps: 1 });
  const { warnings, result } = await train(options);
  expect(warnings).toContain("the head is kept, and its classes have other names now: 'SPAM' → 'cat', 'HAM' → 'dog'");
  expect(json(`${result.output}/config.json`).id2label).toEqual({ 0: 'cat', 1: 'dog' });
  const resumed = await train({ ...options, resume: 'latest', maxSteps: 3, allowChanges: true });
  expect(resumed.warnings).toEqual(expect.arrayContaining(warnings));
  const half = await train(config({ train: labelled('half', 'HAM', 'eggs') }));
  expect(half.warnings).toContain("the head is kept, and its classes have other names now: 'SPAM' → 'eggs'");
  expect(json(`${half.result.output}/config.json`).id2label).toEqual({ 0: 'eggs', 1: 'HAM' });
});

test('an evaluation says what labels were taken for, and a prediction has the settled names', async () => {
  const { result } = await train(config({ train: labelled('numbers', 1, 0) }));
  const by = async (name: string, ham: unknown, spam: unknown, labelNames?: string) =>
    evaluate({ model: result.output, data: labelled(name, ham, spam), ...(labelNames && { labelNames }) });
  const named = await by('named', 'HAM', 'SPAM');
  expect(named.notes).toEqual([]);
  for (const [name, ham, spam, labelNames] of [
    ['numbers', 1, 0],
    ['letters', 'ham', 'spam'],
    ['other-order', 0, 1, 'ham,spam'],
  ] as const) {
    const other = await by(name, ham, spam, labelNames);
    expect(other.metrics).toEqual(named.metrics);
    expect(other.notes.join('\n')).toMatch(/→ 'HAM'.*→ 'SPAM'|→ 'SPAM'.*→ 'HAM'/);
  }
  await expect(by('unknown', 'ham', 2)).rejects.toThrow(/unknown\.jsonl:1: unknown label '2'|unknown label 'ham'/);
  await expect(by('mixed', 'ham', 0)).rejects.toThrow(/mixed\.jsonl:1: label '0' is a number, and 'ham' \(.*:2\)/);
  const model = await loadModel(result.output);
  const [prediction] = await model.predict(['win cash']);
  expect(['HAM', 'SPAM']).toContain((prediction as { label: string }).label);
  await model.close();
});
