// Whether memory stays what it is: JPEGs for some epochs through the workers, resident memory at the end of each; it
// must not have grown by more than 5 % from the second epoch to the last. At the end no file of the data is open and no
// thread left over.
//   node bench/image-memory.mjs [--pictures 5000] [--epochs 5] [--workers 2] [--batch 32] [--json]

import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { imageColumns } from '../dist/data/column-specs.js';
import { preprocessingOf } from '../dist/data/images/preprocessing.js';
import { Splits } from '../dist/data/splits.js';
import { writeJpegs } from './peers/jpegs.mjs';
import { pictureLoader } from './picture-loader.mjs';

const text = (value) => ({ type: 'string', default: value });
const { values: given } = parseArgs({
  options: {
    ...{ pictures: text('5000'), epochs: text('5'), workers: text('2'), batch: text('32') },
    json: { type: 'boolean', default: false },
  },
});
const [count, epochs, workers, batchSize] = ['pictures', 'epochs', 'workers', 'batch'].map((name) =>
  Number(given[name]),
);

const threads = () => readdirSync('/proc/self/task').length;
const openFiles = (folder) =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  }).length;

async function pass(folder, passes) {
  const shape = { channels: 3, height: 224, width: 224, layout: 'NCHW' };
  const preprocessing = preprocessingOf(undefined, {}, 3);
  const data = await Splits.open({ train: { files: [folder] }, columns: imageColumns({ labelColumn: 'label' }) });
  const augmentation = [{ op: 'randomResizedCrop' }, { op: 'randomHorizontalFlip' }];
  const common = { input: 'x', shape, preprocessing, maxPixels: 1e8, augmentation };
  const feeder = pictureLoader({ ...common, batchSize, workers });
  const rssBytes = [];
  for (let epoch = 0; epoch < passes; epoch++) {
    const rows = data.train.rows({ batchSize, seed: 0, epoch });
    for await (const batch of feeder.batches(rows, { seed: 0, epoch, augment: true })) batch.release();
    rssBytes.push(process.memoryUsage.rss());
  }
  await feeder.close();
  await data.close();
  return rssBytes;
}

const folder = mkdtempSync(join(tmpdir(), 'ortune-jpegs-'));
try {
  await writeJpegs(folder, count);
  // What the process keeps for good (thread pool, loaded libraries) is there after a first pass.
  await pass(folder, 1);
  const before = threads();
  const rssBytes = await pass(folder, epochs);
  const result = {
    pictures: count,
    rssBytes,
    growth: rssBytes.at(-1) / rssBytes[1],
    filesLeft: openFiles(folder),
    threadsLeft: threads() - before,
  };
  if (given.json) console.log(JSON.stringify(result));
  else {
    const mb = rssBytes.map((bytes) => (bytes / 1e6).toFixed(0)).join(', ');
    console.log(`${count} JPEGs, memory after each epoch: ${mb} MB; last over second ${result.growth.toFixed(3)}`);
    console.log(`left over: ${result.filesLeft} files, ${result.threadsLeft} threads`);
  }
  process.exitCode = result.growth <= 1.05 && result.filesLeft === 0 && result.threadsLeft <= 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}
