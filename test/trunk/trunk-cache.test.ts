// Runs on a frozen trunk: the same bits whether its activations are kept or not, however the run is stopped, and what
// becomes of the files.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compare } from '#ortune/compare/compare.js';
import type { TrainOptions } from '#ortune/config/train-schema.js';
import type { TrainResult, TrunkEvent } from '#ortune/events.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { hash } from '#ortune/random.js';
import { Trainer } from '#ortune/train/trainer.js';
import { smallProblem } from '../support/small-problem.js';
import { newRuns, type Run, train } from '../support/train.js';

const { path, write } = smallProblem();

// Texts of 1 to 50 words: two buckets, and batches that mix them.
const words = 'win prize cash free offer click meeting patch kernel list report thanks'.split(' ');
const texts = Array.from({ length: 90 }, (_, i) => ({
  label: i % 3 === 0 ? 'spam' : 'ham',
  text: Array.from({ length: 1 + (hash(i, 1, 0) % 50) }, (_, k) => words[hash(i, 2, k) % words.length]).join(' '),
}));
const lines = texts.map((row) => JSON.stringify(row));
write('texts.jsonl', lines.join('\n'));
write('dev.jsonl', lines.slice(0, 30).join('\n'));
const tokenizer = buildWordPiece(words, { minFrequency: 1, maxLength: 64 });
writeEncoder(path('two'), { layers: 2, hidden: 32, heads: 2, positions: 64, labels: ['ham', 'spam'], tokenizer });

const config = newRuns(path, {
  model: path('two'),
  train: path('texts.jsonl'),
  eval: path('dev.jsonl'),
  freeze: 'trunk',
  epochs: 3,
  batchSize: 8,
  dropout: 0.1,
});

const lowerLayer = ['*embeddings*', '*layer.0.*'];

async function watched(options: TrainOptions) {
  const events: TrunkEvent[] = [];
  const evaluations: number[] = [];
  const trainer = new Trainer(options);
  trainer.on('trunk', (event) => events.push(event));
  trainer.on('evaluation', ({ metrics }) => evaluations.push(metrics.loss));
  const losses: number[] = [];
  trainer.on('step', ({ loss }) => losses.push(loss));
  const warnings: string[] = [];
  trainer.on('warning', ({ message }) => warnings.push(message));
  const result = await trainer.run();
  const model = readFileSync(join(result.output, 'onnx/model.onnx'));
  return { result, events, evaluations, losses, warnings, model, complete: events.filter((e) => e.complete) };
}

/** A run that nothing disturbs, which others end like. */
let whole: ReturnType<typeof train> | undefined;
const undisturbed = (): ReturnType<typeof train> => {
  whole ??= train(config());
  return whole;
};

const filesIn = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : []);
const cacheOf = ({ output }: Pick<Run, 'output'>): string => join(output, 'cache');

describe('a run on a frozen trunk', () => {
  it.each<[string, Partial<TrainOptions>]>([
    ['the head alone', {}],
    ['all above the first layer', { freeze: lowerLayer }],
    [
      'with drawn samples, short batches and steps of several',
      { sampling: 'balanced', batchSize: 7, gradientAccumulationSteps: 2 },
    ],
    ['with streamed samples', { streaming: true, shuffleBuffer: 24 }],
  ])('gives the same bits whether its activations are kept or not: %s', async (_, more) => {
    const without = await watched(config({ ...more, trunkCache: false }));
    const options = config(more);
    const kept = await watched(options);
    expect(kept.losses).toEqual(without.losses);
    expect(kept.evaluations).toEqual(without.evaluations);
    expect(kept.model.equals(without.model)).toBe(true);
    expect(kept.complete.map(({ data, samples, reused }) => ({ data, samples, reused }))).toEqual([
      { data: 'train', samples: 90, reused: false },
      { data: 'eval', samples: 30, reused: false },
    ]);
    expect(kept.result.trunkCache).toMatchObject({ samples: 120, reused: false });
    expect(filesIn(cacheOf(options))).toHaveLength(2);
    expect(without.events).toEqual([]);
    expect(without.result.trunkCache).toBeUndefined();
  });

  it('tells how far it is, and keeps one vector of each text for a head', async () => {
    const { events, complete, result } = await watched(config());
    const training = events.filter(({ data }) => data === 'train');
    const done = training.map((event) => event.done);
    expect(done[0]).toBe(0);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(done.at(-1)).toBe(90);
    expect(training[0]!.bytes).toBe(90 * 4 * 32);
    expect(complete.map(({ bytes }) => bytes)).toEqual([90 * 4 * 32, 30 * 4 * 32]);
    expect(result.trunkCache!.bytes).toBe(120 * 4 * 32);
  });

  it('is in the lines of the run, and counts a cut text once', async () => {
    const options = config({ maxLength: 16 });
    const { result, warnings } = await watched(options);
    const plain = await watched(config({ maxLength: 16, trunkCache: false }));
    expect(result.truncated).toBe(plain.result.truncated);
    expect(result.truncated).toBeGreaterThan(10);
    expect(warnings).toEqual(plain.warnings);
    const records = readFileSync(`${options.output}/metrics.jsonl`, 'utf8').trimEnd().split('\n');
    const trunk = records.map((line) => JSON.parse(line)).filter(({ event }) => event === 'trunk');
    expect(trunk.map(({ data, complete }) => [data, complete])).toEqual([
      ['train', true],
      ['eval', true],
    ]);
  });

  it.each<[string, Partial<TrainOptions>, string[]]>([
    ['nothing is frozen', { freeze: [] }, []],
    ['what is frozen lies above what trains', { freeze: '*layer.1.*' }, []],
    ['the samples are gone over once', { epochs: 1 }, []],
    ['they are evaluated once', { evalSteps: 100 }, ['train']],
    [
      'masks differ from epoch to epoch',
      { task: 'masked-lm', model: 'models/tiny-en', freeze: lowerLayer, maxSteps: 13 },
      [],
    ],
  ])('keeps nothing that does not pay: %s', async (_, more, parts) => {
    const options = config(more);
    const { complete } = await watched(options);
    expect(complete.map(({ data }) => data)).toEqual(parts);
    expect(filesIn(cacheOf(options))).toHaveLength(parts.length);
  });
});

describe('a stopped run', () => {
  it.each([2, 25])('goes on after step %d to the bits of an undisturbed one', async (step) => {
    const whole = await undisturbed();
    const options = config();
    const stop = new AbortController();
    await train(options, { signal: stop.signal, onStep: (at) => at === step && stop.abort() });
    const after = await train({ ...options, resume: 'latest' });
    expect(after.bits).toBe(whole.bits);
    expect(after.result.trunkCache).toMatchObject({ reused: true });
  });

  it('leaves nothing half-written when it is aborted while activations are computed', async () => {
    const options = config();
    const stop = new AbortController();
    const trainer = new Trainer(options).on('trunk', ({ done }) => done > 0 && stop.abort(new Error('enough')));
    await expect(trainer.run({ signal: stop.signal })).rejects.toThrow('enough');
    expect(filesIn(cacheOf(options))).toEqual([]);
    expect(existsSync(`${options.output}/metrics.jsonl`)).toBe(false);
    await train(options);
  });

  it('may be killed while activations are computed', async () => {
    const options = config();
    const child = spawn(process.execPath, ['test/train/children/kill-in-trunk.mjs', JSON.stringify(options)]);
    const [code, signal] = await once(child, 'exit');
    expect([code, signal]).toEqual([null, 'SIGKILL']);
    expect(filesIn(cacheOf(options)).every((name) => name.endsWith('.partial'))).toBe(true);
    const { result } = await train(options);
    expect(result.trunkCache).toMatchObject({ samples: 120, reused: false });
    expect(filesIn(cacheOf(options)).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });
});

describe('activations that are there', () => {
  const trunkCacheDirectory = path('shared');
  const share = (more: Partial<TrainOptions> = {}) => config({ trunkCacheDirectory, ...more });
  const reused = ({ result }: { result: TrainResult }) => result.trunkCache?.reused;

  it('serve another head, other rates and more epochs, and no other trunk, data or shapes', async () => {
    const first = await watched(share());
    expect(reused(first)).toBe(false);
    const same: Partial<TrainOptions>[] = [
      { learningRate: 1e-2, epochs: 2 },
      { headLayers: [16], seed: 3, classWeights: 'balanced' },
    ];
    for (const more of same) expect(reused(await watched(share(more))), JSON.stringify(more)).toBe(true);
    expect(filesIn(trunkCacheDirectory)).toHaveLength(2);
    const changed = path('changed');
    cpSync(path('two'), changed, { recursive: true });
    const other = JSON.parse(readFileSync(`${changed}/tokenizer_config.json`, 'utf8'));
    writeFileSync(`${changed}/tokenizer_config.json`, JSON.stringify({ ...other, changed: true }));
    const files = {
      train: write('fewer.jsonl', lines.slice(1).join('\n')),
      eval: write('few.jsonl', lines.slice(0, 29).join('\n')),
    };
    const others: Partial<TrainOptions>[] = [{ maxLength: 32 }, { init: 'random', seed: 1 }, { model: changed }, files];
    for (const more of others) expect(reused(await watched(share(more))), JSON.stringify(more)).toBe(false);
  });

  it('are computed anew where they are damaged, with a word', async () => {
    const options = config();
    const first = await watched(options);
    const [name] = filesIn(cacheOf(options));
    const file = join(cacheOf(options), name!);
    const bytes = readFileSync(file);
    bytes[40]! ^= 1;
    writeFileSync(file, bytes);
    const again = await watched({ ...options, overwrite: true });
    expect(again.warnings.filter((text) => text.includes('computed anew'))).toEqual([
      `${file} cannot be used: its content is not what was written; it is computed anew`,
    ]);
    expect(again.model.equals(first.model)).toBe(true);
    expect(again.result.trunkCache).toMatchObject({ reused: false });
    expect(reused(await watched({ ...options, overwrite: true }))).toBe(true);
  });

  it('stay within their bound: older ones go, larger ones are not kept', async () => {
    const directory = path('bounded');
    mkdirSync(directory);
    const old = join(directory, `${'0'.repeat(32)}.activations`);
    writeFileSync(old, Buffer.alloc(4000));
    utimesSync(old, 1, 1);
    const bounded = (trunkCacheMaxBytes: number) => config({ trunkCacheDirectory: directory, trunkCacheMaxBytes });
    const without = await watched(config({ trunkCache: false }));
    const refused = await watched(bounded(2000));
    expect(refused.warnings.at(-1)).toBe(
      'the activations of the frozen trunk for 30 samples (eval) would take at least 4 kB, trunkCacheMaxBytes allows 2 kB; every epoch computes them anew',
    );
    expect(refused.result.trunkCache).toBeUndefined();
    expect(refused.model.equals(without.model)).toBe(true);
    expect(filesIn(directory)).toHaveLength(1);
    await watched(bounded(18_000));
    expect(existsSync(old)).toBe(false);
    expect(filesIn(directory)).toHaveLength(2);
  });

  it('are not kept where they grow too large on the way, or cannot be written', async () => {
    const large = await watched(config({ freeze: lowerLayer, trunkCacheMaxBytes: 400_000 }));
    expect(large.warnings.filter((text) => text.includes('would take more than'))).toHaveLength(1);
    expect(large.complete.map(({ data }) => data)).toEqual(['eval']);
    const blocked = await watched(config({ trunkCacheDirectory: write('a-file', '') }));
    expect(blocked.warnings.filter((text) => text.includes('cannot be kept in'))).toHaveLength(2);
    expect(blocked.result.trunkCache).toBeUndefined();
  });
});

it('a comparison shares them between seeds and with itself when it goes on', async () => {
  const output = path('compared');
  const reused: (boolean | undefined)[] = [];
  const { model, batchSize } = config();
  const data = { train: path('texts.jsonl'), eval: path('dev.jsonl') };
  await compare(
    {
      model: model as string,
      ...data,
      batchSize,
      output,
      epochs: 2,
      strategies: ['frozen'],
      seeds: [0, 1],
      threads: 1,
    },
    { onRun: (_, trainer) => trainer.on('trunk', (event) => event.complete && reused.push(event.reused)) },
  );
  expect(reused).toEqual([false, false, true, true]);
  expect(filesIn(join(output, 'cache'))).toHaveLength(2);
});
