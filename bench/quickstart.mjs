// npm run quickstart: can a small encoder learn to tell spam from ham on this machine within three minutes? Prepares
// the SpamAssassin mails (spam-mails.mjs, in a worker thread), trains through the public API as any program would, and
// prints the held-out metrics. With --json the last line of stdout is one object. The event loop is watched throughout.

import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, relative } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { Trainer } from 'ortune';
import { ProgressLine } from '../dist/report/progress.js';

const say = (text) => process.stderr.write(`${text}\n`);
const json = process.argv.includes('--json');
const root = join(import.meta.dirname, '..', 'runs', 'quickstart');
const here = (path) => relative(process.cwd(), path) || '.';

const recipe = {
  directory: join(root, 'data'),
  seed: 0,
  vocabulary: 8192,
  encoder: { layers: 2, hidden: 128, heads: 2, feedForward: 512, positions: 192 },
};
const config = {
  model: join(recipe.directory, 'encoder'),
  train: join(recipe.directory, 'train.jsonl'),
  test: join(recipe.directory, 'test.jsonl'),
  output: join(root, 'run'),
  overwrite: true,
  maxLength: 192,
  epochs: 3,
  batchSize: 32,
  learningRate: 1e-3,
  seed: recipe.seed,
};

const prepare = () =>
  new Promise((done, fail) => {
    const worker = new Worker(new URL('./spam-mails.mjs', import.meta.url), { workerData: recipe });
    worker.once('message', done);
    worker.once('error', fail);
  });

async function train(line) {
  const trainer = new Trainer(config);
  trainer.on('step', (event) => line.update(event));
  trainer.on('warning', ({ message }) => line.message(`note: ${message}`));
  try {
    return await trainer.run();
  } finally {
    line.stop();
  }
}

const percent = (part) => `${(100 * part).toFixed(2)} %`;

function report(mails, result, seconds) {
  const { accuracy, precision, recall, f1 } = result.metrics;
  const model = here(join(config.output, 'model'));
  console.log(`
Held-out mails (${mails.test} of ${mails.kept}, none of them a duplicate of a training mail):
  accuracy   ${percent(accuracy)}
  precision  ${percent(precision)}   of what is called spam, is spam
  recall     ${percent(recall)}   of the spam, is found
  F1         ${percent(f1)}
${seconds.toFixed(0)} s in all, ${result.samplesPerSecond.toFixed(0)} mails/s while training, on ${cpus().length} x ${cpus()[0].model}
A step takes ${result.feedRatio.toFixed(2)} times as long as on a batch that is already there.

Written:
  ${here(recipe.directory)}   the mails as train.jsonl and test.jsonl, and the untrained encoder
  ${model}   the trained model: onnxruntime and transformers.js open it

Next:
  npx ortune predict ${model} "You have won a prize, click here"
  npx ortune eval ${model} ${here(config.test)}
  npx ortune train --help`);
}

const started = performance.now();
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
say('preparing the SpamAssassin mails, a tokenizer and an untrained encoder ...');
const mails = await prepare();
say(`${mails.read} mails, ${mails.kept} distinct: ${mails.train} to train on, ${mails.test} held out`);
const result = await train(new ProgressLine(process.stderr));
delay.disable();
const seconds = (performance.now() - started) / 1000;
const eventLoopDelayMs = { p999: delay.percentile(99.9) / 1e6, max: delay.max / 1e6 };
if (!json) report(mails, result, seconds);
else console.log(JSON.stringify({ ...result, mails, seconds, eventLoopDelayMs }));
process.exit(existsSync(join(config.output, 'model')) ? 0 : 1);
