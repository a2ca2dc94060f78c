// How fast batches come from a packed file: 256-pixel pictures to random resized crops of 224, flipped and normalised,
// by one and by two workers, beside the same augmentation of pictures that are in memory already, on as many threads,
// in this run and in turn. And what that leaves of a real training step: MobileNetV3-small from the packed file, its
// feedRatio (real step over a step on a batch that is there). Before anything is timed, both must give the same
// samples.
//   node bench/load-packed.mjs [--pictures 256] [--rounds 15] [--batch 64] [--steps 60] [--no-train] [--json]

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { imageColumns } from '../dist/data/column-specs.js';
import { Renderer } from '../dist/data/images/augment/renderer.js';
import { preprocessingOf } from '../dist/data/images/preprocessing.js';
import { Splits } from '../dist/data/splits.js';
import { pictureSources } from '../dist/data/table.js';
import { pack, Trainer, writeImageModel } from '../dist/index.js';
import { pictureLoader } from './picture-loader.mjs';

const text = (value) => ({ type: 'string', default: value });
const { values: given } = parseArgs({
  allowNegative: true,
  options: {
    pictures: text('256'),
    rounds: text('15'),
    batch: text('64'),
    steps: text('60'),
    train: { type: 'boolean', default: true },
    json: { type: 'boolean', default: false },
  },
});
const [count, rounds, batchSize, steps] = ['pictures', 'rounds', 'batch', 'steps'].map((name) => Number(given[name]));
const [edge, target, seed] = [256, 224, 1];
const augmentation = [{ op: 'randomResizedCrop' }, { op: 'randomHorizontalFlip' }];
const shape = { channels: 3, height: target, width: target, layout: 'NCHW' };
const preprocessing = preprocessingOf({ image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] }, {}, 3);
const sampleSize = 3 * target * target;

/** A JPEG of 500 x 375 pixels. */
async function writePicture(index, path) {
  const [width, height] = [500, 375];
  const data = Buffer.alloc(3 * width * height);
  const wave = (length, of) => Array.from({ length: 3 * length }, (_, i) => of(Math.floor(i / 3), i % 3));
  const across = wave(width, (x, c) => 127 * Math.sin((x + index) / (5 + c)));
  const down = wave(height, (y, c) => Math.cos(y / (9 - c)));
  for (let y = 0, at = 0; y < height; y++)
    for (let i = 0; i < 3 * width; i++) data[at++] = 128 + across[i] * down[3 * y + (i % 3)];
  await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toFile(path);
}

/**
 * In a thread: renders pictures `first`, `first + threads`, … whenever it is told to, and answers with the sum of the
 * first.
 */
function augmentInMemory({ pixels, begin, height, width, first, threads }) {
  const renderer = new Renderer({ shape, preprocessing, augmentation });
  const pictures = [];
  for (let i = first; i < begin.length; i += threads) {
    const bytes = height[i] * width[i] * 3;
    const data = new Uint8Array(pixels, begin[i], bytes);
    pictures.push({ sample: i, picture: { data, height: height[i], width: width[i], channels: 3 } });
  }
  const out = new Float32Array(batchSize * sampleSize);
  const sumOf = (values) => values.reduce((sum, value) => sum + value, 0);
  parentPort.on('message', (epoch) => {
    let sum = 0;
    for (const [i, { sample, picture }] of pictures.entries()) {
      const at = (i % batchSize) * sampleSize;
      renderer.render(picture, { seed, epoch, sample }, out.subarray(at, at + sampleSize));
      if (i === 0) sum = sumOf(out.subarray(0, sampleSize));
    }
    parentPort.postMessage(sum);
  });
}

/** The pictures of the packed file, in memory. */
async function inMemory({ name, rows, begin, height, width }) {
  const { readFileSync } = await import('node:fs');
  const file = readFileSync(name);
  const pixels = new SharedArrayBuffer(file.length);
  new Uint8Array(pixels).set(file);
  return { pixels, begin: begin.slice(0, rows), height: height.slice(0, rows), width: width.slice(0, rows) };
}

/**
 * Threads that render the pictures in memory: `epoch` has them do so once, and gives the sum of the first sample's
 * numbers.
 */
function openMemory(pictures, threads) {
  const workers = Array.from({ length: threads }, (_, first) => {
    const options = { workerData: { ...pictures, first, threads }, argv: process.argv.slice(2) };
    return new Worker(new URL(import.meta.url), options);
  });
  return {
    async epoch(epoch) {
      const answers = workers.map((worker) => new Promise((done) => worker.once('message', done)));
      for (const worker of workers) worker.postMessage(epoch);
      return (await Promise.all(answers))[0];
    },
    close: () => Promise.all(workers.map((worker) => worker.terminate())),
  };
}

/** The same from the packed file, as a run is fed. */
function openFile(dataset, workers) {
  const common = { input: 'x', shape, preprocessing, augmentation, maxPixels: 1e8 };
  const feeder = pictureLoader({ ...common, batchSize, workers, batchesAhead: 2 * workers });
  return {
    async epoch(epoch) {
      let sum;
      const rows = dataset.rows({ batchSize, seed, epoch });
      for await (const batch of feeder.batches(rows, { seed, epoch, augment: true })) {
        sum ??= batch.inputs
          .get('x')
          .data.subarray(0, sampleSize)
          .reduce((total, value) => total + value, 0);
        batch.release();
      }
      return sum;
    },
    close: () => feeder.close(),
  };
}

/** Pictures a second of both, an epoch of each in turn; the first of each is not counted. */
async function compare(pictures, dataset, threads) {
  const ways = [openMemory(pictures, threads), openFile(dataset, threads)];
  const perSecond = [[], []];
  for (let epoch = 0; epoch <= rounds; epoch++) {
    const sums = [];
    for (const [i, way] of ways.entries()) {
      const started = performance.now();
      sums.push(await way.epoch(epoch));
      if (epoch > 0) perSecond[i].push((1000 * count) / (performance.now() - started));
    }
    if (sums[0] !== sums[1]) throw new Error(`the samples differ: their sums are ${sums.join(' and ')}`);
  }
  for (const way of ways) await way.close();
  const [augmentationOnly, fromPackedFile] = perSecond.map(median);
  const share = median(perSecond[1].map((rate, i) => rate / perSecond[0][i]));
  return { threads, augmentationOnly, fromPackedFile, share };
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

async function main() {
  const directory = mkdtempSync(join(tmpdir(), 'ortune-load-'));
  try {
    for (const name of ['a', 'b']) mkdirSync(join(directory, 'pictures', name), { recursive: true });
    for (let i = 0; i < count; i++)
      await writePicture(i, join(directory, 'pictures', 'ab'[i % 2], `${String(i).padStart(5, '0')}.jpg`));
    const output = join(directory, 'packed.safetensors');
    const packed = await pack({ data: [join(directory, 'pictures')], size: edge, output });
    const columns = imageColumns({ labelColumn: 'label' });
    const data = await Splits.open({ train: { files: [output] }, columns, seed, sampling: 'sequential' });
    const pictures = await inMemory(pictureSources(data.train.table)[0]);
    const rows = [];
    for (const threads of [1, 2]) rows.push(await compare(pictures, data.train, threads));
    await data.close();
    const training = given.train ? await train(directory, output) : undefined;
    const cpu = `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores`;
    const packing = { picturesPerSecond: count / packed.seconds, bytes: packed.bytes };
    if (given.json) console.log(JSON.stringify({ cpu, packing, loading: rows, training }));
    else print(cpu, packing, rows, training);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A run of MobileNetV3-small from the packed file. */
async function train(directory, file) {
  const model = join(directory, 'model');
  writeImageModel(model, { model: 'mobilenet-v3-small', labels: ['a', 'b'], imageSize: target });
  const common = { model, train: file, output: join(directory, 'run'), augmentation, saveStrategy: 'no' };
  const trainer = new Trainer({ ...common, batchSize: 32, maxSteps: steps, epochs: 1000, optimizer: 'sgd' });
  const { stepMs, feedRatio, samplesPerSecond } = await trainer.run();
  return { stepMs, feedRatio, samplesPerSecond };
}

function print(cpu, packing, rows, training) {
  const round = (value) => Math.round(value).toString();
  console.log(`${cpu}\npacking 500x375 JPEGs to ${edge}: ${round(packing.picturesPerSecond)} pictures/s`);
  for (const { threads, augmentationOnly, fromPackedFile, share } of rows)
    console.log(
      `${threads} thread(s): augmentation only ${round(augmentationOnly)}/s, from the packed file ${round(fromPackedFile)}/s (${share.toFixed(2)})`,
    );
  if (training)
    console.log(
      `MobileNetV3-small: ${training.stepMs.toFixed(1)} ms a step, feedRatio ${training.feedRatio?.toFixed(3)}`,
    );
}

if (isMainThread) await main();
else augmentInMemory(workerData);
