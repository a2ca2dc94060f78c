// Lays a finished pre-training beside this file: the model directory, the loss curve, provenance.json with what went in
// and a hash of every file, and the card. What is written depends on the run alone.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../bench/by-content.mjs';
import { dataPackages } from '../../bench/data-package.mjs';
import { card } from './card.mjs';

const modelFiles = ['config.json', 'preprocessor_config.json', 'onnx/model.onnx'];
const data = 'emoji-datasource-google';

const project = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'));

/** metrics.jsonl as CSV: the mean training loss between two evaluations, and what each of these found. */
export function lossCurve(metrics) {
  const rows = [];
  let losses = [];
  for (const line of metrics.split('\n').filter(Boolean)) {
    const { event, name, step, loss, metrics: found } = JSON.parse(line);
    if (event === 'step') losses.push(loss);
    if (event !== 'evaluation' || name !== 'eval') continue;
    const mean = losses.reduce((a, b) => a + b, 0) / losses.length;
    rows.push([step, mean.toFixed(4), found.loss.toFixed(4), found.accuracy.toFixed(4)].join(','));
    losses = [];
  }
  return `${['step,train_loss,heldout_loss,heldout_accuracy', ...rows].join('\n')}\n`;
}

/** The figures of the last evaluation, which a run that was resumed behind it does not have in its result. */
const lastEvaluation = (metrics) =>
  metrics
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .findLast(({ event, name }) => event === 'evaluation' && name === 'eval').metrics;

/**
 * @param {{ from: string, to: string, network: object, training: object, prepared: object, result: object }} run
 * `from`:
 *   the run directory; `to`: where the model goes
 */
export function publish({ from, to, network, training, prepared, result }) {
  mkdirSync(join(to, 'onnx'), { recursive: true });
  for (const file of modelFiles) copyFileSync(join(result.output, file), join(to, file));
  const metrics = readFileSync(join(from, 'metrics.jsonl'), 'utf8');
  writeFileSync(join(to, 'loss-curve.csv'), lossCurve(metrics));
  const { model, output, ...options } = training;
  const { version, integrity } = dataPackages[data];
  const { samples, loss, accuracy, top5Accuracy } = result.metrics ?? lastEvaluation(metrics);
  const provenance = {
    madeBy: `ortune ${project.version} with onnxruntime ${project.dependencies['onnxruntime-node']}`,
    command: `node models/tiny-emoji/pretrain.mjs --epochs ${training.epochs} --threads ${training.threads}`,
    packages: [{ name: data, version, integrity, licence: 'pictures Apache-2.0 (Noto Emoji), list MIT' }],
    ...prepared,
    network,
    training: options,
    figures: { steps: result.steps, heldOut: samples, loss, accuracy, top5Accuracy },
    sha256: Object.fromEntries(
      [...modelFiles, 'loss-curve.csv'].map((file) => [file, sha256(readFileSync(join(to, file)))]),
    ),
  };
  writeFileSync(join(to, 'README.md'), card(provenance));
  writeFileSync(join(to, 'provenance.json'), `${JSON.stringify(provenance, null, 2)}\n`);
}
