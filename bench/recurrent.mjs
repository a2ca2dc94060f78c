// Forward and backward passes of recurrent layers in ortune and PyTorch, one after the other in turns, on the same
// weights: the gradients of all weights, none of the input. Before anything is timed in the comparison, the sizes of
// outputs and gradients must agree to 1e-4.
//   node bench/recurrent.mjs --pytorch PYTHON [--rounds N] [--json]
// PYTHON is an interpreter with torch. Sizes: --kind lstm (or gru, rnn) --layers 2 --hidden 256 --steps 64 --batch 32
// --threads 2; the input is as wide as the layers. Backward is what a pass of both takes beyond forward, whose pass
// keeps what gradients need.

import { here, machineOf, measureInTurn, medianOf, peerOptions } from './peers/rows.mjs';

const sizes = { kind: 'lstm', layers: '2', hidden: '256', steps: '64', batch: '32', threads: '2' };
const { options, shape } = peerOptions(sizes, '3');

if (options.own) console.log(JSON.stringify(await ownPasses()));
else {
  const rows = [
    { name: 'ortune', command: process.execPath, args: [here('./recurrent.mjs'), ...shape, '--own'] },
    { name: 'PyTorch', command: options.pytorch, args: ['-B', here('./peers/recurrent.py'), ...shape] },
  ];
  const measured = measureInTurn(rows, Number(options.rounds));
  for (const key of ['output', 'gradient']) {
    const [one, other = one] = measured.map(({ results }) => results[0][key]);
    if (!(Math.abs(one / other - 1) < 1e-4)) throw new Error(`the ${key} has the size ${one}, and PyTorch's ${other}`);
  }
  const table = Object.fromEntries(
    measured.map((row) => {
      const [forward, both] = [medianOf(row, 'forwardMs'), medianOf(row, 'bothMs')];
      return [row.name, { forward, backward: both - forward, both }];
    }),
  );
  const ratios = Object.fromEntries(
    Object.keys(table.ortune).map((key) => [key, table.PyTorch && table.PyTorch[key] / table.ortune[key]]),
  );
  const found = { machine: machineOf(options), sizes: shape.join(' '), ms: table, timesOrtune: ratios };
  console.log(options.json ? JSON.stringify(found) : found);
}

/** Medians of ortune's passes. Tensor number n has (i * 31 + n * 17) mod 1013 / 1013 - 0.5 times a scale at place i. */
async function ownPasses() {
  const { backward } = await import('../dist/autodiff/backward.js');
  const { fuse } = await import('../dist/lower/fuse.js');
  const { lower } = await import('../dist/lower/lower.js');
  const { useOrtuneGemm } = await import('../dist/lower/ortune-gemm.js');
  const { pretransposeGemm } = await import('../dist/lower/pretranspose-gemm.js');
  const { Builder } = await import('../dist/onnx/builder.js');
  const { encodeGraph } = await import('../dist/onnx/encode.js');
  const { Graph, infoOf, prune } = await import('../dist/onnx/graph.js');
  const { sharedTensor } = await import('../dist/runtime/arena.js');
  const { openDevice } = await import('../dist/runtime/session.js');
  const { kind, ...numbers } = options;
  const [layers, hidden, steps, batch, threads] = ['layers', 'hidden', 'steps', 'batch', 'threads'].map((name) =>
    Number(numbers[name]),
  );
  const device = await openDevice('cpu', { threads });
  const gates = { lstm: 4, gru: 3, rnn: 1 }[kind];
  const inputs = new Map();
  const b = new Builder(new Graph());
  const input = (name, dims, scale) => {
    const tensor = sharedTensor('float32', dims);
    const n = inputs.size;
    for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = (((i * 31 + n * 17) % 1013) / 1013 - 0.5) * scale;
    inputs.set(name, tensor);
    return b.input(name, 'float32', dims);
  };
  let x = input('x', [steps, batch, hidden], 2);
  const dy = input('dy', [steps, 1, batch, hidden], 2);
  const weights = [];
  const scale = 2 / Math.sqrt(hidden);
  for (let layer = 0; layer < layers; layer++) {
    const operands = [
      input(`w${layer}`, [1, gates * hidden, hidden], scale),
      input(`r${layer}`, [1, gates * hidden, hidden], scale),
      input(`b${layer}`, [1, 2 * gates * hidden], scale),
    ];
    weights.push(...operands);
    const attrs = { hidden_size: hidden, ...(kind === 'gru' && { linear_before_reset: 1 }) };
    const y = b.op(kind.toUpperCase(), [x, ...operands], attrs);
    x = layer + 1 < layers ? b.op('Reshape', [y, b.ints([steps, batch, hidden])]) : y;
  }
  b.output(x);
  fuse(b, { trained: new Set(weights), kernels: device.kernels, gradients: true });
  const gradients = [...backward(b, x, weights, { seed: dy }).values()];
  const session = async (graph, wanted) => {
    const copy = graph.clone();
    copy.outputs = wanted.map((name) => infoOf(copy, name));
    prune(copy);
    const own = new Builder(copy);
    if (device.kernels.has('ortune.Gemm')) useOrtuneGemm(own, 'Gemm');
    else pretransposeGemm(own);
    lower(copy, device.kernels);
    const read = new Set(copy.nodes.flatMap((node) => node.inputs));
    copy.inputs = copy.inputs.filter(({ name }) => read.has(name));
    const fed = new Map(copy.inputs.map(({ name }) => [name, inputs.get(name)]));
    const results = new Map(wanted.map((name) => [name, sharedTensor('float32', [...copy.shape(name)])]));
    const opened = await device.createSession({ model: encodeGraph(copy) });
    return { run: () => opened.run(fed, results), results };
  };
  // What the forward pass keeps for gradients is asked for, so that it is written.
  const kept = b.graph.nodes
    .filter(({ domain, op }) => domain === 'ortune' && op === kind.toUpperCase())
    .flatMap(({ outputs }) => outputs.filter((out) => out !== ''));
  const forward = await session(b.graph, [...new Set([x, ...kept])]);
  const both = await session(b.graph, [x, ...gradients]);
  const size = (names) =>
    Math.hypot(...names.map((name) => Math.sqrt(both.results.get(name).data.reduce((s, v) => s + v * v, 0))));
  const times = { forward: [], both: [] };
  for (let round = 0; round < 25; round++)
    for (const [name, { run }] of [
      ['forward', forward],
      ['both', both],
    ]) {
      const started = performance.now();
      await run();
      if (round >= 5) times[name].push(performance.now() - started);
    }
  const median = (list) => list.sort((p, q) => p - q)[list.length >> 1];
  const found = {
    output: size([x]),
    gradient: size(gradients),
    forwardMs: median(times.forward),
    bothMs: median(times.both),
  };
  await device.close();
  return found;
}
