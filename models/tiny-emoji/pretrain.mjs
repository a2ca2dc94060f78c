// node models/tiny-emoji/pretrain.mjs: makes the model that lies beside this file from nothing but one data package: a
// small residual network that learns to tell Google's drawings of emoji apart by the sub-categories of Unicode's list.
// Writes the model, its loss curve, its provenance and its card here. A stopped run goes on with --resume. Same threads
// and kind of processor, same bits. From a checkout of the repository; the first run installs the data package (74 MB)
// into a cache.

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Trainer, writeImageModel } from 'ortune';
import { emojiPictures, inMemory, side } from '../../bench/emoji-pictures.mjs';
import { metricsLine } from '../../dist/report/metrics.js';
import { ProgressLine } from '../../dist/report/progress.js';
import { publish } from './publish.mjs';

const usage = `node models/tiny-emoji/pretrain.mjs [options]
  --epochs N     passes over the pictures (default 240)
  --threads N    threads that compute (default 2, as the published model)
  --work DIR     where checkpoints and metrics go (default runs/tiny-emoji)
  --output DIR   where the model goes (default: beside this file)
  --resume       go on from the last checkpoint in the working directory`;

const { values: flags } = parseArgs({
  options: {
    epochs: { type: 'string', default: '240' },
    threads: { type: 'string', default: '2' },
    work: { type: 'string', default: join(import.meta.dirname, '..', '..', 'runs', 'tiny-emoji') },
    output: { type: 'string', default: import.meta.dirname },
    resume: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** About 5 MB in float32, and quick enough for a quickstart that trains it a dozen times. */
const network = { depths: [1, 1, 1, 1], width: 32, stem: 'small' };
const white = 255;
/** The other vendors' styles are what the features must not depend on: colours above all. */
const augmentation = [
  {
    op: 'randomAffine',
    degrees: 10,
    scale: [0.8, 1.1],
    translate: [0.08, 0.08],
    interpolation: 'bilinear',
    fill: white,
  },
  { op: 'randomResizedCrop', scale: [0.4, 1] },
  { op: 'randomHorizontalFlip' },
  { op: 'colorJitter', brightness: 0.3, contrast: 0.4, saturation: 0.5, hue: 0.12 },
  { op: 'trivialAugmentWide', interpolation: 'bilinear', fill: white },
  { op: 'randomGrayscale' },
  { op: 'randomErasing', p: 0.2 },
];
const training = {
  task: 'image-classification',
  output: join(flags.work, 'run'),
  model: join(flags.work, 'network'),
  imageSize: side,
  imageMean: [0.5, 0.5, 0.5],
  imageStd: [0.25, 0.25, 0.25],
  evalSplit: 0.08,
  augmentation,
  batchNorm: 'batch',
  batchSize: 32,
  epochs: Number(flags.epochs),
  optimizer: 'adamw',
  learningRate: 2e-3,
  weightDecay: 0.05,
  schedule: 'cosine',
  warmupRatio: 0.05,
  labelSmoothing: 0.1,
  seed: 0,
  evalStrategy: 'steps',
  evalSteps: 400,
  saveSteps: 2000,
  threads: Number(flags.threads),
};

const say = (line) => process.stderr.write(`${line}\n`);

async function main() {
  const pictures = emojiPictures('google', { say });
  const labels = [...new Set(pictures.map(({ label }) => label))].sort();
  if (!flags.resume)
    writeImageModel(training.model, {
      model: 'resnet18',
      resnet: network,
      imageSize: side,
      labels,
      seed: training.seed,
    });
  const train = await inMemory(pictures, labels);
  const trainer = new Trainer({ ...training, train, ...(flags.resume ? { resume: 'latest' } : { overwrite: true }) });
  const line = new ProgressLine(process.stderr);
  trainer.on('step', (event) => line.update(event));
  trainer.on('evaluation', ({ step, metrics }) => line.message(`step ${step}: held out: ${metricsLine(metrics)}`));
  trainer.on('warning', ({ message }) => line.message(`note: ${message}`));
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const result = await trainer.run({ signal: stop.signal }).finally(() => line.stop());
  if (result.interrupted) {
    say('stopped; go on with --resume');
    process.exitCode = 130;
    return;
  }
  const { length: count } = pictures;
  const prepared = { pictures: count, classes: labels.length };
  publish({ from: training.output, to: flags.output, network, training, prepared, result });
  say(`the model is in ${flags.output}`);
}

if (flags.help) console.log(usage);
else await main();
