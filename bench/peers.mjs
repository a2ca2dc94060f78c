// One training step of the same encoder in ortune, PyTorch eager, JAX and TensorFlow with XLA, on this machine, in
// this run, and the ratios. Each runs alone in a process of its own with the same number of threads; before anything
// is compared, the peers must agree on the first loss, the first gradient norm and the last loss. ortune and PyTorch
// run in float32 and with products in bfloat16, each held against the other in the same precision.
//   node bench/peers.mjs --pytorch PYTHON --jax PYTHON --tensorflow PYTHON
// PYTHON is an interpreter with that library (python -m venv X && X/bin/pip install torch numpy | jax |
// tensorflow-cpu); `--python P` serves all, default python3. Without its library a peer is named and left out.
// --rounds N repeats all in turn and takes medians; --json prints one object; sizes as in `ortune bench step`.

import { parseArgs } from 'node:util';
import { here, machineOf, measureInTurn, medianOf } from './peers/rows.mjs';

const text = (value) => ({ type: 'string', ...(value === undefined ? {} : { default: value }) });
const sizes = { layers: '6', hidden: '384', heads: '12', batch: '16', seq: '128' };
const { values: options } = parseArgs({
  options: {
    python: text('python3'),
    pytorch: text(),
    jax: text(),
    tensorflow: text(),
    threads: text('2'),
    rounds: text('1'),
    only: text(),
    json: { type: 'boolean', default: false },
    ...Object.fromEntries(Object.entries(sizes).map(([name, value]) => [name, text(value)])),
  },
});

const shape = [...Object.keys(sizes), 'threads'].flatMap((name) => [`--${name}`, options[name]]);
const python = (library, script, ...more) => ({
  command: options[library] ?? options.python,
  args: ['-B', here(`./peers/${script}`), ...shape, '--feed-forward', String(4 * Number(options.hidden)), ...more],
});
const ortune = (...more) => ({
  command: process.execPath,
  args: [here('../dist/cli/main.js'), 'bench', 'step', ...shape, '--json', ...more],
});

const dropout = ['--dropout', '0.1'];
const rows = [
  { name: 'ortune', ...ortune('--dropout', '0') },
  { name: 'PyTorch eager', ...python('pytorch', 'pytorch_step.py') },
  { name: 'PyTorch eager, SDPA', ...python('pytorch', 'pytorch_step.py', '--attention', 'sdpa') },
  { name: 'JAX', ...python('jax', 'jax_step.py') },
  { name: 'TensorFlow XLA', ...python('tensorflow', 'tensorflow_xla.py') },
  { name: 'ortune, bfloat16', half: true, ...ortune('--dropout', '0', '--precision', 'bfloat16') },
  { name: 'PyTorch eager, autocast(bfloat16)', half: true, ...python('pytorch', 'pytorch_step.py', '--autocast') },
  {
    name: 'PyTorch eager, SDPA, autocast(bfloat16)',
    half: true,
    ...python('pytorch', 'pytorch_step.py', '--attention', 'sdpa', '--autocast'),
  },
  { name: 'ortune, dropout 0.1', dropout: true, ...ortune(...dropout) },
  { name: 'PyTorch eager, dropout 0.1', dropout: true, ...python('pytorch', 'pytorch_step.py', ...dropout) },
  {
    name: 'PyTorch eager, SDPA, dropout 0.1',
    dropout: true,
    ...python('pytorch', 'pytorch_step.py', '--attention', 'sdpa', ...dropout),
  },
].filter((row) => !options.only || row.name.toLowerCase().includes(options.only.toLowerCase()));

/**
 * Peers without dropout start from the same weights and batch, so their losses and gradients are one number. ortune
 * draws its own weights here and tells no norm; the tests hold its gradients against PyTorch's.
 */
function mustAgree(results) {
  const [first, ...others] = results.filter((r) => !r.dropout && r.results[0].firstGradientNorm !== undefined);
  for (const other of others)
    for (const [key, exact] of Object.entries({ firstLoss: 1e-4, firstGradientNorm: 1e-3, lastLoss: 1e-2 })) {
      const [a, b] = [first.results[0][key], other.results[0][key]];
      const tolerance = other.half === first.half ? exact : 2e-2;
      if (Math.abs(a - b) > tolerance * Math.abs(a))
        throw new Error(`${first.name} and ${other.name} do not compute the same step: ${key} ${a} and ${b}`);
    }
}

const measured = measureInTurn(rows, Number(options.rounds));
mustAgree(measured);

const summary = measured.map((row) => {
  const own = measured.find((r) => r.name.startsWith('ortune') && r.dropout === row.dropout && r.half === row.half);
  const steps = row.results.map((r) => r.stepMs);
  return {
    name: row.name,
    stepMs: medianOf(row, 'stepMs'),
    stepMsRange: [Math.min(...steps), Math.max(...steps)],
    gemmGflops: medianOf(row, 'gemmGflops'),
    peakRssBytes: medianOf(row, 'peakRssBytes'),
    timesOrtune: own && medianOf(row, 'stepMs') / medianOf(own, 'stepMs'),
    versions: row.results[0].version,
  };
});

const machine = machineOf(options);
if (options.json) console.log(JSON.stringify({ machine, rows: summary }));
else {
  console.log(machine);
  console.log(
    `${'step'.padEnd(42)}${['ms', 'GEMM GFLOP/s', 'peak RSS MB', 'x ortune'].map((h) => h.padStart(14)).join('')}`,
  );
  for (const row of summary) {
    const cells = [row.stepMs.toFixed(0), row.gemmGflops.toFixed(0), (row.peakRssBytes / 1e6).toFixed(0)];
    cells.push(row.timesOrtune === undefined ? '-' : row.timesOrtune.toFixed(2));
    console.log(`${row.name.padEnd(42)}${cells.map((c) => c.padStart(14)).join('')}`);
  }
}
