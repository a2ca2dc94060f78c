// flat.mjs DIRECTORY STEPS: resident memory in MB after each step of a run over changing shapes, with evaluations and
// checkpoints on the way, as medians over windows of steps.

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
const early = median(resident.slice(1000, 1500));
const late = median(resident.slice(-500));
console.log(JSON.stringify({ steps: resident.length, early, late, largest: Math.max(...resident) }));
