// One training step of image networks in ortune and in PyTorch eager, in both of its memory layouts, on this machine,
// in this run, in turn, each in a process of its own with the same batch, optimizer and number of threads; medians,
// ratios and peak memory. Before anything is compared, all must have the same number of parameters, and both layouts
// the same first loss.
//   node bench/images.mjs --pytorch PYTHON [--models resnet18:16:sgd,vit-tiny:16:adamw] [--rounds 3] [--json]
// PYTHON is an interpreter with the library (python -m venv X && X/bin/pip install torch torchvision timm numpy);
// default python3. Without it ortune alone is measured. A model is NAME:BATCH:OPTIMIZER.

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { here, machineOf, measureInTurn, medianOf } from './peers/rows.mjs';

const text = (value) => ({ type: 'string', default: value });
const { values: options } = parseArgs({
  options: {
    pytorch: text('python3'),
    models: text('resnet18:16:sgd,mobilenet-v3-small:32:sgd,vit-tiny:16:adamw'),
    image: text('224'),
    threads: text(String(availableParallelism())),
    rounds: text('3'),
    warmup: text('2'),
    steps: text('5'),
    json: { type: 'boolean', default: false },
  },
});

const common = ['image', 'threads', 'warmup', 'steps'].flatMap((name) => [`--${name}`, options[name]]);

function rowsOf(spec) {
  const [model, batch, optimizer] = spec.split(':');
  const args = [...common, '--model', model, '--batch', batch, '--optimizer', optimizer];
  // PyTorch's steps are timed with the dropout that its own definitions have.
  const ortune = [here('../dist/cli/main.js'), 'bench', 'step', '--json', ...args];
  const pytorch = (layout) => ['-B', here('peers/pytorch_images.py'), ...args, '--layout', layout];
  const row = (name, command, args) => ({ name: `${spec} ${name}`, model: spec, library: name, command, args });
  return [
    row('ortune', process.execPath, ortune),
    row('PyTorch NCHW', options.pytorch, pytorch('nchw')),
    row('PyTorch channels_last', options.pytorch, pytorch('channels_last')),
  ];
}

function mustAgree(rows) {
  const [first, ...others] = rows;
  for (const { name, results } of others)
    if (results[0].parameters !== first.results[0].parameters)
      throw new Error(`${name} has ${results[0].parameters} parameters, ${first.name} ${first.results[0].parameters}`);
  const [a, b] = rows.filter((row) => row.library !== 'ortune').map((row) => row.results[0].firstLoss);
  if (b !== undefined && Math.abs(a - b) > 1e-3 * Math.abs(a))
    throw new Error(`the layouts of PyTorch do not compute the same step: first loss ${a} and ${b}`);
}

function summaryOf(rows) {
  mustAgree(rows);
  const own = rows.find((row) => row.library === 'ortune');
  return rows.map((row) => {
    const steps = row.results.map((r) => r.stepMs);
    return {
      model: row.model,
      library: row.library,
      stepMs: medianOf(row, 'stepMs'),
      stepMsRange: [Math.min(...steps), Math.max(...steps)],
      gemmGflops: medianOf(row, 'gemmGflops'),
      peakRssBytes: medianOf(row, 'peakRssBytes'),
      timesOrtune: own && medianOf(row, 'stepMs') / medianOf(own, 'stepMs'),
      memoryTimesOrtune: own && medianOf(row, 'peakRssBytes') / medianOf(own, 'peakRssBytes'),
      version: row.results[0].version,
    };
  });
}

const measured = measureInTurn(options.models.split(',').flatMap(rowsOf), Number(options.rounds));
const models = [...new Set(measured.map((row) => row.model))];
const rows = models.flatMap((model) => summaryOf(measured.filter((row) => row.model === model)));
const machine = machineOf(options);
if (options.json) console.log(JSON.stringify({ machine, image: Number(options.image), rows }));
else {
  console.log(machine);
  const heads = ['step ms', 'range', 'x ortune', 'peak RSS MB', 'GEMM GFLOP/s'];
  console.log(`${'model:batch:optimizer'.padEnd(50)}${heads.map((h) => h.padStart(14)).join('')}`);
  for (const row of rows) {
    const range = row.stepMsRange.map((ms) => ms.toFixed(0)).join('-');
    const ratio = row.timesOrtune?.toFixed(2) ?? '-';
    const cells = [row.stepMs.toFixed(1), range, ratio, (row.peakRssBytes / 1e6).toFixed(0), row.gemmGflops.toFixed(0)];
    console.log(`${`${row.model} ${row.library}`.padEnd(50)}${cells.map((c) => c.padStart(14)).join('')}`);
  }
}
