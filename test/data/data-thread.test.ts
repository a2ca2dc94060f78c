// The thread that reads: what becomes of those who wait when it dies, is closed or is no longer wanted, and what it
// spares the thread that waits.

import { getEventListeners, once } from 'node:events';
import { createWriteStream, readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { finished } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { DataError, OrtuneError, UsageError } from '#ortune/errors.js';
import { itWhere, noProc } from '../support/describe-where.js';
import { batchesOf, corpora, corpus } from './corpora.js';

const { write, path, open, closeAll, remove } = corpora();
afterEach(closeAll);
afterAll(remove);

const file = write('train.jsonl', corpus(403));
const threads = (): number => readdirSync('/proc/self/task').length;

/** Takes note of the failure at once, however late it is asked for. */
const failureOf = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => new Error('nothing failed'),
    (error: Error) => error,
  );

describe('a data thread that dies', () => {
  test('is an error for those who wait for it, and is replaced for the next', async () => {
    const data = await open({ train: [file] });
    const expected = await batchesOf(data.train, { epoch: 3 });
    await batchesOf(data.train, { epoch: 4, from: 30 }); // whose order was requested ahead
    const idle = data.threads[0]!.terminate();
    const first = await failureOf(batchesOf(data.train, { epoch: 10 }));
    await idle;
    const another = failureOf(batchesOf(data.train, { epoch: 20 }));
    await data.threads[0]!.terminate(); // before it is ready
    for (const failure of [first, await another]) {
      expect(failure).toBeInstanceOf(OrtuneError);
      expect(failure.message).toMatch(
        /^the thread that reads the data (died|cannot be started): it ended with code \d/,
      );
    }
    expect(await batchesOf(data.train, { epoch: 3 })).toEqual(expected);
    expect(await batchesOf(data.train, { epoch: 4 })).toHaveLength(51);
  });

  test('in the middle of a stream ends the iteration; another one starts over', async () => {
    const { train, threads } = await open({ train: [file], streaming: true, shuffleBuffer: 40 });
    const expected = await batchesOf(train);
    const idle = threads[0]!.terminate();
    const waiting = failureOf(batchesOf(train, { epoch: 1, from: 30 }));
    await idle;
    expect((await waiting).message).toMatch(/the thread that reads the data died/);
    expect(await batchesOf(train)).toEqual(expected);
  });
});

describe('the end', () => {
  itWhere(noProc, 'leaves no thread, also after errors and aborts', async () => {
    const before = threads();
    const { signal } = new AbortController();
    const data = await open({ train: [file] }, signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(threads()).toBeGreaterThan(before);
    const waiting = failureOf(batchesOf(data.train, { epoch: 9 }));
    await data.close();
    await data.close();
    expect((await waiting).message).toMatch(/the data is closed/);
    await expect(open({ train: [path('none.jsonl')] })).rejects.toBeInstanceOf(DataError);
    await expect(open({ train: [path('none-*.jsonl')] })).rejects.toBeInstanceOf(UsageError);
    await setImmediate();
    expect(threads()).toBeLessThanOrEqual(before);
  });

  test('comes with an abort while files are read, whose reason it throws', async () => {
    const reason = new Error('never mind');
    await expect(open({ train: [file] }, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const opening = open({ train: [file] }, controller.signal);
    controller.abort(reason);
    await expect(opening).rejects.toBe(reason);
  });
});

test('a million records neither hold up the event loop nor fill the heap', async () => {
  const out = createWriteStream(path('million.jsonl'));
  const line = (i: number) => `{"text":"message ${i} about number ${(i * 7919) % 100_003}","label":${i % 4}}\n`;
  for (let i = 0; i < 1_000_000; i += 10_000)
    if (!out.write(Array.from({ length: 10_000 }, (_, k) => line(i + k)).join(''))) await once(out, 'drain');
  out.end();
  await finished(out);

  const heapBefore = process.memoryUsage().heapUsed;
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const { train, notes } = await open({ train: [path('million.jsonl')] });
  let [batches, heap] = [0, 0];
  for await (const rows of train.rows({ batchSize: 16, seed: 1, epoch: 0 })) {
    if (batches++ % 1000 > 0) continue;
    heap = Math.max(heap, process.memoryUsage().heapUsed);
    expect(rows.location(0)).toBe(`${path('million.jsonl')}:${rows.samples[0]! + 1}`);
    await setImmediate();
  }
  delay.disable();
  expect(batches).toBe(62_500);
  expect(notes).toEqual([]);
  expect(train.classCounts).toEqual([250_000, 250_000, 250_000, 250_000]);
  expect(heap - heapBefore).toBeLessThan(60 * 2 ** 20);
  // Every record as an object took the event loop for seconds; anything near that is far above a busy machine's noise.
  expect(delay.max / 1e6).toBeLessThan(500);
});
