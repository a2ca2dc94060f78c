// Comparisons of real small runs: what is run, what is measured, and what is not run twice.

import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type CompareHooks, compare } from '#ortune/compare/compare.js';
import type { CompareOptions } from '#ortune/config/compare-schema.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { smallProblem } from '../support/small-problem.js';
import { weightHashes } from '../support/train.js';

const problem = smallProblem();
const { path, write, lines } = problem;

let comparisons = 0;
const config = (more: Partial<CompareOptions> = {}): CompareOptions => ({
  model: path('encoder'),
  train: path('train.jsonl'),
  test: path('test.csv'),
  output: path(`compare${comparisons++}`),
  maxSteps: 4,
  batchSize: 8,
  learningRate: 1e-3,
  threads: 1,
  seeds: 2,
  saveStrategy: 'no',
  ...more,
});

/** Compares and notes which runs were trained, as 'strategy seed', and which had been before. */
async function compared(options: CompareOptions, hooks: CompareHooks = {}) {
  const ran: string[] = [];
  const known: string[] = [];
  const result = await compare(options, {
    signal: hooks.signal,
    onRetrieved: hooks.onRetrieved ?? (() => {}),
    onRun: (run, trainer) => {
      ran.push(`${run.strategy} ${run.seed}`);
      hooks.onRun?.(run, trainer);
    },
    onResult: (run, result) => {
      if (result.known) known.push(`${run.strategy} ${run.seed}`);
      hooks.onResult?.(run, result);
    },
  });
  const by = new Map(result.strategies.map((strategy) => [strategy.name, strategy]));
  return { result, ran, known, of: (name: string) => by.get(name)! };
}

const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

/** Names of the trunk's weights that a trained model does not share with the encoder. */
function changedTrunk(output: string): string[] {
  const [before, after] = [weightHashes(path('encoder')), weightHashes(output)];
  return [...before.keys()].filter((name) => before.get(name) !== after.get(name) && !name.startsWith('classifier'));
}

type Hashes = [Map<string, string>, Map<string, string>, Map<string, string>];

describe('a comparison', () => {
  // Run once, looked at twice.
  const everything = config({ evalSplit: 0.25, evalSteps: 2 });

  it('runs every strategy with every seed, seed by seed, and writes the result and its table', async () => {
    const { result, ran, known, of } = await compared(everything);
    const strategies = ['untouched', 'frozen', 'scratch', 'finetuned'];
    expect(ran).toEqual([0, 1].flatMap((seed) => strategies.map((strategy) => `${strategy} ${seed}`)));
    expect(known).toEqual([]);
    expect(result.strategies.map(({ name }) => name)).toEqual(strategies);
    expect(result).toMatchObject({ metric: 'accuracy', output: everything.output, interrupted: false });
    expect(strategies).toContain(result.best);
    expect(of('untouched')).toMatchObject({ trainable: 0, steps: 0 });
    expect(of('frozen').trainable).toBe(66);
    for (const name of ['scratch', 'finetuned']) expect(of(name).trainable).toBe(of(name).parameters);
    for (const { name, seeds, seconds, stepMs } of result.strategies) {
      expect(seeds.map(({ seed }) => seed)).toEqual([0, 1]);
      expect(seconds).toBeGreaterThan(0);
      if (name === 'untouched') expect(stepMs).toBeUndefined();
      else expect(stepMs).toBeGreaterThan(0);
    }
    expect(of('scratch').stepsToScratch).toBeLessThanOrEqual(4);
    expect(json(`${everything.output}/compare.json`)).toEqual(JSON.parse(JSON.stringify(result)));
    expect(readFileSync(`${everything.output}/compare.md`, 'utf8')).toMatch(
      /^\| strategy \| accuracy \|[\s\S]*\| frozen \|/,
    );
  }, 240_000);

  it('trains what the strategies say, each seed another way', async () => {
    const { of } = await compared({ ...everything, metric: 'loss' });
    const outputs = (name: string) => of(name).seeds.map(({ output }) => output);
    for (const name of ['untouched', 'frozen'])
      for (const output of outputs(name)) expect(changedTrunk(output), output).toEqual([]);
    for (const name of ['scratch', 'finetuned'])
      for (const output of outputs(name)) expect(changedTrunk(output).length, output).toBeGreaterThan(10);
    const losses = ['frozen', 'scratch', 'finetuned'].flatMap((name) => of(name).seeds.map(({ value }) => value));
    expect(new Set(losses).size).toBe(6);
    for (const { name, seeds, mean } of [of('frozen'), of('scratch')])
      expect(mean, name).toBeCloseTo((seeds[0]!.value + seeds[1]!.value) / 2, 12);
  }, 240_000);

  it('trains vectors of the classes first, and then the head on them, where the strategy is contrastive', async () => {
    const parts: string[] = [];
    const tokenizer = buildWordPiece(
      lines.map((line) => JSON.parse(line).text),
      { minFrequency: 1, maxLength: 32 },
    );
    const model = path('headless');
    writeEncoder(model, { layers: 1, hidden: 32, heads: 2, positions: 32, tokenizer, head: 'none' });
    const strategies = ['contrastive', 'frozen'];
    const options = config({ model, strategies, seeds: 1, maxSteps: 6, learningRate: 1e-2 });
    const { result, of, ran } = await compared(options, {
      onRun: ({ strategy, prepares, number, of: all }, trainer) =>
        parts.push(`${strategy} ${prepares ? 'vectors ' : ''}${number}/${all} ${trainer.config.task}`),
    });
    expect(parts).toEqual([
      'contrastive vectors 1/3 sentence-similarity',
      'contrastive 2/3 text-classification',
      'frozen 3/3 text-classification',
    ]);
    expect(ran).toHaveLength(3);
    expect(result).toMatchObject({ interrupted: false });
    // Both parts count.
    expect(of('contrastive')).toMatchObject({ steps: 12 });
    expect(of('contrastive').trainable).toBeGreaterThan(of('frozen').trainable);
    expect(of('contrastive').mean).toBeGreaterThanOrEqual(of('frozen').mean);
    const vectors = `${options.output}/contrastive-seed0-vectors/model`;
    const [learnt, kept, before] = [vectors, of('contrastive').seeds[0]!.output, model].map(weightHashes) as Hashes;
    expect([...before.keys()].filter((name) => before.get(name) !== learnt.get(name)).length).toBeGreaterThan(10);
    for (const [name, hash] of learnt) expect(kept.get(name), name).toBe(hash);
    expect(json(`${vectors}/1_Pooling/config.json`).pooling_mode_cls_token).toBe(true);
    const again = await compared(options);
    expect(again.ran).toEqual([]);
    expect(again.of('contrastive')).toEqual(of('contrastive'));
  });

  it('learns retrieved texts beside the classes first, from random weights, where the strategy is tlm', async () => {
    const texts = [...lines.map((line) => JSON.parse(line).text), 'snow falls', 'rain falls'];
    const tokenizer = buildWordPiece(texts, { minFrequency: 1, maxLength: 32 });
    const model = path('masked');
    writeEncoder(model, { layers: 1, hidden: 32, heads: 2, positions: 32, tokenizer, head: 'language-model' });
    const rows = ['snow falls', 'free cash', 'rain falls', 'kernel patch', 'free cash', 'the list'];
    const corpus = write('corpus.csv', `text\n${rows.join('\n')}\n`);
    const own = { corpus, corpusTop: 3, corpusRatio: 2, corpusSteps: 5, maskedWeight: 1 };
    const options = config({ ...{ model, ...own }, strategies: ['scratch', 'tlm'], seeds: 1 });
    const parts: string[] = [];
    const { of } = await compared(options, {
      onRetrieved: ({ queries, documents, texts }) => parts.push(`${texts} of ${documents} for ${queries}`),
      onRun: ({ strategy, prepares }, { config: { task, model, init, maxSteps } }) =>
        parts.push(`${strategy} ${prepares ?? false} ${task} ${basename(dirname(model))} ${init} ${maxSteps}`),
    });
    expect(parts).toEqual([
      expect.stringMatching(/^3 of 6 for \d+$/),
      expect.stringMatching(/^scratch false text-classification .* random 4$/),
      expect.stringMatching(/^tlm true task-driven-lm .* random 5$/),
      'tlm false text-classification tlm-seed0-joint pretrained 4',
    ]);
    expect(of('tlm')).toMatchObject({ steps: 9 });
    expect(of('tlm').flops).toBeGreaterThan(1.5 * of('scratch').flops);
    const again = await compared(options);
    expect(again.ran).toEqual([]);
    expect(again.of('tlm')).toEqual(of('tlm'));
    // Other texts are another comparison.
    await expect(compare({ ...options, corpusTop: 1 })).rejects.toThrow('tlm-seed0-joint was run with other options');
  });

  it('keeps the first layers alone where the strategy says so', async () => {
    const texts = lines.map((line) => JSON.parse(line).text);
    const tokenizer = buildWordPiece(texts, { minFrequency: 1, maxLength: 32 });
    const model = path('two');
    writeEncoder(model, { layers: 2, hidden: 32, heads: 2, positions: 32, labels: ['ham', 'spam'], tokenizer });
    const { of } = await compared(config({ model, strategies: ['first:1', 'finetuned'], seeds: [3], maxSteps: 1 }));
    expect(of('first:1').seeds).toMatchObject([{ seed: 3, output: expect.stringContaining('first-1-seed3') }]);
    const layer = 12 * 32 * 32 + 13 * 32;
    expect(of('finetuned').parameters - of('first:1').parameters).toBe(layer);
    expect(json(`${of('first:1').seeds[0]!.output}/config.json`).num_hidden_layers).toBe(1);
    await expect(compare(config({ model, strategies: ['first:3'], seeds: 1 }))).rejects.toThrow(
      /^first:3, seed 0: .*3/,
    );
  });

  it('gives single strategies options of their own', async () => {
    const rates = new Map<string, number>();
    const options = config({
      strategies: ['frozen', 'finetuned'],
      seeds: 1,
      maxSteps: 1,
      warmupRatio: 0,
      overrides: { frozen: { learningRate: 0.05 }, scratch: { learningRate: 0.01 } },
    });
    await compared(options, {
      onRun: (run, trainer) => trainer.on('step', ({ learningRate }) => rates.set(run.strategy, learningRate)),
    });
    expect(Object.fromEntries(rates)).toEqual({ frozen: 0.05, finetuned: 1e-3 });
  });

  it('names the strategy whose options contradict each other, or whose run fails', async () => {
    const wrong = config({ overrides: { frozen: { sampling: 'weighted' } } });
    await expect(compare(wrong)).rejects.toThrow(/^strategy frozen: option 'sampling' weighted needs 'weightColumn'/);
    expect(existsSync(wrong.output)).toBe(false);
    const missing = config({ train: path('none.jsonl') });
    await expect(compare(missing)).rejects.toThrow(/^untouched, seed 0: .*none\.jsonl cannot be read/);
  });
});

describe('a comparison that is started again', () => {
  const strategies = ['frozen', 'finetuned'];

  it('runs nothing twice and tells the same', async () => {
    const options = config({ strategies, seeds: 1 });
    const first = await compared(options);
    const again = await compared(options);
    expect(again.ran).toEqual([]);
    expect(again.known).toEqual(first.ran);
    expect(again.result).toEqual(first.result);
    const loss = await compared({ ...options, metric: 'loss', workers: 2 });
    expect(loss.ran).toEqual([]);
    expect(loss.result.metric).toBe('loss');
  });

  it('runs what has been added', async () => {
    const options = config({ strategies: ['frozen'], seeds: 1 });
    await compared(options);
    const { ran, known } = await compared({ ...options, strategies, seeds: 2 });
    expect(ran).toEqual(['finetuned 0', 'frozen 1', 'finetuned 1']);
    expect(known).toEqual(['frozen 0']);
  });

  it('goes on where it was interrupted, and ends as an undisturbed one', async () => {
    const options = config({ strategies: ['untouched', 'finetuned'], seeds: 1, metric: 'loss' });
    const stop = new AbortController();
    const stopped = await compared(options, {
      signal: stop.signal,
      onRun: ({ strategy }, trainer) =>
        trainer.on('step', ({ step }) => strategy === 'finetuned' && step === 2 && stop.abort()),
    });
    expect(stopped.result).toMatchObject({ interrupted: true, best: 'untouched', strategies: [{ name: 'untouched' }] });
    const from: number[] = [];
    const rest = await compared(options, {
      onRun: (_, trainer) => trainer.on('resumed', ({ step }) => from.push(step)),
    });
    expect([rest.ran, rest.known, from]).toEqual([['finetuned 0'], ['untouched 0'], [2]]);
    const whole = await compared({ ...options, output: path('whole') });
    const values = (ended: typeof rest) => ended.result.strategies.map(({ mean }) => mean);
    expect(values(rest)).toEqual(values(whole));
    expect(rest.of('finetuned').seconds).toBeGreaterThan(stopped.of('untouched').seconds / 10);
  });

  it('begins a run anew that left no checkpoint', async () => {
    const options = config({ strategies: ['finetuned'], seeds: 1 });
    const first = await compared(options);
    const file = `${options.output}/finetuned-seed0/record.json`;
    const { finished: _, ...begun } = json(file);
    writeFileSync(file, JSON.stringify(begun));
    const again = await compared(options);
    expect(again.ran).toEqual(['finetuned 0']);
    expect(again.of('finetuned').mean).toBe(first.of('finetuned').mean);
  });

  it('takes the last evaluation of a run that was interrupted after it', async () => {
    const more = { test: undefined, eval: path('test.csv'), saveStrategy: 'epoch' } as const;
    const options = config({ strategies: ['finetuned'], seeds: 1, ...more });
    const stop = new AbortController();
    const hooks: CompareHooks = { onRun: (_, trainer) => trainer.on('saved', () => stop.abort()), signal: stop.signal };
    expect((await compared(options, hooks)).result).toEqual({
      metric: 'accuracy',
      strategies: [],
      output: options.output,
      interrupted: true,
    });
    expect(existsSync(`${options.output}/compare.json`)).toBe(false);
    const { of } = await compared(options);
    const records = readFileSync(`${options.output}/finetuned-seed0/metrics.jsonl`, 'utf8').trimEnd().split('\n');
    const evaluations = records.map((line) => JSON.parse(line)).filter(({ event }) => event === 'evaluation');
    expect(evaluations).toHaveLength(1);
    expect(of('finetuned').mean).toBe(evaluations[0].metrics.accuracy);
  });

  it('does nothing when it is interrupted before', async () => {
    const options = config({ strategies });
    const { result, ran } = await compared(options, { signal: AbortSignal.abort() });
    expect([result.interrupted, result.strategies, ran]).toEqual([true, [], ['frozen 0']]);
    expect(existsSync(options.output)).toBe(false);
  });

  it('is refused with other options, damaged records and foreign runs, all of which overwrite replaces', async () => {
    const options = config({ strategies: ['frozen'], seeds: 1 });
    await compared(options);
    await expect(compare({ ...options, learningRate: 0.01, test: path('train.jsonl') })).rejects.toThrow(
      /holds other runs: frozen-seed0 was run with other options:\n {2}test: .*then, .*now\n {2}learningRate: 0\.001 then, 0\.01 now\nGive those again, choose another output, or set overwrite/,
    );
    writeFileSync(`${options.output}/frozen-seed0/record.json`, '{');
    await expect(compare(options)).rejects.toThrow(/frozen-seed0\/record\.json cannot be read: .*\. Remove .*seed0/);
    rmSync(`${options.output}/frozen-seed0/record.json`);
    await expect(compare(options)).rejects.toThrow(/^frozen, seed 0: output .* holds a run already/);
    const again = await compared({ ...options, learningRate: 0.01, overwrite: true });
    expect(again.ran).toEqual(['frozen 0']);
    const after = await compared({ ...options, learningRate: 0.01 });
    expect(after.known).toEqual(['frozen 0']);
  });

  it('with overwrite forgets all earlier runs as soon as the first begins', async () => {
    const options = config({ strategies, seeds: 1 });
    await compared({ ...options, strategies: ['untouched', ...strategies], overwrite: true });
    const stop = new AbortController();
    const replaced = await compared(
      { ...options, overwrite: true },
      { signal: stop.signal, onRun: (_, trainer) => trainer.on('step', () => stop.abort()) },
    );
    expect(replaced.ran).toEqual(['frozen 0']);
    expect(existsSync(`${options.output}/compare.json`)).toBe(false);
    await vi.waitFor(() => expect(readdirSync(options.output).sort()).toEqual(['frozen-seed0', 'untouched-seed0']));
    expect((await compared(options)).known).toEqual([]);
  });

  it('is refused with other samples, seed by seed where they are held out of the training data', async () => {
    const train = path('changing.jsonl');
    cpSync(path('train.jsonl'), train);
    const options = config({ train, test: undefined, evalSplit: 0.25, strategies: ['frozen'], seeds: 2 });
    await compared(options);
    write('changing.jsonl', lines.slice(0, 40).join('\n'));
    await expect(compare({ ...options, strategies })).rejects.toThrow(
      /^finetuned, seed 0: the samples are not those that frozen-seed0 had when it was run; give the same data/,
    );
    expect(existsSync(`${options.output}/finetuned-seed0`)).toBe(false);
  });
});
