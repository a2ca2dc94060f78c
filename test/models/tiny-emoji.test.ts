import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inspectModel } from '#ortune/commands/inspect.js';
import { predict } from '#ortune/commands/predict.js';
import { sha256 } from '../../bench/by-content.mjs';
import { card } from '../../models/tiny-emoji/card.mjs';
import { lossCurve } from '../../models/tiny-emoji/publish.mjs';

const directory = join('models', 'tiny-emoji');
const provenance = JSON.parse(readFileSync(join(directory, 'provenance.json'), 'utf8'));

test('the published files are those that provenance.json names, in at most 6 MB', () => {
  for (const [file, hash] of Object.entries(provenance.sha256))
    expect(sha256(readFileSync(join(directory, file))), file).toBe(hash);
  expect(statSync(join(directory, 'onnx', 'model.onnx')).size).toBeLessThan(6e6);
  expect(readFileSync(join(directory, 'README.md'), 'utf8')).toBe(card(provenance));
});

test('every parameter of the network can be trained, and it labels pictures', async () => {
  const { parameters, undifferentiable } = await inspectModel(directory);
  expect(parameters.trainable).toBe(1_250_815);
  expect(undifferentiable).toEqual([]);
  const pixels = new Uint8Array(2 * 64 * 64 * 3).fill(255);
  const found = await predict({ model: directory }, { pixels, shape: [2, 64, 64, 3] });
  expect(found).toHaveLength(2);
  expect(found[0]!.label).toBe(found[1]!.label);
});

test('the loss curve has the mean of the losses between evaluations', () => {
  const events = [
    { event: 'step', step: 1, loss: 4 },
    { event: 'step', step: 2, loss: 2 },
    { event: 'evaluation', name: 'test', step: 2, metrics: { loss: 9, accuracy: 0 } },
    { event: 'evaluation', name: 'eval', step: 2, metrics: { loss: 2.5, accuracy: 0.25 } },
  ];
  const lines = events.map((event) => JSON.stringify(event)).join('\n');
  expect(lossCurve(lines)).toBe('step,train_loss,heldout_loss,heldout_accuracy\n2,3.0000,2.5000,0.2500\n');
});
