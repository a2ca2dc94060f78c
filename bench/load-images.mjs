// How fast batches come from JPEGs of 500 x 375 pixels by two workers: decoded, random resized crops of 224, flipped
// and normalised; beside torchvision's DataLoader with as many workers, on Pillow's pictures and on tensors, in this
// run and in turn. Before anything is compared both must find the same pixels in the pictures.
//   node bench/load-images.mjs [--pytorch PYTHON] [--pictures 1024] [--workers 2] [--batch 64] [--rounds 3] [--json]
// PYTHON is an interpreter with torch, torchvision and pillow; default python3. Without it ortune alone is measured.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { imageColumns } from '../dist/data/column-specs.js';
import { preprocessingOf } from '../dist/data/images/preprocessing.js';
import { Splits } from '../dist/data/splits.js';
import { writeJpegs } from './peers/jpegs.mjs';
import { here, machineOf, measureInTurn, medianOf } from './peers/rows.mjs';
import { pictureLoader } from './picture-loader.mjs';

const text = (value) => ({ type: 'string', default: value });
const { values: given } = parseArgs({
  options: {
    ...{ pytorch: text('python3'), pictures: text('1024'), workers: text('2'), batch: text('64'), rounds: text('3') },
    folder: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const [workers, batchSize, rounds] = ['workers', 'batch', 'rounds'].map((name) => Number(given[name]));
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** In a process of its own: pictures a second, and the mean of the first eight, resized. */
async function measure(folder) {
  const shape = { channels: 3, height: 224, width: 224, layout: 'NCHW' };
  const preprocessing = preprocessingOf({ image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] }, {}, 3);
  const data = await Splits.open({ train: { files: [folder] }, columns: imageColumns({ labelColumn: 'label' }) });
  const augmentation = [{ op: 'randomResizedCrop' }, { op: 'randomHorizontalFlip' }];
  const common = { input: 'x', shape, preprocessing, maxPixels: 1e8, augmentation };
  const feeder = pictureLoader({ ...common, batchSize, workers, batchesAhead: 2 * workers });
  const first = data.train.rows({ batchSize: 8, seed: 0, epoch: 0, sequentialPass: true });
  let mean;
  for await (const batch of feeder.batches(first)) {
    const values = batch.inputs.get('x').data.subarray(0, 8 * 3 * 224 * 224);
    mean ??= values.reduce((sum, value) => sum + value, 0) / values.length;
    batch.release();
    break;
  }
  const rates = [];
  for (let epoch = 0; epoch <= rounds; epoch++) {
    const started = performance.now();
    let samples = 0;
    const rows = data.train.rows({ batchSize, seed: 0, epoch });
    for await (const batch of feeder.batches(rows, { seed: 0, epoch, augment: true })) {
      samples += batch.samples.length;
      batch.release();
    }
    if (epoch > 0) rates.push((1000 * samples) / (performance.now() - started));
  }
  await feeder.close();
  await data.close();
  return { imagesPerSecond: median(rates), mean };
}

async function compare() {
  const folder = mkdtempSync(join(tmpdir(), 'ortune-jpegs-'));
  try {
    const bytes = await writeJpegs(folder, Number(given.pictures));
    const common = ['--folder', folder, '--workers', given.workers, '--batch', given.batch, '--rounds', given.rounds];
    const peer = (kind) => ['-B', here('peers/torchvision_loader.py'), ...common, '--kind', kind];
    const rows = measureInTurn(
      [
        { name: 'ortune', command: process.execPath, args: [fileURLToPath(import.meta.url), ...common] },
        { name: 'torchvision, Pillow', command: given.pytorch, args: peer('pil') },
        { name: 'torchvision, tensors', command: given.pytorch, args: peer('tensor') },
      ],
      1,
    ).map((row) => ({ name: row.name, imagesPerSecond: medianOf(row, 'imagesPerSecond'), mean: row.results[0].mean }));
    for (const { name, mean } of rows)
      if (Math.abs(mean - rows[0].mean) > 0.01)
        throw new Error(`${name} finds other pixels: mean ${mean}, not ${rows[0].mean}`);
    report(rows, bytes);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function report(rows, bytes) {
  const best = Math.max(...rows.slice(1).map(({ imagesPerSecond }) => imagesPerSecond));
  const ratio = rows.length > 1 ? rows[0].imagesPerSecond / best : undefined;
  const machine = machineOf({ threads: given.workers, rounds });
  if (given.json) console.log(JSON.stringify({ machine, bytesPerPicture: bytes, rows, ratio }));
  else {
    console.log(`${machine}; JPEGs of ${(bytes / 1000).toFixed(0)} kB`);
    for (const { name, imagesPerSecond } of rows)
      console.log(`${name.padEnd(24)}${imagesPerSecond.toFixed(0).padStart(8)} images/s`);
    if (ratio) console.log(`ortune is ${ratio.toFixed(2)} times as fast as the better of torchvision's`);
  }
}

if (given.folder === undefined) await compare();
else console.log(JSON.stringify(await measure(given.folder)));
