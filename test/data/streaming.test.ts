// Training data that stays in its files: the same samples as in memory, block by block.

import { renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { ofKind } from '#ortune/data/columns.js';
import { DataError } from '#ortune/errors.js';
import { batchesOf, columns, corpora, corpus, type Seen } from './corpora.js';

const { write, path, open, closeAll, remove } = corpora();
afterEach(closeAll);
afterAll(remove);

const samples = corpus(403);
const files = [
  write('a.jsonl', samples.slice(0, 150)),
  write('b.jsonl', []),
  path('c.csv.gz'),
  write('d.jsonl', samples.slice(300)),
];
const csv = samples.slice(150, 300).map(({ text, label, weight }) => `"${text}",${label},${weight}\n`);
writeFileSync(files[2]!, gzipSync(`text,label,weight\n${csv.join('')}`));

const stream = (options: object = {}, train: readonly string[] = files) =>
  open({ train, streaming: true, shuffleBuffer: 60, ...options });
const flat = <K extends 'samples' | 'texts' | 'places'>(batches: Seen[], key: K) =>
  batches.flatMap((batch) => batch[key] as Seen[K][number][]);
const ascending = (numbers: (number | string)[]) => [...numbers].sort((a, b) => Number(a) - Number(b));
const every = samples.map((_, i) => i);

describe('a stream', () => {
  test('is known by the same counts, classes, hash and repeated texts as the data in memory', async () => {
    const evaluation = [write('eval.jsonl', [...samples.slice(0, 4), ...corpus(3, 900)])];
    const twice = [...files, write('twice.jsonl', samples.slice(7, 9))];
    const weighted = { columns: { ...columns, weight: 'weight' }, classWeights: 'balanced', eval: evaluation } as const;
    const inMemory = await open({ train: twice, ...weighted });
    const streamed = await stream(weighted, twice);
    expect(streamed.labels.names).toEqual(inMemory.labels.names);
    expect(streamed.notes).toEqual(inMemory.notes);
    expect(streamed.notes).toHaveLength(2);
    for (const key of ['files', 'samples', 'hash', 'classCounts', 'classWeights'] as const)
      expect(streamed.train[key]).toEqual(inMemory.train[key]);
    expect(streamed.train.batches(8)).toBe(51);
  });

  test('has every sample once in each epoch, in another order each time', async () => {
    const { train } = await stream();
    const orders: number[][] = [];
    for (let epoch = 0; epoch < 3; epoch++) {
      const batches = await batchesOf(train, { epoch });
      expect(batches.map((b) => b.index)).toEqual(Array.from({ length: 51 }, (_, i) => i));
      expect(batches.map((b) => b.samples.length)).toEqual([...new Array(50).fill(8), 3]);
      const order = flat(batches, 'samples') as number[];
      expect(ascending(order)).toEqual(every);
      expect(flat(batches, 'texts')).toEqual(order.map((i) => samples[i]!.text));
      orders.push(order);
    }
    expect(orders[1]).not.toEqual(orders[0]);
    expect(new Set(orders.map((order) => [150, 300, 403].findIndex((end) => order[0]! < end))).size).toBeGreaterThan(1);
    const again = await stream();
    expect(flat(await batchesOf(again.train, { epoch: 1 }), 'samples')).toEqual(orders[1]);
  });

  test('goes on at any batch as it would have, in the same process or another', async () => {
    const { train } = await stream();
    const all = await batchesOf(train, { epoch: 1 });
    for (const from of [0, 3, 8, 22, 50, 51])
      expect(await batchesOf(train, { epoch: 1, from })).toEqual(all.slice(from));
    const again = await stream();
    expect(await batchesOf(again.train, { epoch: 1, from: 29 })).toEqual(all.slice(29));
  });

  test('is shuffled within blocks of the buffer, rounded up to whole batches, and follows the files between them', async () => {
    const { train } = await stream({ shuffleBuffer: 50 }, files.slice(0, 1));
    const order = flat(await batchesOf(train), 'samples') as number[];
    for (let block = 0; block * 56 < order.length; block++) {
      const members = order.slice(56 * block, 56 * (block + 1));
      expect(ascending(members)).toEqual(every.slice(56 * block, Math.min(56 * (block + 1), 150)));
      expect(members).not.toEqual(ascending(members));
    }
  });

  test('follows the files where sampling is sequential', async () => {
    const { train } = await stream({ sampling: 'sequential' });
    expect(flat(await batchesOf(train, { epoch: 4 }), 'samples')).toEqual(every);
  });

  test('groups texts of similar length, unless told not to', async () => {
    const spread = async (groupByLength: boolean) => {
      const { train } = await stream({ shuffleBuffer: 200, groupByLength });
      const batches = await batchesOf(train);
      return batches.reduce((sum, { texts }) => {
        const lengths = texts.map((text) => text.length);
        return sum + Math.max(...lengths) - Math.min(...lengths);
      }, 0);
    };
    expect(await spread(true)).toBeLessThan((await spread(false)) / 4);
  });

  test('has classes in the order of the model, weights and places', async () => {
    const data = await stream({
      columns: { ...columns, weight: 'weight' },
      classWeights: { spam: 3 },
      modelLabels: ['spam', 'ham', 'eggs'],
    });
    for (const batch of await batchesOf(data.train))
      for (const [row, i] of batch.samples.entries()) {
        const { label, weight } = samples[i]!;
        expect(batch.labels[row]).toBe(['spam', 'ham', 'eggs'].indexOf(String(label)));
        expect(batch.weights[row]).toBe(weight! * (label === 'spam' ? 3 : 1));
        const place = i < 150 ? `${files[0]}:${i + 1}` : i < 300 ? `${files[2]}:${i - 148}` : `${files[3]}:${i - 299}`;
        expect(batch.places[row]).toBe(place);
      }
    expect(data.train.location(300)).toBe(`${files[3]}, record 1`);
    expect(data.classCounts).toEqual([80, 283, 40]);
  });

  test('may be read by two iterations at once, and left in the middle of a block', async () => {
    const { train } = await stream();
    const expected = [await batchesOf(train), await batchesOf(train, { epoch: 1 })];
    const left = train.rows({ batchSize: 8, seed: 5, epoch: 2 });
    await left.next();
    await left.return();
    expect(await Promise.all([batchesOf(train), batchesOf(train, { epoch: 1 })])).toEqual(expected);
  });

  test('keeps two blocks in memory, whatever its size', async () => {
    const { train } = await stream({ shuffleBuffer: 16 });
    const chunks = new Set<SharedArrayBuffer>();
    let bytes = 0;
    for await (const rows of train.rows({ batchSize: 8, seed: 0, epoch: 0 })) {
      for (const chunk of ofKind(rows.slices, 'text', 'text')!.chunks) {
        chunks.add(chunk);
        bytes = Math.max(bytes, chunk.byteLength);
      }
    }
    // A batch has bytes of its own, no more than its texts.
    expect(chunks.size).toBe(51);
    expect(bytes).toBeLessThan(8 * 600);
  });

  test('ends with an abort, whose reason it throws', async () => {
    const { train } = await stream();
    const controller = new AbortController();
    const reason = new Error('stop now');
    let count = 0;
    const reading = (async () => {
      for await (const _ of train.rows({ batchSize: 8, seed: 5, epoch: 0, signal: controller.signal }))
        if (++count === 3) controller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
    expect(count).toBe(3);
    expect(await batchesOf(train)).toHaveLength(51);
  });
});

describe('a streamed file', () => {
  const fails = async (change: (file: string) => void, message: RegExp): Promise<void> => {
    const file = write('changing.jsonl', samples.slice(0, 100));
    const { train } = await stream({}, [file]);
    expect(flat(await batchesOf(train), 'samples')).toHaveLength(100);
    change(file);
    const reading = batchesOf(train, { epoch: 1 });
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toBeInstanceOf(DataError);
    await closeAll();
  };

  test('must not change during the run', async () => {
    const changed = /changing\.jsonl has changed since the run began/;
    await fails((file) => writeFileSync(file, `${JSON.stringify(samples[0])}\n`), changed);
    await fails((file) => utimesSync(file, 1, 1), changed);
    await fails((file) => renameSync(file, `${file}.old`), /changing\.jsonl is gone/);
    rmSync(path('changing.jsonl.old'));
  });

  test('is refused for a broken line before training, by its place', async () => {
    writeFileSync(path('broken.jsonl'), `${JSON.stringify(samples[0])}\n{"text":`);
    await expect(stream({}, [files[0]!, path('broken.jsonl')])).rejects.toThrow(/broken\.jsonl:2: not a JSON value/);
    await expect(stream({}, [files[1]!])).rejects.toThrow(/b\.jsonl holds no records/);
    await expect(stream({}, [files[1]!, write('e.jsonl', [])])).rejects.toThrow(/b\.jsonl, .*e\.jsonl hold no records/);
    await expect(stream({}, [write('one.jsonl', samples.slice(0, 7))])).rejects.toThrow(/one class only/);
  });
});
