#!/usr/bin/env node
// Does a device train as the CPU does, and how fast: the same run on every device that works here, its losses against
// the CPU's before its times are told, and the bytes that cross in a step.
//   node bench/devices.mjs [--model models/tiny-en] [--train FILE] [--steps 20] [--batch-size 8] [--max-length 64]
// Without --train it makes up texts of two classes.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Trainer } from '../dist/index.js';
import { probeDevices } from '../dist/runtime/probe.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: new URL('../models/tiny-en', import.meta.url).pathname },
    train: { type: 'string' },
    steps: { type: 'string', default: '20' },
    'batch-size': { type: 'string', default: '8' },
    'max-length': { type: 'string', default: '64' },
  },
});
const tolerance = 1e-3;
const directory = mkdtempSync(join(tmpdir(), 'ortune-devices-'));

/** Texts of two classes, as long as --max-length. */
function madeUp() {
  const words = { good: ['fine', 'great', 'thanks', 'works'], bad: ['broken', 'poor', 'fails', 'sad'] };
  const lines = Array.from({ length: 256 }, (_, i) => {
    const label = i % 2 ? 'good' : 'bad';
    const text = Array.from({ length: Number(values['max-length']) }, (_, k) => words[label][(i * 7 + k * k) % 4]).join(
      ' ',
    );
    return JSON.stringify({ text, label });
  });
  const file = join(directory, 'train.jsonl');
  writeFileSync(file, lines.join('\n'));
  return file;
}

const train = values.train ?? madeUp();

async function run(device) {
  const losses = [];
  const trainer = new Trainer({
    model: values.model,
    train,
    output: join(directory, device.replace(':', '-')),
    maxSteps: Number(values.steps),
    batchSize: Number(values['batch-size']),
    maxLength: Number(values['max-length']),
    device,
  });
  trainer.on('step', ({ loss }) => losses.push(loss));
  const { stepMs, samplesPerSecond, traffic, firstStepSeconds } = await trainer.run();
  return { device, losses, stepMs, samplesPerSecond, traffic, firstStepSeconds };
}

try {
  console.log(`${cpus()[0].model}, ${cpus().length} processors`);
  const reports = await probeDevices();
  for (const { name, works, reason, gflops } of reports)
    console.log(works ? `${name}: ${gflops.toPrecision(3)} GFLOP/s` : reason);
  const expected = await run('cpu');
  const others = reports.filter(({ name, works }) => works && name !== 'cpu').map(({ name }) => name);
  const results = [expected];
  for (const name of others)
    try {
      results.push(await run(name));
    } catch (error) {
      console.log(`${name}: FAILED: ${error.message}`);
      process.exitCode = 1;
    }
  for (const { device, losses, stepMs, samplesPerSecond, traffic, firstStepSeconds } of results) {
    const farthest = Math.max(...losses.map((loss, i) => Math.abs(loss - expected.losses[i]) / expected.losses[i]));
    const moved = traffic ? `, ${traffic.up} bytes up and ${traffic.down} down a step` : '';
    const right = farthest <= tolerance ? 'right' : 'WRONG';
    console.log(
      `${device}: ${right} (losses differ by at most ${farthest.toExponential(1)} of the CPU's); median step ${stepMs.toFixed(1)} ms, ` +
        `${samplesPerSecond.toFixed(1)} samples/s, first step after ${firstStepSeconds.toFixed(1)} s${moved}`,
    );
    if (farthest > tolerance) process.exitCode = 1;
  }
} finally {
  rmSync(directory, { recursive: true });
}
