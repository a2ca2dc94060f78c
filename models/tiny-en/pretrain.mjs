// node models/tiny-en/pretrain.mjs: makes the model that lies beside this file, from nothing but four data packages. It
// prepares the text, learns a tokenizer, builds an encoder, trains it to fill in masked words, and writes the model,
// its loss curve, its provenance and its card here. A stopped run goes on with --resume. Same threads and kind of
// processor, same bits. From a checkout of the repository; the first run installs three data packages (19 MB) into a
// cache.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Trainer } from 'ortune';
import { dataPackage, dataPackages } from '../../bench/data-package.mjs';
import { metricsLine } from '../../dist/report/metrics.js';
import { ProgressLine } from '../../dist/report/progress.js';
import { licences } from './licences.mjs';
import { prepare } from './prepare.mjs';
import { publish } from './publish.mjs';

const usage = `node models/tiny-en/pretrain.mjs [options]
  --steps N        optimizer steps (default 8000)
  --threads N      threads that compute (default 2, as the published model)
  --work DIR       where text, checkpoints and metrics go (default runs/tiny-en)
  --output DIR     where the model goes (default: beside this file)
  --prepare-only   stop before training
  --resume         go on from the last checkpoint in the working directory`;

const { values: flags } = parseArgs({
  options: {
    steps: { type: 'string', default: '8000' },
    threads: { type: 'string', default: '2' },
    work: { type: 'string', default: join(import.meta.dirname, '..', '..', 'runs', 'tiny-en') },
    output: { type: 'string', default: import.meta.dirname },
    'prepare-only': { type: 'boolean', default: false },
    resume: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** Small enough that `npm run quickstart` trains it four times within three minutes on two slow cores. */
const recipe = {
  seed: 0,
  vocabulary: 8000,
  alphabet: 96,
  tokens: 126,
  encoder: { layers: 3, hidden: 192, heads: 3, feedForward: 768, positions: 256, dropout: 0.1 },
};
const data = join(flags.work, 'data');
const training = {
  task: 'masked-lm',
  model: join(data, 'encoder'),
  train: join(data, 'train.jsonl.gz'),
  eval: join(data, 'heldout.jsonl'),
  output: join(flags.work, 'run'),
  maxLength: 128,
  mlmProbability: 0.25,
  batchSize: 16,
  maxSteps: Number(flags.steps),
  learningRate: 1.5e-3,
  adamBeta2: 0.98,
  schedule: 'linear',
  warmupRatio: 0.05,
  weightDecay: 0.01,
  dropout: 0,
  seed: recipe.seed,
  evalSteps: 500,
  saveSteps: 500,
  threads: Number(flags.threads),
};

const say = (line) => process.stderr.write(`${line}\n`);
const preparedFile = join(data, 'prepared.json');

function prepareData() {
  const read = Object.keys(dataPackages).filter((name) => name in licences);
  const packages = Object.fromEntries(read.map((name) => [name, dataPackage(name)]));
  const prepared = prepare({ ...recipe, directory: data, packages }, say);
  writeFileSync(preparedFile, JSON.stringify(prepared));
  return prepared;
}

async function train() {
  const trainer = new Trainer({ ...training, ...(flags.resume ? { resume: 'latest' } : { overwrite: true }) });
  const line = new ProgressLine(process.stderr);
  trainer.on('step', (event) => line.update(event));
  trainer.on('evaluation', ({ step, metrics }) => line.message(`step ${step}: held out: ${metricsLine(metrics)}`));
  trainer.on('warning', ({ message }) => line.message(`note: ${message}`));
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  try {
    return await trainer.run({ signal: stop.signal });
  } finally {
    line.stop();
  }
}

async function main() {
  const prepared = flags.resume ? JSON.parse(readFileSync(preparedFile, 'utf8')) : prepareData();
  say(`unigram perplexity of the held-out text: ${prepared.unigramPerplexity.toFixed(0)}`);
  if (flags['prepare-only']) return say(`prepared in ${data}`);
  const result = await train();
  if (result.interrupted) {
    say('stopped; go on with --resume');
    process.exitCode = 130;
    return;
  }
  const seconds = flags.resume ? undefined : Math.round(result.seconds);
  publish({ from: training.output, to: flags.output, recipe, training, prepared, result: { ...result, seconds } });
  say(`the model is in ${flags.output}`);
}

if (flags.help) console.log(usage);
else await main();
