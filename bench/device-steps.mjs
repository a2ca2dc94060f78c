// One training step on a device: ortune beside PyTorch on the same device, from the same weights and batch, in this
// run, in turn, each in a process of its own; medians. Both must agree on the first loss before anything is compared.
// An encoder, and a ResNet-18, whose weights each draws for itself: there the number of parameters must agree.
//   node bench/device-steps.mjs --device webgpu --pytorch PYTHON [--batch 16] [--seq 128]
//     [--models encoder,resnet18] [--json]
// PYTHON is an interpreter with torch and numpy (for the ResNet torchvision too), whose torch can use the device: of
// CUDA for --device cuda; for webgpu the graphics card that it finds (CUDA, ROCm, Apple's), else the CPU. Without it
// ortune alone is measured.

import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { here, machineOf, measureInTurn, medianOf } from './peers/rows.mjs';
import { writeStart } from './peers/start.mjs';

const text = (value) => ({ type: 'string', default: value });
const sizes = { layers: '6', hidden: '384', heads: '12', batch: '16', seq: '128', vocabulary: '8192' };
const { values: options } = parseArgs({
  options: {
    device: text('webgpu'),
    pytorch: text('python3'),
    models: text('encoder,resnet18'),
    image: text('224'),
    threads: text(String(availableParallelism())),
    rounds: text('3'),
    warmup: text('3'),
    steps: text('15'),
    json: { type: 'boolean', default: false },
    ...Object.fromEntries(Object.entries(sizes).map(([name, value]) => [name, text(value)])),
  },
});
const lossTolerance = 1e-4;

const peerDevice = { webgpu: 'auto' }[options.device] ?? options.device;
const flags = (...names) => names.flatMap((name) => [`--${name}`, options[name]]);
const run = flags('batch', 'threads', 'warmup', 'steps');
const ortune = (args) => ({
  command: process.execPath,
  args: [here('../dist/cli/main.js'), 'bench', 'step', '--json', '--device', options.device, ...run, ...args],
});
const pytorch = (script, args) => ({
  command: options.pytorch,
  args: ['-B', here(`peers/${script}`), '--device', peerDevice, ...run, ...args],
});

function encoder(directory) {
  const numbers = Object.fromEntries(Object.keys(sizes).map((name) => [name, Number(options[name])]));
  const feedForward = 4 * numbers.hidden;
  const { model, start } = writeStart(directory, { ...numbers, feedForward });
  const shape = [...flags('layers', 'hidden', 'heads', 'seq', 'vocabulary'), '--feed-forward', String(feedForward)];
  return [
    { library: 'ortune', ...ortune(['--model', model, '--seq', options.seq, '--dropout', '0']) },
    { library: 'PyTorch', ...pytorch('pytorch_step.py', [...shape, '--start', start]) },
    { library: 'PyTorch, SDPA', ...pytorch('pytorch_step.py', [...shape, '--start', start, '--attention', 'sdpa']) },
  ].map((row) => ({ ...row, agree: 'firstLoss' }));
}

const network = (model) => {
  const of = ['--model', model, ...flags('image'), '--optimizer', 'sgd'];
  const layouts = ['nchw', 'channels_last'];
  return [
    { library: 'ortune', ...ortune(of) },
    ...layouts.map((layout) => ({
      library: `PyTorch, ${layout}`,
      ...pytorch('pytorch_images.py', [...of, '--layout', layout]),
    })),
  ].map((row) => ({ ...row, agree: 'parameters' }));
};

function mustAgree(rows) {
  const [first, ...others] = rows;
  for (const { name, agree, results } of others) {
    const [a, b] = [first.results[0][agree], results[0][agree]];
    if (Math.abs(a - b) > lossTolerance * Math.abs(a))
      throw new Error(`${first.name} and ${name} do not compute the same step: ${agree} ${a} and ${b}`);
  }
}

const directory = mkdtempSync(join(tmpdir(), 'ortune-device-steps-'));
try {
  const asked = options.models.split(',').flatMap((model) =>
    (model === 'encoder' ? encoder(directory) : network(model)).map((row) => ({
      ...row,
      model,
      name: `${model}, ${row.library}`,
    })),
  );
  const measured = measureInTurn(asked, Number(options.rounds));
  const rows = options.models.split(',').flatMap((model) => {
    const of = measured.filter((row) => row.model === model);
    mustAgree(of);
    const own = of.find((row) => row.library === 'ortune');
    return of.map((row) => ({
      name: row.name,
      device: row.results[0].device,
      stepMs: medianOf(row, 'stepMs'),
      timesOrtune: own && medianOf(row, 'stepMs') / medianOf(own, 'stepMs'),
      gemmGflops: medianOf(row, 'gemmGflops'),
      [row.agree]: row.results[0][row.agree],
      version: row.results[0].version,
    }));
  });
  if (options.json) console.log(JSON.stringify({ machine: machineOf(options), rows }));
  else {
    console.log(`one step on ${options.device}, batch ${options.batch}; ${machineOf(options)}`);
    const heads = ['ms', 'x ortune', 'GEMM GFLOP/s'];
    console.log(`${'step'.padEnd(34)}${heads.map((head) => head.padStart(14)).join('')}   on`);
    for (const { name, device, stepMs, timesOrtune, gemmGflops } of rows) {
      const cells = [stepMs.toFixed(1), timesOrtune?.toFixed(2) ?? '-', gemmGflops.toPrecision(3)];
      console.log(`${name.padEnd(34)}${cells.map((cell) => cell.padStart(14)).join('')}   ${device}`);
    }
  }
  if (!rows.some(({ name }) => name.endsWith('ortune'))) process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true });
}
