// What does training cost for one convolution: forward, dX and dW over the runtime's own forward with constant weights,
// which it may reorder beforehand? Each part is the graph that a training step holds, lowered for this device, over
// images that are already in the layout of the inner graph. Every part is compared element by element with the standard
// operators' before it is timed; parts take turns; figures are medians.
//   node bench/conv-layers.mjs [--pytorch PYTHON] [--threads N] [--rounds 25] [--only depthwise] [--json]
// With an interpreter that has torch, PyTorch's channels_last times of the same layers stand beside.

import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { backward } from '../dist/autodiff/backward.js';
import { fuse } from '../dist/lower/fuse.js';
import { lower } from '../dist/lower/lower.js';
import { Builder } from '../dist/onnx/builder.js';
import { encodeGraph } from '../dist/onnx/encode.js';
import { Graph, prune } from '../dist/onnx/graph.js';
import { Tensor } from '../dist/onnx/tensor.js';
import { uniform } from '../dist/random.js';
import { sharedTensor } from '../dist/runtime/arena.js';
import { openDevice } from '../dist/runtime/session.js';
import { median } from '../dist/statistics.js';
import { here } from './peers/rows.mjs';

const { values: options } = parseArgs({
  options: {
    pytorch: { type: 'string' },
    threads: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '25' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
});

/** Images N, channels C, side S; K filters of k x k in groups, with a stride. */
const layer = (name, [N, C, S], [K, k, stride = 1, group = 1]) => ({ name, N, C, S, K, k, stride, group });
const layers = [
  layer('dense 3x3', [8, 64, 28], [64, 3]),
  layer('dense 3x3, wide', [8, 256, 14], [256, 3]),
  layer('dense 3x3 stride 2', [8, 64, 28], [128, 3, 2]),
  layer('1x1', [8, 64, 14], [256, 1]),
  layer('1x1 narrowing', [8, 256, 14], [64, 1]),
  layer('depthwise 3x3', [8, 128, 28], [128, 3, 1, 128]),
  layer('depthwise 3x3 stride 2', [8, 128, 28], [128, 3, 2, 128]),
  layer('depthwise 5x5', [8, 240, 14], [240, 5, 1, 240]),
  layer('stem 7x7 stride 2', [8, 3, 224], [64, 7, 2]),
  layer('stem 3x3 stride 2', [8, 3, 224], [16, 3, 2]),
].filter(({ name }) => name.includes(options.only));

const device = await openDevice('cpu', { threads: Number(options.threads) });

function random(shape, stream) {
  const view = sharedTensor('float32', shape);
  for (let i = 0; i < view.data.length; i++) view.data[i] = 2 * uniform(0, stream, i) - 1;
  return view;
}

const weightShape = ({ C, K, k, group }) => [K, C / group, k, k];
const outputSide = ({ S, stride }) => Math.ceil(S / stride);

const attributes = ({ k, stride, group }) => ({
  kernel_shape: [k, k],
  strides: [stride, stride],
  pads: Array(4).fill(k >> 1),
  dilations: [1, 1],
  group,
});

function declare(graph, name, shape) {
  graph.inputs.push({ name, dtype: 'float32', shape });
  graph.types.set(name, { dtype: 'float32', shape });
}

/** y, dx and dw of a layer over images [N, S, S, C], as a training graph has them on a device with these kernels. */
function trainingGraph(l, part, kernels) {
  const side = outputSide(l);
  const graph = new Graph();
  declare(graph, 'x', [l.N, l.S, l.S, l.C]);
  declare(graph, 'w', weightShape(l));
  const b = new Builder(graph);
  const planes = b.op('Transpose', ['x'], { perm: [0, 3, 1, 2] });
  const y = b.op('Transpose', [b.op('Conv', [planes, 'w'], attributes(l))], { perm: [0, 2, 3, 1] });
  // Its reader says which value the lowered graph has for y.
  const end = b.op('Identity', [y]);
  graph.outputs = [{ name: end, ...graph.type(end) }];
  fuse(b, { trained: new Set(['x', 'w']), kernels, gradients: true });
  const found = graph.nodes.find((node) => node.outputs[0] === end).inputs[0];
  declare(graph, 'dy', [l.N, side, side, l.K]);
  const gradients = part === 'y' ? undefined : backward(b, found, [part.slice(1)], { seed: 'dy' });
  const output = gradients?.get(part.slice(1)) ?? found;
  graph.outputs = [{ name: output, ...graph.type(output) }];
  prune(graph);
  lower(graph, kernels);
  return graph;
}

/** The runtime's own convolution of [N, C, S, S] with constant weights. */
function constantGraph(l, w) {
  const graph = new Graph();
  declare(graph, 'x', [l.N, l.C, l.S, l.S]);
  const b = new Builder(graph);
  const y = b.op('Conv', ['x', b.constant(Tensor.view('float32', w.shape, w.data), 'w')], attributes(l));
  graph.outputs = [{ name: y, ...graph.type(y) }];
  return graph;
}

async function prepare(graph, feeds) {
  const [{ name, dtype, shape }] = graph.outputs;
  const read = new Set(graph.nodes.flatMap((node) => node.inputs));
  graph.inputs = graph.inputs.filter((input) => read.has(input.name));
  const inputs = new Map(graph.inputs.map((input) => [input.name, feeds[input.name]]));
  const session = await device.createSession({ model: encodeGraph(graph) });
  const output = sharedTensor(dtype, shape);
  const outputs = new Map([[name, output]]);
  return { run: () => session.run(inputs, outputs), output, release: () => session.release() };
}

function mustEqual(what, found, expected) {
  const size = Math.sqrt(expected.reduce((sum, v) => sum + v * v, 0));
  const error = Math.sqrt(expected.reduce((sum, v, i) => sum + (v - found[i]) ** 2, 0));
  if (!(error <= 2e-5 * size)) throw new Error(`${what} is wrong: relative error ${error / size}`);
}

/** A stem reads pixels, whose gradient nobody asks for. */
const partsOf = ({ C }) => (C === 3 ? ['y', 'dw'] : ['y', 'dx', 'dw']);

async function measure(l) {
  const side = outputSide(l);
  const w = random(weightShape(l), 1);
  const feeds = { x: random([l.N, l.S, l.S, l.C], 0), w, dy: random([l.N, side, side, l.K], 2) };
  const cases = [];
  for (const part of partsOf(l)) {
    const reference = await prepare(trainingGraph(l, part, new Set()), feeds);
    const own = await prepare(trainingGraph(l, part, device.kernels), feeds);
    await reference.run();
    await own.run();
    mustEqual(`${l.name}: ${part}`, own.output.data, reference.output.data);
    await reference.release();
    cases.push({ part, ...own });
  }
  const planes = { x: random([l.N, l.C, l.S, l.S], 0) };
  cases.push({ part: 'constant', ...(await prepare(constantGraph(l, w), planes)) });
  const ms = Object.fromEntries(cases.map(({ part }) => [part, []]));
  for (let round = -3; round < Number(options.rounds); round++)
    for (const { part, run } of cases) {
      const started = performance.now();
      await run();
      if (round >= 0) ms[part].push(performance.now() - started);
    }
  for (const { release } of cases) await release();
  const medians = Object.fromEntries(Object.entries(ms).map(([part, times]) => [part, median(times)]));
  const step = partsOf(l).reduce((sum, part) => sum + medians[part], 0);
  return { name: l.name, ...medians, step, ratio: step / medians.constant };
}

/** Milliseconds of forward and backward in PyTorch by layer; empty without an interpreter. */
function pytorchTimes() {
  if (!options.pytorch) return {};
  const args = ['-B', here('peers/pytorch_conv.py'), options.threads, options.rounds, JSON.stringify(layers)];
  const { status, stdout, stderr } = spawnSync(options.pytorch, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${options.pytorch} failed: ${stderr}`);
  return JSON.parse(stdout);
}

const rows = [];
for (const l of layers) rows.push(await measure(l));
await device.close();
const peer = pytorchTimes();
for (const row of rows) {
  row.pytorch = peer[row.name];
  row.overPytorch = row.pytorch && row.step / row.pytorch;
}

const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${options.threads} threads, ${options.rounds} rounds`;
if (options.json) console.log(JSON.stringify({ machine, layers: rows }));
else {
  console.log(machine);
  const heads = ['constant ms', 'forward', 'dX', 'dW', 'x constant', 'PyTorch ms', 'x PyTorch'];
  console.log(`${'layer'.padEnd(26)}${heads.map((h) => h.padStart(13)).join('')}`);
  for (const { name, constant, y, dx, dw, ratio, pytorch, overPytorch } of rows) {
    const cells = [constant, y, dx, dw, ratio, pytorch, overPytorch].map((n) => n?.toFixed(2) ?? '-');
    console.log(`${name.padEnd(26)}${cells.map((c) => c.padStart(13)).join('')}`);
  }
}
