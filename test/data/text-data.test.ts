// Data in memory: what opening it makes of files, and the rows that come of it.

import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { epochOrder } from '#ortune/data/sampler.js';
import { DataError, UsageError } from '#ortune/errors.js';
import { openLabelled } from '../support/tables.js';
import { batchesOf, columns, corpora, corpus, type Sample } from './corpora.js';

const { write, path, open, closeAll, remove } = corpora();
afterEach(closeAll);
afterAll(remove);

const samples = corpus(403);
const lengths = samples.map(({ text }) => text.length);
const file = write('train.jsonl', samples);
const classes = ['eggs', 'ham', 'spam'];

describe('an epoch', () => {
  test('has the batches of the plan, with texts, classes and lines', async () => {
    const { train } = await open({ train: [file] });
    const order = epochOrder({ lengths, batchSize: 8, seed: 5, epoch: 2 });
    const batches = await batchesOf(train, { epoch: 2 });
    expect(batches).toHaveLength(train.batches(8));
    expect(batches.flatMap((b) => b.samples)).toEqual([...order]);
    expect(batches.map((b) => b.index)).toEqual(Array.from({ length: 51 }, (_, i) => i));
    expect(batches.map((b) => b.samples.length)).toEqual([...new Array(50).fill(8), 3]);
    for (const batch of batches)
      for (const [row, sample] of batch.samples.entries()) {
        expect(batch.texts[row]).toBe(samples[sample]!.text);
        expect(batch.labels[row]).toBe(classes.indexOf(String(samples[sample]!.label)));
        expect(batch.places[row]).toBe(`${file}:${sample + 1}`);
        expect(batch.weights[row]).toBe(1);
      }
    expect(train.location(402)).toBe(`${file}:403`);
  });

  test('goes on at any batch as it would have', async () => {
    const { train } = await open({ train: [file] });
    const all = await batchesOf(train);
    expect(await batchesOf(train, { from: 17 })).toEqual(all.slice(17));
    expect(await batchesOf(train, { from: 51 })).toEqual([]);
    const again = await open({ train: [file] });
    expect(await batchesOf(again.train, { from: 33 })).toEqual(all.slice(33));
  });

  test('follows the file where sampling is sequential, and is grouped only when shuffled', async () => {
    const plain = await open({ train: [file], sampling: 'sequential' });
    expect((await batchesOf(plain.train)).flatMap((b) => b.samples)).toEqual(samples.map((_, i) => i));
    const shuffled = await open({ train: [file], groupByLength: false });
    const order = epochOrder({ lengths, batchSize: 8, seed: 5, epoch: 0, groupByLength: false });
    expect((await batchesOf(shuffled.train)).flatMap((b) => b.samples)).toEqual([...order]);
  });

  test('is gone over once in order where that is asked for, whatever sampling says', async () => {
    for (const sampling of ['shuffle', 'balanced'] as const) {
      const { train } = await open({ train: [file], sampling });
      const shuffled = (await batchesOf(train)).flatMap((b) => b.samples);
      const batches = await batchesOf(train, { sequentialPass: true });
      const order = epochOrder({ lengths, batchSize: 8, seed: 0, epoch: 0, sampling: 'sequential' });
      expect(batches.flatMap((b) => b.samples)).toEqual([...order]);
      expect((await batchesOf(train)).flatMap((b) => b.samples)).toEqual(shuffled);
    }
  });

  test('may be drawn: classes equally often, or by the weights of a column, which then do not weigh the loss', async () => {
    const balanced = await open({ train: [file], sampling: 'balanced' });
    const perClass = [0, 0, 0];
    for (const label of (await batchesOf(balanced.train)).flatMap((b) => b.labels)) perClass[label]!++;
    expect(perClass.sort()).toEqual([134, 134, 135]);
    const weighted = await open({ train: [file], sampling: 'weighted', columns: { ...columns, weight: 'weight' } });
    const batches = await batchesOf(weighted.train);
    expect(new Set(batches.flatMap((b) => b.weights))).toEqual(new Set([1]));
    expect(batches.flatMap((b) => b.samples).filter((sample) => samples[sample]!.weight === 0)).toEqual([]);
  });

  test('of two iterations at once, one of them aborted, gives both what is theirs', async () => {
    const { train } = await open({ train: [file] });
    const expected = [await batchesOf(train), await batchesOf(train, { epoch: 1 })];
    const controller = new AbortController();
    const aborted = batchesOf(train, { epoch: 7, signal: controller.signal });
    controller.abort(new Error('no more'));
    await expect(aborted).rejects.toThrow('no more');
    expect(await Promise.all([batchesOf(train), batchesOf(train, { epoch: 1 })])).toEqual(expected);
    expect(await batchesOf(train, { epoch: 7 })).toHaveLength(51);
  });
});

test('several files and globs are one data set, pairs are kept with their texts', async () => {
  const pair = (text: string, more: string, label: number): Sample => ({ text, pair: more, label });
  write('part-1.jsonl', [pair('a', 'ä', 10), pair('b', '', 9)]);
  write('part-2.jsonl', [pair('', 'x', 10)]);
  const data = await open({
    train: [path('part-*.jsonl')],
    columns: { ...columns, pair: 'pair' },
    sampling: 'sequential',
  });
  expect(data.labels.names).toEqual(['9', '10']);
  expect(data.train.files).toEqual([path('part-1.jsonl'), path('part-2.jsonl')]);
  const [batch] = await batchesOf(data.train);
  expect(batch!.texts).toEqual(['a|ä', 'b', '|x']);
  expect(batch!.places[2]).toBe(`${path('part-2.jsonl')}:1`);
});

describe('weights in the loss', () => {
  const weightsOf = async (options: object) => {
    const { train, classCounts } = await open({ train: [file], ...options });
    const found = new Float32Array(samples.length);
    for (const batch of await batchesOf(train))
      for (const [i, s] of batch.samples.entries()) found[s] = batch.weights[i]!;
    return { found, classCounts };
  };

  test('come from a column and from the classes, multiplied', async () => {
    const { found } = await weightsOf({
      columns: { ...columns, weight: 'weight' },
      classWeights: { spam: 3, eggs: 0.1 },
    });
    const perClass = { ham: 1, spam: 3, eggs: 0.1 } as Record<string, number>;
    expect(found).toEqual(Float32Array.from(samples, ({ weight, label }) => weight! * perClass[label]!));
  });

  test('balance the classes as scikit-learn does', async () => {
    const { found, classCounts } = await weightsOf({ classWeights: 'balanced' });
    expect(classCounts).toEqual([40, 283, 80]);
    const perClass = classCounts.map((count) => 403 / (3 * count));
    expect(found).toEqual(Float32Array.from(samples, ({ label }) => perClass[classes.indexOf(String(label))]!));
  });

  test('of a class that is not there are refused', async () => {
    const opening = open({ train: [file], classWeights: { beans: 2 } });
    await expect(opening).rejects.toThrow(
      /classWeights names 'beans'; the classes of the data are 'eggs', 'ham', 'spam'/,
    );
    await expect(opening).rejects.toBeInstanceOf(UsageError);
  });
});

describe('a split', () => {
  test('holds out the same share of every class, keeps the order and depends on the seed alone', async () => {
    const data = await open({ train: [file], evalSplit: 0.1, sampling: 'sequential', seed: 3 });
    expect(data.eval!.classCounts).toEqual([4, 28, 8]);
    expect(data.train.classCounts).toEqual([36, 255, 72]);
    const places = async (part: typeof data.train) => (await batchesOf(part)).flatMap((b) => b.places);
    const lines = (await places(data.train)).map((place) => Number(place.split(':').at(-1)));
    expect(lines).toEqual([...lines].sort((a, b) => a - b));
    const held = (await places(data.eval!)).map((place) => Number(place.split(':').at(-1)));
    expect([...lines, ...held].sort((a, b) => a - b)).toEqual(samples.map((_, i) => i + 1));
    const same = await open({ train: [file], evalSplit: 0.1, seed: 3 });
    expect([same.train.hash, same.eval!.hash]).toEqual([data.train.hash, data.eval!.hash]);
    const other = await open({ train: [file], evalSplit: 0.1, seed: 4 });
    expect(other.eval!.hash).not.toBe(data.eval!.hash);
    expect(other.eval!.classCounts).toEqual([4, 28, 8]);
  });

  test('leaves each class something to train on, and holds out one of two where half of one is due', async () => {
    const few = [...'aaaabbc'].map((label, i) => ({ text: `${i}`, label }));
    const quarter = await open({ train: [write('few.jsonl', few)], evalSplit: 0.25 });
    expect([quarter.train.classCounts, quarter.eval!.classCounts]).toEqual([
      [3, 1, 1],
      [1, 1, 0],
    ]);
    const most = await open({ train: [path('few.jsonl')], evalSplit: 0.9 });
    expect([most.train.classCounts, most.eval!.classCounts]).toEqual([
      [1, 1, 1],
      [3, 1, 0],
    ]);
  });

  test('that holds out nothing is refused', async () => {
    await expect(open({ train: [path('few.jsonl')], evalSplit: 0.01 })).rejects.toThrow(
      /evalSplit 0\.01 of 7 samples \(.*few\.jsonl\) holds out none of any class; raise it/,
    );
  });
});

describe('repeated texts', () => {
  test('are counted within the training data and across, spaces around them aside', async () => {
    const train = [...corpus(20), { text: ` ${corpus(1)[0]!.text}\n`, label: 'spam' }];
    const data = await open({
      train: [write('twice.jsonl', train)],
      eval: [write('eval.jsonl', [...corpus(3), ...corpus(7, 100)])],
      test: [write('test.jsonl', [...corpus(5, 200), ...corpus(1, 19)])],
    });
    expect(data.notes).toEqual([
      '1 of 21 training texts repeat an earlier one',
      '3 of 10 evaluation texts are also in the training data',
      '1 of 6 test texts are also in the training data',
    ]);
    const single = await open({ train: [file], eval: [write('other.jsonl', corpus(5, 1000))], evalSplit: undefined });
    expect(single.notes).toEqual([]);
    const split = await open({ train: [path('twice.jsonl')], evalSplit: 0.3, seed: 1 });
    expect(split.notes.join()).toMatch(/1 of \d+ (training|evaluation) texts/);
  });

  test('of pairs are those where both texts are alike', async () => {
    const pairs = [
      ['a', 'b'],
      ['ab', ''],
      ['', 'ab'],
      ['a', 'b '],
    ].map(([text, pair], i) => ({ text, pair, label: i % 2 }));
    const data = await open({ train: [write('pairs.jsonl', pairs)], columns: { ...columns, pair: 'pair' } });
    expect(data.notes).toEqual(['1 of 4 training texts repeat an earlier one']);
  });
});

describe('the hash of a part', () => {
  test('changes with any text, pair, label or weight and with the order, and not with the files it is in', async () => {
    const base: Sample[] = [
      { text: 'one', pair: 'x', label: 'a', weight: 1 },
      { text: 'two', pair: 'y', label: 'b', weight: 2 },
    ];
    const hashOf = async (...parts: Sample[][]): Promise<string> => {
      const files = parts.map((part, i) => write(`hash-${i}.jsonl`, part));
      const data = await open({ train: files, columns: { ...columns, pair: 'pair', weight: 'weight' } });
      return data.train.hash;
    };
    const [first, second] = base as [Sample, Sample];
    const hash = await hashOf(base);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(await hashOf([first], [second])).toBe(hash);
    const changed = [{ text: 'onE' }, { text: 'onex', pair: '' }, { pair: 'z' }, { label: 'c' }, { weight: 0.5 }];
    const others = [await hashOf([second, first])];
    for (const change of changed) others.push(await hashOf([{ ...first, ...change }, second]));
    expect(new Set([hash, ...others]).size).toBe(7);
  });
});

describe('the order of the classes', () => {
  test('can be that of a model: labels, counts and weights follow', async () => {
    const options = { train: [file], eval: [file], classWeights: { spam: 3 } };
    const before = await batchesOf((await open(options)).train);
    const data = await open({ ...options, modelLabels: ['spam', 'eggs', 'ham'] });
    expect(data.labels.names).toEqual(['spam', 'eggs', 'ham']);
    expect([data.classCounts, data.eval!.classCounts]).toEqual([
      [80, 40, 283],
      [80, 40, 283],
    ]);
    const moved = before.map((b) => ({ ...b, labels: b.labels.map((label) => [1, 2, 0][label]!) }));
    expect(await batchesOf(data.train)).toEqual(moved);
    expect((await batchesOf(data.eval!)).flatMap((b) => b.weights).every((weight) => weight === 1)).toBe(true);
  });

  test('is given for data that is only evaluated on', async () => {
    const opened = await openLabelled({ files: [file], columns, labels: ['spam', 'ham', 'eggs', 'beans'] });
    expect(opened.data.classCounts).toEqual([80, 283, 40, 0]);
    const order = epochOrder({ lengths, batchSize: 8, seed: 0, epoch: 0, sampling: 'sequential' });
    expect((await batchesOf(opened.data)).flatMap((b) => b.samples)).toEqual([...order]);
    await opened.close();
    const opening = openLabelled({ files: [file], columns, labels: ['spam', 'ham'] });
    await expect(opening).rejects.toThrow(/train\.jsonl:10: unknown label 'eggs'; the model's 2 classes are/);
    await expect(opening).rejects.toBeInstanceOf(DataError);
  });
});
