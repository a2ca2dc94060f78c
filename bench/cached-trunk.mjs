// What keeping the activations of a frozen trunk saves: the time of the first epoch, which computes them, of the later
// ones, which read them, and of an epoch without. A linear head on a frozen ResNet-18 with random pictures, and a
// classifier on the frozen encoder models/tiny-en with made-up texts. Before anything is timed against anything, kept
// and not kept must give the same losses.
//   node bench/cached-trunk.mjs [--samples 128] [--image 224] [--epochs 3] [--batch 16] [--threads N] [--json]

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Trainer } from '../dist/index.js';
import { writeImageModel } from '../dist/models/images.js';
import { hash } from '../dist/random.js';
import { here } from './peers/rows.mjs';

const text = (value) => ({ type: 'string', default: value });
const { values: given } = parseArgs({
  options: {
    samples: text('128'),
    image: text('224'),
    epochs: text('3'),
    batch: text('16'),
    threads: text(String(availableParallelism())),
    json: { type: 'boolean', default: false },
  },
});
const [samples, image, epochs, batchSize, threads] = ['samples', 'image', 'epochs', 'batch', 'threads'].map((name) =>
  Number(given[name]),
);
const directory = mkdtempSync(join(tmpdir(), 'ortune-bench-'));

/** Losses of all steps, and when the run began to work and ended each epoch. */
async function run(options, trunkCache) {
  const output = join(directory, `${options.name}-${trunkCache}`);
  const { name: _, ...rest } = options;
  const common = {
    output,
    freeze: 'trunk',
    epochs,
    batchSize,
    threads,
    trunkCache,
    saveStrategy: 'no',
    learningRate: 1e-3,
  };
  const trainer = new Trainer({ ...common, ...rest });
  const losses = [];
  const ends = [];
  trainer.on('start', () => ends.push(performance.now()));
  trainer.on('step', ({ loss }) => losses.push(loss));
  trainer.on('epoch', () => ends.push(performance.now()));
  const result = await trainer.run();
  return { losses, result, epochMs: ends.slice(1).map((end, i) => end - ends[i]) };
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

async function compare(options) {
  const without = await run(options, false);
  const kept = await run(options, true);
  const apart = Math.max(
    ...kept.losses.map((loss, i) => Math.abs(loss - without.losses[i]) / Math.abs(without.losses[i])),
  );
  if (!(apart < 1e-4)) throw new Error(`${options.name}: the losses differ by ${apart}`);
  if (!kept.result.trunkCache) throw new Error(`${options.name}: nothing was kept`);
  const [first, ...later] = kept.epochMs;
  const laterMs = median(later);
  const { bytes } = kept.result.trunkCache;
  const row = {
    name: options.name,
    firstMs: first,
    laterMs,
    times: first / laterMs,
    withoutMs: median(without.epochMs.slice(1)),
  };
  return { ...row, range: [Math.min(...later), Math.max(...later)], bytes, lossesApart: apart };
}

function pictures() {
  writeImageModel(join(directory, 'resnet18'), { model: 'resnet18', imageSize: image, labels: ['a', 'b', 'c'] });
  const pixels = new Uint8Array(samples * 3 * image * image);
  for (let i = 0; i < pixels.length; i++) pixels[i] = hash(1, 0, i);
  const labels = Int32Array.from({ length: samples }, (_, i) => hash(1, 1, i) % 3);
  const train = { pixels, shape: [samples, 3, image, image], labels, labelNames: ['a', 'b', 'c'] };
  return {
    name: `resnet18, ${image} x ${image}`,
    model: join(directory, 'resnet18'),
    task: 'image-classification',
    train,
  };
}

function sentences() {
  const words =
    'the a of meeting patch money offer code free please report list time people small new first work'.split(' ');
  const line = (i) =>
    Array.from({ length: 20 + (hash(2, i, 0) % 80) }, (_, k) => words[hash(2, i, k + 1) % words.length]);
  const rows = Array.from({ length: samples }, (_, i) =>
    JSON.stringify({ text: line(i).join(' '), label: i % 2 ? 'a' : 'b' }),
  );
  writeFileSync(join(directory, 'texts.jsonl'), rows.join('\n'));
  return {
    name: 'tiny-en, up to 128 tokens',
    model: here('../models/tiny-en'),
    train: join(directory, 'texts.jsonl'),
    maxLength: 128,
  };
}

const ms = (value) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
try {
  const rows = [];
  for (const options of [pictures(), sentences()]) rows.push(await compare(options));
  const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${threads} threads`;
  if (given.json) console.log(JSON.stringify({ machine, samples, batchSize, rows }));
  else {
    console.log(`${machine}; ${samples} samples, batches of ${batchSize}`);
    for (const { name, firstMs, laterMs, range, times, withoutMs, bytes } of rows)
      console.log(
        `${name}: first epoch ${ms(firstMs)}, later ones ${ms(laterMs)} (${range.map(ms).join(' to ')}): ${times.toFixed(1)} times faster; ` +
          `${ms(withoutMs)} when nothing is kept; ${(bytes / 1e6).toFixed(2)} MB`,
      );
  }
} finally {
  rmSync(directory, { recursive: true });
}
