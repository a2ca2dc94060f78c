// Exports without dynamic axes: their batch and length are used as they are, with the results of a free model.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluate, loadModel, ModelError, predict } from '#ortune/index.js';
import { fixedBatch, fixedLength } from '#ortune/tasks/fixed-axes.js';
import { temporaryDirectory } from '../support/temporary.js';
import { named, type TinyOptions, texts, tinyClassifier } from '../support/tiny-classifier.js';
import { train } from '../support/train.js';

const root = temporaryDirectory('fixed');
const config = named('ham', 'spam');
let made = 0;
const model = (options: TinyOptions = {}): string =>
  tinyClassifier(join(root, `model${made++}`), { config, ...options });

const data = join(root, 'data.jsonl');
const rows = [...texts, ...texts].map((text, i) => JSON.stringify({ text, label: ['ham', 'spam'][i % 2] }));
writeFileSync(data, `${rows.join('\n')}\n`);

const free = model();
const expected = await predict({ model: free }, texts);
const measured = await evaluate({ model: free, data });

/** `texts` have 3 to 9 tokens. */
const members: [string, TinyOptions][] = [
  ['batches of one', { ids: [1, 'sequence'] }],
  ['batches of four', { ids: [4, 'sequence'] }],
  ['more samples than there are', { ids: [64, 'sequence'] }],
  ['texts of twelve tokens', { ids: ['batch', 12] }],
  ['both', { ids: [3, 16] }],
  ['a batch in one input of two', { ids: ['batch', 'sequence'], mask: [4, 'sequence'] }],
  ['a length in one input of two', { ids: ['batch', 16], mask: ['batch', 'sequence'] }],
];

describe.each(members)('a file that fixes %s', (_, options) => {
  it('predicts and is measured as a free one', async () => {
    const fixed = model(options);
    const found = await predict({ model: fixed }, texts);
    for (const [i, { label, score }] of expected.entries()) {
      expect(found[i]!.label).toBe(label);
      expect(found[i]!.score).toBeCloseTo(score, 5);
    }
    const { metrics } = await evaluate({ model: fixed, data, batchSize: 5 });
    expect(metrics.samples).toBe(10);
    expect(metrics.loss).toBeCloseTo(measured.metrics.loss, 5);
    expect(metrics.accuracy).toBe(measured.metrics.accuracy);
  });
});

describe('training of a file that fixes its axes', () => {
  const usual = {
    train: data,
    eval: data,
    learningRate: 1e-2,
    epochs: 2,
    threads: 1,
    dropout: 0,
    sampling: 'sequential' as const,
  };
  const run = (of: string, more = {}) => train({ ...usual, model: of, output: join(root, `run${made++}`), ...more });

  it('takes its batches, and says so where another size is wanted', async () => {
    // Frozen, so that the embedding of what fills a text up stays 0.
    const freeze = ['embeddings*'];
    const fixed = await run(model({ ids: [4, 12] }), { freeze });
    const other = await run(free, { freeze, batchSize: 4 });
    expect(fixed.warnings.join('\n')).toMatch(/takes texts of 12 tokens alone/);
    expect(fixed.warnings.join('\n')).toMatch(/takes batches of 4 alone: batchSize is 4 in place of 16/);
    expect(fixed.losses).toHaveLength(6);
    for (const [step, loss] of other.losses.entries()) expect(fixed.losses[step]).toBeCloseTo(loss, 5);
    // The run's directory stands for its model.
    const again = await evaluate({ model: join(fixed.result.output, '..'), data });
    expect(again.metrics.loss).toBeCloseTo(fixed.result.metrics!.loss, 5);
  });

  it('keeps no activations of a frozen trunk, and counts its memory', async () => {
    const fixed = await run(model({ ids: [4, 12] }), { freeze: ['embeddings*'], memoryLimit: '8GB' });
    expect(fixed.warnings.join('\n')).toMatch(/what the frozen trunk computes is not kept/);
    expect(fixed.losses).toHaveLength(6);
  });
});

it('a text longer than the model takes is cut, and that is said', async () => {
  const notes: string[] = [];
  const loaded = await loadModel(model({ ids: ['batch', 6] }));
  await loaded.predict(texts, { onNote: (note) => notes.push(note) });
  await loaded.close();
  expect(notes.join('\n')).toMatch(/takes texts of 6 tokens alone/);
  expect(notes.join('\n')).toMatch(/2 of 5 texts were longer than the model reads and were cut/);
});

it('inputs that are fixed differently are refused', () => {
  const inputs = [
    { name: 'a', shape: [2, 8] },
    { name: 'b', shape: [3, 8] },
  ];
  expect(() => fixedBatch(inputs)).toThrow(ModelError);
  expect(() => fixedBatch(inputs)).toThrow(/fix the batch differently: 'a' to 2, 'b' to 3/);
  expect(fixedLength(inputs)).toBe(8);
  expect(fixedBatch([{ name: 'a', shape: [0, null] }, { name: 'b' }])).toBeUndefined();
});

it('a file that is made for one batch and does not say so is refused with the node that cannot be computed', async () => {
  const asked = predict({ model: model({ madeFor: 7 }) }, texts);
  await expect(asked).rejects.toThrow(ModelError);
  await expect(asked).rejects.toThrow(
    /onnxruntime cannot run the model: Reshape '\/reshape\/Reshape': .*given 'input_ids' int64\[.*dynamic axes/,
  );
});
