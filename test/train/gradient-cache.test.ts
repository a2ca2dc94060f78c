// Gradient caching against one batch as large as the step: the same loss and the same gradients, with the masks of
// dropout that the batch has, where the encoder never sees more than a batch.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Batch } from '#ortune/data/loader.js';
import { openDataset } from '#ortune/data/splits.js';
import { Engine } from '#ortune/engine/engine.js';
import { writeEncoder } from '#ortune/models/directory.js';
import { buildWordPiece } from '#ortune/models/tokenizer/wordpiece.js';
import { Accumulator } from '#ortune/optim/accumulator.js';
import { lossEntry } from '#ortune/optim/update.js';
import { openLoader } from '#ortune/tasks/loader.js';
import { sentenceSimilarity } from '#ortune/tasks/sentence-similarity.js';
import { tablesOf } from '#ortune/train/data.js';
import { normalisersOf } from '#ortune/train/step.js';
import { pullbacks } from '#ortune/train/step-loss.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('gradient-cache');
const words = 'a cat dog cow sees hears likes the big small old red hill river house tree'.split(' ');
const text = (seed: number, length: number): string =>
  Array.from({ length }, (_, k) => words[(7 * seed + 5 * k * k + k) % words.length]).join(' ');
// Of unequal lengths, no whole number of batches, and with texts that several samples have.
const rows = Array.from({ length: 11 }, (_, i) => ({
  a: text(i % 8, 2 + (i % 5)),
  b: i === 6 ? text(11, 3) : text(i + 10, 3 + (i % 9)),
  c: text(i === 4 ? 12 : i + 30, 4),
  score: (i % 4) / 4,
}));
const file = join(directory, 'rows.jsonl');
writeFileSync(file, rows.map((row) => JSON.stringify(row)).join('\n'));
const model = join(directory, 'encoder');
const tokenizer = buildWordPiece(words, { vocabulary: 60, minFrequency: 1, maxLength: 16 });
writeEncoder(model, { layers: 1, hidden: 16, heads: 2, positions: 16, tokenizer, head: 'none' });

const opened: Engine[] = [];
afterAll(async () => {
  for (const engine of opened) await engine.close();
});

/** The loss and the gradients of a step over all rows, in batches of so many. */
async function step(options: object, batchSize: number, dropout: number) {
  const config = { task: 'sentence-similarity', textColumn: 'a', pairColumn: 'b', batchSize, seed: 5, ...options };
  const task = { name: 'sentence-similarity', options: sentenceSimilarity.options(config) };
  const columns = sentenceSimilarity.columns(config);
  const { data, close } = await openDataset({ train: { files: [file] }, columns });
  const rates = { hidden: dropout, attention: dropout, head: 0 };
  const engine = await Engine.open({ model, task, freeze: [], dropout: rates, seed: 0, threads: 1 });
  opened.push(engine);
  const { loader } = await openLoader(config, engine.model, task, tablesOf([data]));
  const batches: Batch[] = [];
  try {
    for await (const batch of loader.batches(data.rows({ batchSize, seed: 0, epoch: 0, sequentialPass: true })))
      batches.push(batch);
    const accumulator = await Accumulator.create(engine.device, engine.gradients);
    const pulled = await pullbacks({ task, engine, config: config as never }, { step: 3, batches });
    const encoded: number[] = [];
    for (const [microStep, batch] of batches.entries()) {
      encoded.push(batch.inputs.get('input_ids')!.shape[0]!);
      const key = { seed: 5, step: 3, microStep };
      await engine.forwardBackward(pulled?.[microStep] ?? batch, normalisersOf(batches), key, pulled && 'pullback');
      await accumulator.add(microStep === 0);
    }
    const parts = accumulator.total.entries.map(({ name }) => [name, accumulator.total.array(name).slice()] as const);
    const gradients = new Map(parts);
    await accumulator.release();
    for (const batch of batches) batch.release();
    return { loss: gradients.get(lossEntry)![0]!, gradients, encoded };
  } finally {
    await loader.close();
    await close();
  }
}

type Step = Awaited<ReturnType<typeof step>>;

/** As accumulation.test.ts compares: the difference of each tensor to the length of them all. */
function expectSame(found: Step, expected: Step): void {
  expect(found.loss).toBeCloseTo(expected.loss, 5);
  const all = Math.hypot(...[...expected.gradients.values()].map(norm));
  expect(all).toBeGreaterThan(0.1);
  for (const [name, gradient] of expected.gradients) {
    const other = found.gradients.get(name)!;
    expect(norm(gradient.map((value, i) => value - other[i]!)), name).toBeLessThanOrEqual(1e-6 * all);
  }
}

const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

describe.each([
  ['multiple negatives', { symmetric: true }],
  ['given negatives, in parts of vectors', { negativeColumns: ['c'], matryoshkaDims: [16, 8], normalize: true }],
  ['scores in order', { scoreColumn: 'score' }],
  ['classes', { pairColumn: undefined, classColumn: 'score' }],
])('%s', (_, options) => {
  it('three batches of a step give what one of all gives', async () => {
    const whole = await step(options, 12, 0);
    const cached = await step({ ...options, gradientCache: true }, 4, 0);
    expect(cached.encoded).toEqual(new Array(3).fill(whole.encoded[0]! / 3));
    expectSame(cached, whole);
  });
});

it('both passes have the same dropout, that of the batch', async () => {
  const options = { negativeColumns: ['c'] };
  const [whole, cached] = [await step(options, 12, 0.3), await step({ ...options, gradientCache: true }, 12, 0.3)];
  const without = await step(options, 12, 0);
  expect(Math.abs(without.loss - whole.loss)).toBeGreaterThan(1e-3);
  expectSame(cached, whole);
});

it('takes the memory of a batch, not of the step', async () => {
  const engine = opened[1]!;
  const names = engine.model.inputs.map(({ name }) => name);
  const shapes = (count: number) => Object.fromEntries(names.map((name) => [name, [2 * count, 16]]));
  const [whole, cached] = await engine.bytesTogether({
    sets: [[{ mode: 'train', shapes: shapes(64) }], [{ mode: 'pullback', shapes: shapes(8) }]],
  });
  expect(cached!).toBeLessThan(whole! / 4);
});
