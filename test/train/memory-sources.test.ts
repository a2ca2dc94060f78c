// Training and evaluation on rows that a host program has: the results are those of the same rows in a file.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { Trainer } from '#ortune/train/trainer.js';
import { smallProblem } from '../support/small-problem.js';
import { newRuns, train } from '../support/train.js';

const { path, write, lines } = smallProblem();

const rows: { text: string; label: string }[] = lines.map((line) => JSON.parse(line));
const config = newRuns(path, { batchSize: 8, epochs: 2, dropout: 0.1 });

/** The rows of an epoch, each in an order of its own, slowly. */
async function* rotated(epoch: number) {
  for (let i = 0; i < rows.length; i++) {
    if (i % 16 === 0) await new Promise(setImmediate);
    yield rows[(i * 5 + epoch * 3) % rows.length]!;
  }
}

it('an array gives the weights of the file with the same rows', async () => {
  const test = rows.slice(0, 20);
  const [file, memory] = [
    await train(config({ eval: path('test.csv'), evalStrategy: 'epoch' })),
    await train(config({ train: rows, eval: test, evalStrategy: 'epoch' })),
  ];
  expect(memory.losses).toEqual(file.losses);
  expect(memory.bits).toBe(file.bits);
  expect(memory.result.metrics).toEqual(file.result.metrics);
  expect(memory.warnings).toEqual(file.warnings);
  const written = JSON.parse(readFileSync(join(memory.result.output, '../config.json'), 'utf8'));
  expect([written.train, written.eval]).toEqual([['rows:train'], ['rows:eval']]);
  const options = { model: memory.result.output };
  const [data, asFile] = [
    await evaluate({ ...options, data: test }),
    await evaluate({ ...options, data: path('test.csv') }),
  ];
  expect(data.metrics).toEqual(asFile.metrics);
  // Not grouped by length: the sum is another.
  const { metrics } = await evaluate({ ...options, data: () => test });
  expect(metrics).toEqual({ ...asFile.metrics, loss: expect.closeTo(asFile.metrics.loss, 9) });
});

describe('a function of the epoch', () => {
  it('that gives the rows of the file gives the weights of a sequential run', async () => {
    const file = await train(config({ sampling: 'sequential' }));
    expect((await train(config({ train: () => rows }))).bits).toBe(file.bits);
  });

  it.each([3, 8, 11])('stopped after step %i goes on to the bits of an undisturbed run', async (step) => {
    const whole = await train(config({ train: rotated }));
    const options = config({ train: rotated });
    const stop = new AbortController();
    const before = await train(options, { signal: stop.signal, onStep: (at) => at === step && stop.abort() });
    expect(before.result).toMatchObject({ steps: step, interrupted: true });
    const after = await train({ ...options, resume: 'latest' });
    expect([...before.losses, ...after.losses]).toEqual(whole.losses);
    expect(after.bits).toBe(whole.bits);
  });

  it('that gives other rows does not go on with the run', async () => {
    const options = config({ train: rotated, epochs: 1 });
    await train(options);
    const other = { ...options, train: () => rows, resume: 'latest' };
    await expect(new Trainer(other).run()).rejects.toThrow(/train: the samples of function:train are not the same/);
  });

  it('that ends early in a later epoch ends the run, which can be resumed', async () => {
    const options = config({ train: (epoch) => (epoch === 0 ? rows : rows.slice(0, 30)) });
    await expect(train(options)).rejects.toThrow(
      /^train, epoch 1 \(from 0\): the first pass found 64 rows, this one ended after 30;.*\n.*checkpoint is .*step-8/,
    );
    const after = await train({ ...options, train: () => rows, resume: 'latest' });
    expect(after.bits).toBe((await train(config({ train: () => rows }))).bits);
  });

  it('is asked for its rows anew where a frozen trunk would keep those of an array', async () => {
    const frozen = { freeze: ['trunk'], dropout: 0 };
    const [once, again] = [
      await train(config({ ...frozen, train: rows })),
      await train(config({ ...frozen, train: rotated })),
    ];
    expect(once.result.trunkCache?.samples).toBe(64);
    expect(again.result.trunkCache).toBeUndefined();
  });

  it.each([
    [{ evalSplit: 0.1 }, /options 'train' and 'evalSplit' contradict each other: .* give them as eval/],
    [{ sampling: 'balanced' }, /options 'train' and 'sampling' contradict each other: .* taken as they come/],
    [{ sampling: 'weighted', weightColumn: 'w' }, /options 'train' and 'sampling' contradict each other/],
  ] as const)('refuses %j', (more, message) => {
    expect(() => new Trainer(config({ train: rotated, ...more }))).toThrow(message);
  });
});

describe('rows by number', () => {
  const access = { length: rows.length, get: async (i: number) => rows[i]! };

  it('give the weights of the array, also where a run was stopped', async () => {
    const whole = await train(config({ train: rows, evalSplit: 0.2, epochs: 1 }));
    const options = config({ train: access, evalSplit: 0.2, epochs: 1 });
    const stop = new AbortController();
    await train(options, { signal: stop.signal, onStep: (at) => at === 3 && stop.abort() });
    const after = await train({ ...options, resume: 'latest' });
    expect(after.bits).toBe(whole.bits);
    expect(after.result.metrics).toEqual(whole.result.metrics);
    const other = { length: rows.length, get: (i: number) => rows[rows.length - 1 - i]! };
    await expect(new Trainer({ ...options, train: other, resume: 'latest' }).run()).rejects.toThrow(
      /train: the samples of get:train are not the same/,
    );
  });

  it('that come slowly cost their own time, beside the steps, and no step more', async () => {
    let spentMs = 0;
    const get = async (i: number) => {
      const started = performance.now();
      await new Promise((done) => setTimeout(done, 3));
      spentMs += performance.now() - started;
      return rows[i]!;
    };
    const usual = await train(config({ train: access }));
    const slow = await train(config({ train: { length: rows.length, get } }));
    expect(slow.bits).toBe(usual.bits);
    expect(slow.result.stepMs).toBeLessThan(3 * usual.result.stepMs + 20);
    expect(1000 * slow.result.seconds - spentMs).toBeLessThan(3000 * usual.result.seconds + 1000);
  });
});

it('words with tags, and typed arrays of them, are those of a file', async () => {
  const tagged = rows.map(({ text, label }, i) => {
    const tokens = text.split(' ');
    return {
      tokens,
      tags: tokens.map((_, k) => (k === i % 4 ? label : 'none')),
      ids: Int32Array.from(tokens, (_, k) => k % 2),
    };
  });
  const tokenizer = buildWordPiece(
    rows.map(({ text }) => text),
    { minFrequency: 1, maxLength: 32 },
  );
  const size = { layers: 1, hidden: 32, heads: 2, positions: 32 };
  writeEncoder(path('headless'), { ...size, head: 'none', tokenizer });
  const file = write('tagged.jsonl', tagged.map((row) => JSON.stringify({ ...row, ids: [...row.ids] })).join('\n'));
  for (const tagsColumn of ['tags', 'ids']) {
    const more = { task: 'token-classification', model: path('headless'), tagsColumn, epochs: 1 } as const;
    const { bits } = await train(config({ ...more, train: file }));
    expect((await train(config({ ...more, train: tagged }))).bits).toBe(bits);
  }
});
