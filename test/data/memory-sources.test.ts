// Data of a host program in place of files: arrays and iterables of rows, functions that give rows by the epoch, and
// tensors.

import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { ColumnSpec } from '#ortune/data/columns.js';
import { ofKind } from '#ortune/data/columns.js';
import type { Dataset } from '#ortune/data/dataset.js';
import { type GivenData, inputOf, withoutGiven } from '#ortune/data/memory/given.js';
import type { Samples } from '#ortune/data/samples.js';
import { openDataset, Splits, type SplitsOptions } from '#ortune/data/splits.js';
import { TensorReader } from '#ortune/data/tensor-reader.js';
import { DataError, UsageError } from '#ortune/errors.js';
import { batchesOf, corpora, corpus, type Sample } from './corpora.js';

const { write, remove } = corpora();
const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const data of opened.splice(0)) await data.close();
});
afterAll(remove);

const samples = corpus(203);
const evaluation = [...samples.slice(0, 4), ...corpus(9, 900)];
const columns: readonly ColumnSpec[] = [
  { role: 'text', kind: 'text', name: 'text' },
  { role: 'label', kind: 'class', name: 'label' },
];

type Parts = { train: string | GivenData; eval?: string | GivenData; test?: string | GivenData };
type More = Partial<Omit<SplitsOptions, 'train' | 'eval' | 'test'>>;

/** Data as a training run opens them. */
async function open(parts: Parts, more: More = {}, signal?: AbortSignal): Promise<Splits> {
  const { options, given } = withoutGiven(parts);
  const input = (part: unknown) => (part === undefined ? undefined : inputOf([part as string], given));
  const [train, evaluation, test] = [input(options.train)!, input(options.eval), input(options.test)];
  const data = await Splits.open({ columns, ...more, train, eval: evaluation, test }, signal);
  opened.push(data);
  return data;
}

async function* slowly<T>(rows: readonly T[]): AsyncGenerator<T> {
  for (const [i, row] of rows.entries()) {
    if (i % 10 === 0) await new Promise(setImmediate);
    yield row;
  }
}

const withoutPlaces = async (data: Dataset, request = {}) =>
  (await batchesOf(data, request)).map(({ places: _, ...batch }) => batch);

describe('rows in memory', () => {
  test.each<[string, () => GivenData]>([
    ['an array', () => samples],
    ['an iterable', () => new Set(samples)],
    ['a generator that has begun', () => samples.values()],
    ['an async iterable', () => slowly(samples)],
  ])('of %s are those of a JSONL file', async (_, rows) => {
    const more = { weights: 'weight', classWeights: 'balanced', evalSplit: 0.1 } as const;
    const file = await open({ train: write('train.jsonl', samples), test: write('test.jsonl', evaluation) }, more);
    const memory = await open({ train: rows(), test: evaluation }, more);
    expect(memory.labels.names).toEqual(file.labels.names);
    expect(memory.notes).toEqual(file.notes);
    expect(memory.notes).toHaveLength(1);
    for (const part of ['train', 'eval', 'test'] as const) {
      for (const key of ['samples', 'hash', 'classCounts', 'classWeights'] as const)
        expect(memory[part]![key]).toEqual(file[part]![key]);
      expect(await withoutPlaces(memory[part]!)).toEqual(await withoutPlaces(file[part]!));
    }
    expect(memory.train.files).toEqual(['train']);
  });

  test('are known by the option and the number of the row', async () => {
    const { train, eval: part } = await open({ train: samples, eval: evaluation }, { sampling: 'sequential' });
    expect(train.location(17)).toBe('train:row 17');
    expect(part!.location(0)).toBe('eval:row 0');
    for (const batch of await batchesOf(train, { batchSize: 50 }))
      expect(batch.places).toEqual(batch.samples.map((i) => `train:row ${i}`));
  });

  test('may be lists with typed arrays in them', async () => {
    const specs: readonly ColumnSpec[] = [
      { role: 'features', kind: 'numbers', name: 'x' },
      { role: 'map', kind: 'tensor', name: 'map' },
      { role: 'words', kind: 'texts', name: 'tokens' },
      { role: 'tags', kind: 'classes', name: 'tags' },
    ];
    const plain = [0, 1, 2].map((i) => ({
      x: [i, 0.5],
      map: [
        [i, 1],
        [2, 3],
      ],
      tokens: ['a', 'b'],
      tags: ['X', i === 1 ? null : 'O'],
    }));
    const typed = plain.map(({ x, map, ...rest }) => ({
      x: Float32Array.from(x),
      map: map.map((row) => Int32Array.from(row)),
      ...rest,
    }));
    const [file, memory] = [
      await open({ train: write('lists.jsonl', plain) }, { columns: specs }),
      await open({ train: typed }, { columns: specs }),
    ];
    expect(memory.train.hash).toBe(file.train.hash);
    expect(memory.train.samples).toBe(3);
  });

  test('do not keep the event loop waiting', async () => {
    const many = Array.from({ length: 60_000 }, (_, i) => ({ text: `${i} `.repeat(20), label: i % 2 }));
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const data = await open({ train: many });
    clearInterval(timer);
    expect(data.train.samples).toBe(60_000);
    expect(turns).toBeGreaterThan(3);
  });

  test.each<[string, GivenData, RegExp, typeof DataError | typeof UsageError]>([
    ['no row', new Set<object>(), /^train holds no rows$/, DataError],
    [
      'a number',
      [{ text: 'a', label: 1 }, 3] as object[],
      /train:row 1: a row must be .*found the number 3/,
      DataError,
    ],
    [
      'nothing',
      [{ text: 'a', label: 1 }, null] as object[],
      /train:row 1: a row must be an object.*found null/,
      DataError,
    ],
    ['a list', [['a', 1]], /train:row 0: a row must be an object with the columns as keys, found a list/, DataError],
    ['another key', [{ text: 'a', mark: 1 }], /train:row 0: no column 'label'; found 'text', 'mark'/, DataError],
    [
      'a text that is none',
      [{ text: 7, label: 1 }],
      /train:row 0: column 'text' must be a text, found the n/,
      DataError,
    ],
    ['one class', [{ text: 'a', label: 1 }], /train has one class only \('1'\)/, DataError],
    ['numbers', new Float32Array(3) as never, /train:row 0: a row must be an object .* found the number 0/, DataError],
  ])('with %s are refused', async (_, train, message, kind) => {
    const opening = open({ train });
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toBeInstanceOf(kind);
  });

  test('of another part are refused for labels that the training data lacks', async () => {
    const other = [{ text: 'x', label: 'tuna' }];
    const opening = open({ train: samples, eval: other });
    await expect(opening).rejects.toThrow(/eval:row 0: unknown label 'tuna'; the model's 3 classes/);
    await expect(open({ train: samples, test: () => other })).rejects.toThrow(/^test:row 0: unknown label 'tuna'/);
  });

  test('whose iterable throws end with what it said', async () => {
    const cause = new Error('the table is locked');
    const failing = (function* () {
      yield* samples.slice(0, 5);
      throw cause;
    })();
    const opening = open({ train: failing });
    await expect(opening).rejects.toThrow(/^train: .* failed after 5 rows: the table is locked$/);
    await expect(opening).rejects.toMatchObject({ name: 'DataError', cause });
  });

  test('are no longer read once the signal aborts', async () => {
    const stop = new AbortController();
    let closed = false;
    const endless = (async function* () {
      try {
        for (let i = 0; ; i++) {
          if (i === 100) stop.abort(new Error('enough'));
          yield samples[0]!;
        }
      } finally {
        closed = true;
      }
    })();
    await expect(open({ train: endless }, {}, stop.signal)).rejects.toThrow('enough');
    expect(closed).toBe(true);
    const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
    const opening = open({ train: never }, {}, AbortSignal.timeout(20));
    await expect(opening).rejects.toThrow(/timeout/);
  });

  test('can be measured by themselves', async () => {
    const { options, given } = withoutGiven({ data: samples });
    const train = inputOf([options.data as unknown as string], given);
    const one = await openDataset({ train, columns, classes: ['eggs', 'ham', 'spam'] });
    opened.push(one);
    expect(one.data.samples).toBe(203);
    expect(one.data.location(3)).toBe('data:row 3');
  });
});

describe('a function of the epoch', () => {
  /** Epoch after epoch another order. */
  const rotated = (epoch: number): Sample[] => [...samples.slice(epoch), ...samples.slice(0, epoch)];

  test('is known by counts, classes and hash of epoch 0', async () => {
    const more = { weights: 'weight', classWeights: 'balanced' } as const;
    const file = await open({ train: write('train.jsonl', samples) }, more);
    const { train, labels } = await open({ train: (epoch) => slowly(rotated(epoch)) }, more);
    expect(labels.names).toEqual(file.labels.names);
    for (const key of ['samples', 'hash', 'classCounts', 'classWeights'] as const)
      expect(train[key]).toEqual(file.train[key]);
    expect([train.repeats, file.train.repeats, train.table]).toEqual([false, true, undefined]);
    expect(train.location(17)).toBe('train:row 17');
  });

  test.each<[string, (rows: Sample[]) => Iterable<Sample> | AsyncIterable<Sample>]>([
    ['iterable', (rows) => rows],
    ['async iterable', slowly],
  ])('gives the batches of each epoch as they come, from any on: %s', async (_, give) => {
    const asked: number[] = [];
    const data = await open({
      train: (epoch) => {
        asked.push(epoch);
        return give(rotated(epoch));
      },
    });
    for (const epoch of [0, 3]) {
      const batches = await batchesOf(data.train, { epoch });
      expect(batches.map(({ index }) => index)).toEqual(Array.from({ length: 26 }, (_, i) => i));
      expect(batches.flatMap(({ texts }) => texts)).toEqual(rotated(epoch).map(({ text }) => text));
      const names = batches.flatMap(({ labels }) => labels.map((label) => data.labels.names[label]));
      expect(names).toEqual(rotated(epoch).map(({ label }) => label));
      expect(batches.at(-1)!.places).toEqual(['train:row 200', 'train:row 201', 'train:row 202']);
      expect(await batchesOf(data.train, { epoch, from: 21 })).toEqual(batches.slice(21));
      expect(await batchesOf(data.train, { epoch, whole: true })).toEqual(batches.slice(0, 25));
    }
    expect(await batchesOf(data.train, { epoch: 3, sequentialPass: true })).toEqual(await batchesOf(data.train));
    expect(asked).toEqual([0, 0, 0, 0, 3, 3, 3, 0, 0]);
  });

  test('is not counted by labels of which several may hold', async () => {
    const several: readonly ColumnSpec[] = [
      columns[0]!,
      { role: 'targets', kind: 'numbers', name: 'l', range: 'shares' },
    ];
    const rows = samples.slice(0, 20).map(({ text }, i) => ({ text, l: [1, Number(i % 4 === 0)] }));
    const more = { columns: several, multiLabel: true, classWeights: 'balanced', labelNames: ['a', 'b'] } as const;
    expect((await open({ train: rows }, more)).positiveWeights).toEqual([0, 3]);
    const access = { length: 20, get: (i: number) => rows[i]! };
    expect((await open({ train: access }, more)).positiveWeights).toEqual([0, 3]);
    await expect(open({ train: () => rows }, more)).rejects.toThrow(/^classWeights balanced counts the labels of all/);
  });

  test('gives rows to evaluate on, too', async () => {
    const data = await open({ train: samples, eval: () => evaluation });
    const file = await open({ train: samples, eval: write('eval.jsonl', evaluation) });
    expect(data.eval!.hash).toBe(file.eval!.hash);
    const texts = (await batchesOf(data.eval!)).flatMap((batch) => batch.texts);
    expect(texts).toEqual(evaluation.map(({ text }) => text));
  });

  test('follows the classes into another order', async () => {
    const names = ['spam', 'ham', 'eggs'];
    const data = await open({ train: () => samples }, { modelLabels: names });
    const labels = (await batchesOf(data.train)).flatMap((batch) => batch.labels);
    expect(labels.map((label) => names[label])).toEqual(samples.map(({ label }) => label));
  });

  test('is told to end when no more batches are wanted', async () => {
    let ended = 0;
    const data = await open({
      train: function* () {
        try {
          yield* samples;
        } finally {
          ended++;
        }
      },
    });
    expect(ended).toBe(1);
    for await (const _ of data.train.rows({ batchSize: 8, seed: 0, epoch: 1 })) break;
    expect(ended).toBe(2);
  });

  const cause = new Error('the disk is gone');
  const throwing = function* (rows: readonly Sample[]) {
    yield* rows;
    throw cause;
  };
  test.each<[string, (epoch: number) => Iterable<object>, number, RegExp]>([
    [
      'ends early',
      () => samples.slice(0, 150),
      18,
      /^train, epoch 1 \(from 0\): .* 203 rows, this one ended after 150;/,
    ],
    ['ends at once', () => [], 0, /train, epoch 1 \(from 0\): .* 203 rows, this one ended after 0; the function must/],
    [
      'gives more',
      () => [...samples, samples[0]!],
      25,
      /203 rows, this one goes on behind them; the function must give/,
    ],
    ['throws later', () => throwing(samples.slice(0, 64)), 8, /train, epoch 1: .* after 64 rows: the disk is gone/],
    [
      'throws at once',
      () => {
        throw cause;
      },
      0,
      /train, epoch 1: .* failed before its first row: the disk is gone/,
    ],
    [
      'gives nothing that is rows',
      () => 7 as never,
      0,
      /train, epoch 1: expected an iterable of objects, found the nu/,
    ],
    [
      'has a label of its own',
      () => samples.map((row, i) => (i === 9 ? { ...row, label: 'tuna' } : row)),
      1,
      /train:row 9: unknown label 'tuna'/,
    ],
    [
      'has a row without a text',
      () => samples.map((row, i) => (i === 9 ? { label: 'ham' } : row)),
      1,
      /train:row 9: no column 'text'; found 'label'/,
    ],
  ])('in a later epoch is refused when it %s', async (how, later, good, message) => {
    const data = await open({ train: (epoch) => (epoch === 0 ? samples : later(epoch)) });
    let batches = 0;
    const read = async () => {
      for await (const _ of data.train.rows({ batchSize: 8, seed: 0, epoch: 1 })) batches++;
    };
    const error: Error = await read().then(
      () => new Error('nothing was thrown'),
      (thrown) => thrown,
    );
    expect(error.message).toMatch(message);
    expect(batches).toBe(good);
    if (how.startsWith('throws')) expect(error.cause).toBe(cause);
  });

  test('with more rows is refused also where the last batch is left out', async () => {
    const data = await open({ train: (epoch) => (epoch === 0 ? samples : [...samples, samples[0]!]) });
    await expect(batchesOf(data.train, { epoch: 1, whole: true })).rejects.toThrow(/goes on behind them/);
  });

  test.each<[string, () => Iterable<object>, RegExp]>([
    ['nothing', () => [], /^train, epoch 0: the function gave no rows$/],
    ['no iterable', () => undefined as never, /^train, epoch 0: expected an iterable of objects/],
    ['one class', () => [{ text: 'a', label: 1 }], /train has one class only/],
  ])('that gives %s is refused at once', async (_, train, message) => {
    await expect(open({ train })).rejects.toThrow(message);
  });
});

describe('rows by number', () => {
  /** Rows as a store of its own gives them, every other one as a promise; what is asked for is taken down. */
  class Store {
    readonly asked: number[] = [];
    readonly #rows: readonly object[];
    constructor(rows: readonly object[]) {
      this.#rows = rows;
    }
    get length(): number {
      return this.#rows.length;
    }
    get(index: number): object | Promise<object> {
      this.asked.push(index);
      const row = this.#rows[index]!;
      return index % 2 === 0 ? row : new Promise((resolve) => setImmediate(() => resolve(row)));
    }
  }

  test.each<[string, More]>([
    ['shuffled, weighed and held out', { weights: 'weight', classWeights: 'balanced', evalSplit: 0.1 }],
    ['drawn by class', { sampling: 'balanced' }],
    ['drawn by weight', { sampling: 'weighted', weights: 'weight' }],
    ['as they come, under other names of classes', { sampling: 'sequential', modelLabels: ['spam', 'ham', 'eggs'] }],
    ['apart where texts are equal', { distinct: ['text'] }],
  ])('make the batches of an array: %s', async (_, more) => {
    const rows = samples.map((row, i) => (i % 7 === 3 ? { ...row, text: samples[0]!.text } : row));
    const store = new Store(rows);
    const [array, data] = [
      await open({ train: rows, test: evaluation }, more),
      await open({ train: store, test: new Store(evaluation) }, more),
    ];
    expect(store.asked).toEqual([...rows.keys()]);
    expect(data.labels.names).toEqual(array.labels.names);
    for (const part of ['train', 'eval', 'test'] as const) {
      const [own, other] = [data[part], array[part]];
      if (!other) continue;
      for (const key of ['samples', 'classCounts', 'classWeights'] as const) expect(own![key]).toEqual(other[key]);
      for (const epoch of [0, 1]) expect(await batchesOf(own!, { epoch })).toEqual(await batchesOf(other, { epoch }));
      expect(own!.location(3)).toBe(other.location(3));
    }
    expect([data.train.repeats, data.train.table]).toEqual([false, undefined]);
    if (!more.evalSplit) expect(data.train.hash).toBe(array.train.hash);
    else expect(new Set([data.train.hash, data.eval!.hash, array.train.hash]).size).toBe(3);
  });

  test('are asked for from the batch that is wanted on', async () => {
    const store = new Store(samples);
    const { train } = await open({ train: store });
    store.asked.length = 0;
    const batches = await batchesOf(train, { from: 24 });
    expect(store.asked).toEqual(batches.flatMap(({ samples: numbers }) => numbers));
    expect(batches).toHaveLength(2);
  });

  const cause = new Error('the store is closed');
  const later = (row: (i: number) => object | Promise<object>, length = () => samples.length) => {
    let passed = false;
    const access = {
      get length() {
        return passed ? length() : samples.length;
      },
      get: (i: number) => (passed ? row(i) : samples[i]!),
    };
    return { access, pass: () => (passed = true) };
  };
  test.each<[string, ReturnType<typeof later>, RegExp]>([
    [
      'throws',
      later(() => {
        throw cause;
      }),
      /^train:row \d+: .* failed when it was asked for: the store is closed/,
    ],
    [
      'rejects',
      later(() => Promise.reject(cause)),
      /^train:row \d+: .* failed when it was asked for: the store is clo/,
    ],
    [
      'gives none',
      later(() => undefined as never),
      /^train:row \d+: a row must be an object .* found a value of type undef/,
    ],
    ['has another label', later(() => ({ text: 'a', label: 'tuna' })), /^train:row \d+: unknown label 'tuna'/],
    [
      'has fewer rows',
      later(
        (i) => samples[i]!,
        () => 7,
      ),
      /^train: 'length' was 203 when .* opened and is 7 now/,
    ],
  ])('that a store no longer has are refused when it %s', async (_, { access, pass }, message) => {
    const { train } = await open({ train: access });
    pass();
    await expect(batchesOf(train)).rejects.toThrow(message);
  });

  test.each<[string, object, RegExp]>([
    [
      'no length',
      { length: '3', get: () => ({}) },
      /^train: 'length' must be the number of rows .* found the text '3'/,
    ],
    ['no row', { length: 0, get: () => ({}) }, /^train holds no rows$/],
    ['another key', { length: 1, get: () => ({ text: 'a' }) }, /^train:row 0: no column 'label'/],
  ])('with %s are refused at once', async (_, train, message) => {
    await expect(open({ train: train as GivenData })).rejects.toThrow(message);
  });
});

describe('tensors in memory', () => {
  const specs: readonly ColumnSpec[] = [
    { role: 'x', kind: 'tensor', name: 'x' },
    { role: 'y', kind: 'numbers', name: 'y' },
    { role: 'label', kind: 'class', name: 'label' },
  ];
  const x = { data: Float32Array.from({ length: 12 }, (_, i) => i / 2), shape: [3, 2, 2] };
  const y = { data: Int32Array.from([1, 2, 3]), shape: [3] };
  const label = { data: BigInt64Array.from([0n, 1n, 1n]), shape: [3] };

  async function first(data: Splits): Promise<Samples> {
    for await (const batch of data.train.rows({ batchSize: 8, seed: 0, epoch: 0, sequentialPass: true })) return batch;
    throw new Error('there are no samples');
  }

  test('become tensors, numbers and classes, and are copied', async () => {
    const data = await open({ train: { tensors: { x, y, label } } }, { columns: specs });
    const { slices, location } = await first(data);
    const values = ofKind(slices, 'x', 'tensor')!;
    expect([values.dtype, values.shape]).toEqual(['float32', [2, 2]]);
    x.data[4] = 99;
    const reader = new TensorReader();
    const row = Buffer.from(reader.bytes(values, 1));
    reader.close();
    x.data[4] = 2;
    expect(row.readFloatLE(0)).toBe(2);
    expect([...ofKind(slices, 'y', 'numbers')!.values]).toEqual([1, 2, 3]);
    expect([...ofKind(slices, 'label', 'class')!.values]).toEqual([0, 1, 1]);
    expect(data.labels.names).toEqual(['0', '1']);
    expect(location(2)).toBe('train:row 2');
  });

  test('are held out, weighed, and known by what they hold', async () => {
    const weights = { data: Float32Array.from([1, 0, 2]), shape: [3] };
    const tensors = { x, y, label, weights };
    const more = { columns: specs, weights: 'weights' };
    const data = await open({ train: { tensors } }, more);
    expect([...(await first(data)).weights]).toEqual([1, 0, 2]);
    const shared = new Float32Array(new SharedArrayBuffer(52), 4, 12);
    shared.set(x.data);
    const again = await open({ train: { tensors: { ...tensors, x: { ...x, data: shared } } } }, more);
    expect(again.train.hash).toBe(data.train.hash);
    shared[0] = 9;
    expect((await open({ train: { tensors: { ...tensors, x: { ...x, data: shared } } } }, more)).train.hash).not.toBe(
      data.train.hash,
    );
  });

  test.each<[string, object, RegExp]>([
    [
      'other numbers of samples',
      { x, y: { ...y, shape: [1, 3] } },
      /tensor 'x' has the shape \[3,2,2\], tensor 'y' \[1,3\]/,
    ],
    ['fewer numbers', { x: { ...x, shape: [3, 5] } }, /train: tensor 'x': shape \[3,5\] takes 15 numbers, found 12/],
    [
      'another type',
      { x: { data: [1, 2], shape: [2] } },
      /train: tensor 'x': 'data' must be a Float32Array, BigInt64Ar/,
    ],
    ['no shape', { x: { data: x.data } }, /train: tensor 'x': 'shape' must be a list of whole numbers/],
    ['none of them', {}, /train: 'tensors' must be an object of \{ data, shape \} by name/],
    ['none of this name', { x, y }, /train: there is no tensor 'label'; found 'x', 'y'/],
    ['classes by the row', { x, y, label: { data: new Int32Array(6), shape: [3, 2] } }, /train: 'label' has the shape/],
  ])('with %s are refused', async (_, tensors, message) => {
    await expect(open({ train: { tensors } as GivenData }, { columns: specs })).rejects.toThrow(message);
  });

  test('hold no texts', async () => {
    const opening = open({ train: { tensors: { text: x, label } } });
    await expect(opening).rejects.toThrow(/train: tensors hold no text for 'text'; give a table/);
  });
});

describe('a task of pictures', () => {
  const pictures: readonly ColumnSpec[] = [{ role: 'image', kind: 'picture', name: 'image' }];

  test('reads rows with the bytes of pictures, or with their paths', async () => {
    const image = Buffer.from('no picture');
    const more = { columns: [...pictures, columns[1]!], weights: 'weight', sampling: 'sequential' } as const;
    const rows = [
      { image, label: 'cat', weight: 2 },
      { image: Uint8Array.from(image), label: 'dog', weight: 1 },
    ];
    const first = async ({ train }: Splits): Promise<Samples> => {
      for await (const batch of train.rows({ batchSize: 2, seed: 0, epoch: 0 })) return batch;
      throw new Error('there are no samples');
    };
    const data = await open({ train: slowly(rows), test: rows }, more);
    const { weights, location, slices } = await first(data);
    expect([[...weights], location(1), data.labels.names]).toEqual([[2, 1], 'train:row 1', ['cat', 'dog']]);
    expect([...ofKind(slices, 'label', 'class')!.values]).toEqual([0, 1]);
    expect(data.notes.join()).toMatch(/^1 of 2 pictures repeat .*train:row 1, the same as train:row 0/);
    const paths = await open({ train: [rows[0]!, rows[1]!].map((row, i) => ({ ...row, image: `${i}.png` })) }, more);
    expect((await first(paths)).location(1)).toBe('1.png');
  });

  test.each<[string, object[], RegExp]>([
    [
      'no picture',
      [{ image: 3, label: 1 }],
      /^train:row 0: column 'image' must hold the path of a picture, or the byt/,
    ],
    ['no column', [{ picture: 'a', label: 1 }], /^train:row 0: no column 'image'; found 'picture', 'label'/],
    [
      'both forms',
      [
        { image: 'a.png', label: 1 },
        { image: new Uint8Array(1), label: 1 },
      ],
      /^train:row 1: column 'image' holds bytes in some rows and paths in others/,
    ],
  ])('refuses rows with %s', async (_, train, message) => {
    await expect(open({ train }, { columns: [...pictures, columns[1]!] })).rejects.toThrow(message);
  });

  test.each<[string, GivenData]>([
    ['rows by number', { length: 1, get: () => samples[0]! }],
    ['a function', () => samples],
    ['tensors', { tensors: { image: { data: new Uint8Array(3), shape: [3] } } }],
  ])('refuses %s and says what to give', async (_, train) => {
    const opening = open({ train }, { columns: pictures });
    await expect(opening).rejects.toThrow(/pictures.*give .*\{ images: … \}/);
    await expect(opening).rejects.toBeInstanceOf(UsageError);
  });
});

test('options without data in memory stay as they are', () => {
  const options = { train: ['a.jsonl', 'b.jsonl'], eval: 'c.csv', groups: [{ lr: 1 }], signal: () => 1, data: 7 };
  expect(withoutGiven(options)).toEqual({ options, given: { data: {} } });
  expect(withoutGiven({ train: [], test: undefined }).options).toEqual({ train: [], test: undefined });
  expect(() => inputOf(['rows:train'], {})).toThrow(/rows:train stands for data in memory.*not by a name/);
  expect(inputOf(['plain.jsonl'], {})).toEqual({ files: ['plain.jsonl'] });
});
