import { getEventListeners } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { Batch, DataLoader } from '#ortune/data/loader.js';
import { epochOrder } from '#ortune/data/sampler.js';
import type { Samples } from '#ortune/data/samples.js';
import { classesOf } from '#ortune/data/samples.js';
import { bucketsUpTo } from '#ortune/data/sequence-lengths.js';
import { DataError, ModelError, UsageError } from '#ortune/errors.js';
import { itWhere, noProc } from '../support/describe-where.js';
import { type TextLoaderOptions, textLoader } from '../support/loaders.js';
import { samplesFor, tableFor } from '../support/tables.js';
import { sampleWords, wordPiece, writeTokenizer } from '../support/tokenizers.js';

const { tokenizer, config } = wordPiece(sampleWords);
const directory = writeTokenizer(tokenizer, config);
const inputs: TextLoaderOptions['inputs'] = [
  { name: 'input_ids', dtype: 'int64' },
  { name: 'attention_mask', dtype: 'int64' },
  { name: 'token_type_ids', dtype: 'int64' },
];
const words = ['the', 'free', 'money', 'meeting', 'click', 'here', 'lunch', 'mails'];
const records = Array.from({ length: 203 }, (_, i) => ({
  text: Array.from({ length: 1 + ((i * 31) % 90) }, (_, j) => words[(i + j * j) % 8]).join(' '),
  line: i + 1,
}));
const source = tableFor(
  'mails.jsonl',
  records.map((record, i) => ({ ...record, label: String(i % 3) })),
);
const lengths = source.length!.subarray(0, source.count);

const open: DataLoader[] = [];
async function feeder(options: Partial<TextLoaderOptions> = {}): Promise<DataLoader> {
  const made = await textLoader({ directory, inputs, batchSize: 8, maxLength: 64, ...options });
  open.push(made);
  return made;
}
afterEach(async () => {
  for (const made of open.splice(0)) await made.close();
});

/** Processes that this one started and that are in the system's table. */
const children = (): string[] =>
  readdirSync('/proc/self/task')
    .flatMap((thread) => readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' '))
    .filter(Boolean);

const plan = (options = {}) => epochOrder({ lengths, batchSize: 8, seed: 5, epoch: 0, ...options });
const rows = (order = plan(), from = 0) => samplesFor(source, 8, order, from);

interface Seen {
  samples: number[];
  length: number;
  tokens: number;
  truncated: number;
  inputs: Record<string, number[]>;
}
const copyOf = ({ samples, axes, tokens, truncated, inputs: views }: Batch): Seen => {
  const values = [...views].map(([name, view]) => [name, Array.from(view.data as ArrayLike<number | bigint>, Number)]);
  return { samples: [...samples], length: axes.tokens!, tokens, truncated, inputs: Object.fromEntries(values) };
};
async function drain(made: DataLoader, which = rows(), options = {}): Promise<Seen[]> {
  const seen: Seen[] = [];
  for await (const batch of made.batches(which, options)) {
    seen.push(copyOf(batch));
    batch.release();
  }
  return seen;
}

const niceOf = (thread: string): number =>
  Number(readFileSync(`/proc/self/task/${thread}/stat`, 'utf8').split(') ')[1]!.split(' ')[16]);

/** Threads of this process, where the system lists them. */
const threads = (): number => readdirSync('/proc/self/task').length;

describe('batches', () => {
  test('hold ids, mask and types padded to a bucket, labels and weights', async () => {
    const short = tableFor('x', [
      { text: 'lunch', line: 1, label: 'a', weight: 0.5 },
      { text: 'the free', line: 2, label: 'b', weight: 3 },
    ]);
    const made = await feeder({ batchSize: 3, buckets: [5, 8] });
    const { value: batch } = await made.batches(samplesFor(short, 3, Uint32Array.of(1, 0))).next();
    expect(batch).toMatchObject({
      index: 0,
      axes: { tokens: 5 },
      tokens: 7,
      truncated: 0,
      weights: { normaliser: 3.5 },
    });
    expect([batch!.samples, classesOf(batch!)]).toEqual([Uint32Array.of(1, 0), Int32Array.of(1, 0)]);
    expect(batch!.location(0)).toBe('x:2');
    const numbers = (name: string) => Array.from(batch!.inputs.get(name)!.data as BigInt64Array, Number);
    expect(numbers('input_ids')).toEqual([2, 5, 6, 3, 0, 2, 13, 3, 0, 0, 2, 13, 3, 0, 0]);
    expect(numbers('attention_mask')).toEqual([1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0]);
    expect(numbers('token_type_ids')).toEqual(new Array(15).fill(0));
    expect(numbers('labels')).toEqual([1, 0, 0]);
    expect(numbers('sample_weights')).toEqual([3, 0.5, 0]);
    expect(batch!.inputs.get('input_ids')!.shape).toEqual([3, 5]);
    expect(batch!.slot.state).toBe('bound');
    batch!.release();
    expect(batch!.slot.state).toBe('free');
  });

  test('are the same from one worker and from four, and in the order of the plan', async () => {
    const one = await drain(await feeder({ workers: 1 }));
    const four = await drain(await feeder({ workers: 4, batchesAhead: 7 }));
    expect(four).toEqual(one);
    expect(one.map(({ samples }) => samples)).toEqual(
      Array.from({ length: 26 }, (_, i) => [...plan().subarray(8 * i, 8 * i + 8)]),
    );
  });

  test('count the texts that were cut', async () => {
    const seen = await drain(await feeder({ maxLength: 20 }));
    const cut = records.filter(
      ({ text }) => text.replace(/meeting|mails/g, 'two tokens').split(' ').length > 18,
    ).length;
    expect(seen.reduce((sum, { truncated }) => sum + truncated, 0)).toBe(cut);
    for (const { length, inputs: views } of seen) expect(views.input_ids).toHaveLength(8 * Math.min(length, 20));
  });

  test('start anywhere in an epoch', async () => {
    const all = await drain(await feeder());
    expect(await drain(await feeder(), rows(plan(), 20))).toEqual(all.slice(20));
  });

  test('may be 32-bit and padded on the left', async () => {
    const left = writeTokenizer(tokenizer, { ...config, padding_side: 'left' });
    const made = await feeder({
      directory: left,
      inputs: [{ name: 'input_ids', dtype: 'int32' }],
      batchSize: 1,
      buckets: [6],
    });
    const one = tableFor('x', [{ text: 'the', line: 1 }]);
    const { value } = await made.batches(samplesFor(one, 1, Uint32Array.of(0))).next();
    expect(value!.inputs.get('input_ids')!.data).toEqual(Int32Array.of(0, 0, 0, 2, 5, 3));
    expect([...value!.inputs.keys()]).toEqual(['input_ids', 'labels', 'sample_weights']);
    value!.release();
  });

  test('of two iterations at once do not disturb each other', async () => {
    const made = await feeder({ workers: 2 });
    const training = made.batches(rows());
    const { value: first } = await training.next();
    const before = Array.from(first!.inputs.get('input_ids')!.data as BigInt64Array);
    expect(await drain(made, rows(plan({ sampling: 'sequential' })))).toHaveLength(26);
    expect(Array.from(first!.inputs.get('input_ids')!.data as BigInt64Array)).toEqual(before);
    first!.release();
    await training.return();
  });
});

describe('the end', () => {
  test('of an iteration left early frees what was prepared', async () => {
    const made = await feeder();
    const slots = new Set();
    for (let turn = 0; turn < 5; turn++)
      for await (const batch of made.batches(rows())) {
        slots.add(batch.slot);
        batch.release();
        break;
      }
    expect(slots.size).toBeLessThanOrEqual(5);
    expect(await drain(made)).toHaveLength(26);
  });

  test('comes with an abort, whose reason it throws', async () => {
    const controller = new AbortController();
    const made = await feeder();
    const reason = new Error('stop now');
    let count = 0;
    const running = (async () => {
      for await (const batch of made.batches(rows(), { signal: controller.signal })) {
        batch.release();
        if (++count === 3) controller.abort(reason);
      }
    })();
    await expect(running).rejects.toBe(reason);
    expect(count).toBe(3);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    expect(await drain(made)).toHaveLength(26);
  });

  itWhere(noProc, 'leaves no thread, also after errors and aborts', async () => {
    await drain(await feeder());
    for (const made of open.splice(0)) await made.close();
    const before = threads();
    const broken = await feeder({ workers: 3 });
    await expect(drain(broken, rows(), { signal: AbortSignal.abort() })).rejects.toThrow();
    const iteration = broken.batches(rows());
    await iteration.next();
    expect(threads()).toBeGreaterThan(before);
    await broken.close();
    await broken.close();
    await expect(iteration.next()).rejects.toThrow(/loader is closed/);
    await setImmediate();
    expect(threads()).toBe(before);
    await expect(drain(broken)).rejects.toThrow(UsageError);
  });
});

describe('a worker', () => {
  test('that dies is replaced and its batches are done again', async () => {
    const made = await feeder({ workers: 2 });
    const expected = await drain(made);
    const seen: Seen[] = [];
    let kills = 0;
    for await (const batch of made.batches(rows())) {
      seen.push(copyOf(batch));
      batch.release();
      if (seen.length % 8 === 4) {
        const [worker] = made.threads;
        await worker!.terminate();
        kills++;
      }
    }
    expect(kills).toBe(3);
    expect(seen).toEqual(expected);
  });

  test('that breaks three times on one batch is reported with its lines', async () => {
    const made = await feeder({ workers: 1 });
    async function* broken(): AsyncGenerator<Samples, void, void> {
      for await (const each of rows(plan({ sampling: 'sequential', groupByLength: false })))
        yield each.index === 1 ? { ...each, weights: undefined as never } : each;
    }
    const reading = (async () => {
      for await (const batch of made.batches(broken())) batch.release();
    })();
    await expect(reading).rejects.toThrow(/a worker died 3 times on the batch of mails\.jsonl lines 9, .*, 16: /);
    await expect(reading).rejects.toBeInstanceOf(DataError);
    expect(await drain(made)).toHaveLength(26);
  });

  itWhere(noProc, 'gives way to the trainer', async () => {
    const before = niceOf(String(process.pid));
    await drain(await feeder({ workers: 2 }));
    const nice = readdirSync('/proc/self/task').map((id) => niceOf(id));
    expect(nice.filter((value) => value === 10)).toHaveLength(2);
    expect(niceOf(String(process.pid))).toBe(before);
  });
});

describe('refused', () => {
  test('a directory without a tokenizer', async () => {
    await expect(feeder({ directory: '/nowhere' })).rejects.toBeInstanceOf(ModelError);
  });

  test('a broken tokenizer, by its file', async () => {
    const broken = writeTokenizer({}, {});
    await expect(drain(await feeder({ directory: broken }))).rejects.toThrow(/tokenizer\.json cannot be used/);
    writeFileSync(join(broken, 'tokenizer.json'), '{');
    await expect(feeder({ directory: broken })).rejects.toThrow(/tokenizer\.json is not valid JSON/);
  });

  test('a text without a token, by its file and line', async () => {
    const made = await feeder({ directory: writeTokenizer(tokenizer, { ...config, unk_token: '[NONE]' }) });
    const odd = tableFor('odd.csv', [
      { text: 'the', line: 2 },
      { text: '北京', line: 7 },
    ]);
    const reading = (async () => {
      for await (const batch of made.batches(samplesFor(odd, 8, Uint32Array.of(0, 1)))) batch.release();
    })();
    await expect(reading).rejects.toThrow(/odd\.csv:7: the text cannot be tokenised/);
    await expect(reading).rejects.toBeInstanceOf(DataError);
  });

  test('inputs that text cannot feed', async () => {
    await expect(feeder({ inputs: [{ name: 'pixel_values', dtype: 'float32' }] })).rejects.toThrow(
      /'pixel_values' cannot be fed/,
    );
    await expect(feeder({ inputs: [{ name: 'input_ids', dtype: 'float32' }] })).rejects.toThrow(
      /must be int64 or int32/,
    );
  });
});

test('buckets double from 32 or go by multiples, and end at the maximum length', () => {
  expect(bucketsUpTo(512)).toEqual([32, 64, 128, 256, 512]);
  expect(bucketsUpTo(100)).toEqual([32, 64, 100]);
  expect(bucketsUpTo(16)).toEqual([16]);
  expect(bucketsUpTo(50, 16)).toEqual([16, 32, 48, 50]);
});

itWhere(noProc, 'a loader that is closed leaves no process behind, not even a dead one', async () => {
  const before = children();
  const made = await feeder({ workers: 2 });
  await drain(made);
  expect(children().length).toBeGreaterThan(before.length);
  await made.close();
  expect(children()).toEqual(before);
});
