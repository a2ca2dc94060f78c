// flat.mjs DIRECTORY STEPS: resident memory in MB of a run over changing shapes, with evaluations and checkpoints on
// the way: the most of its first half and of its second.

import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { median } from '#ortune/statistics.js';
import { Trainer } from '#ortune/train/trainer.js';

// Threads have small heaps, so that what waits for their collectors is no growth either.
for (const flag of ['--max-semi-space-size=1', '--max-old-space-size=128']) setFlagsFromString(flag);

const [directory, steps] = process.argv.slice(2);
const resident = [];
const trainer = new Trainer({
  model: join(directory, 'encoder'),
  train: join(directory, 'train.jsonl'),
  eval: join(directory, 'eval.jsonl'),
  output: join(directory, 'run'),
  maxSteps: Number(steps),
  batchSize: 4,
  buckets: [4, 8, 12, 16, 24],
  evalSteps: 250,
  saveSteps: 200,
  threads: 2,
});
// What waits for the collector is no growth.
trainer.on('step', ({ step }) => {
  if (step % 20 === 0) globalThis.gc();
  resident.push(process.memoryUsage.rss() / 2 ** 20);
});
await trainer.run();
/**
 * The highest of windows of 250 steps: collectors of threads let memory rise and fall by some MB, at moments of their
 * own.
 */
const highest = (values) =>
  Math.max(...Array.from({ length: values.length / 250 }, (_, i) => median(values.slice(i * 250, (i + 1) * 250))));
const half = resident.length / 2;
const [early, late] = [highest(resident.slice(0, half)), highest(resident.slice(half))];
console.log(JSON.stringify({ steps: resident.length, early, late }));
