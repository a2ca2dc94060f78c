// Resident memory that the frozen weights of a quantised model need while what is around them trains, over the bytes
// they have in the file: a stack of feed-forward blocks with few rows, and half of it, each in a process of its own, so
// that what the process takes is not counted.
//   node bench/quantised-memory.mjs [--form MatMulNBits|DequantizeLinear] [--bits 4|8] [--json]
// Sizes: --layers 16 --hidden 1024 --tokens 1 (of two rows).
// Before anything is counted, the loss of a step must be finite and its gradient not 0. `peak` is the most that was
// resident at once, opening included, `held` what stays after some steps.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Builder } from '../dist/onnx/builder.js';
import { encodeGraph } from '../dist/onnx/encode.js';
import { add } from '../dist/onnx/formulas.js';
import { Graph } from '../dist/onnx/graph.js';
import { Tensor } from '../dist/onnx/tensor.js';

const text = (value) => ({ type: 'string', default: value });
const { values: options } = parseArgs({
  options: {
    ...{
      form: text('MatMulNBits'),
      bits: text('4'),
      layers: text('16'),
      hidden: text('1024'),
      tokens: text('1'),
      file: { type: 'string' },
    },
    json: { type: 'boolean', default: false },
  },
});
const [bits, layers, hidden] = ['bits', 'layers', 'hidden'].map((name) => Number(options[name]));
const block = 32;
const tokens = [2, Number(options.tokens)];

if (options.file) console.log(JSON.stringify(await train(options.file)));
else {
  const folder = mkdtempSync(join(tmpdir(), 'ortune-quantised-'));
  try {
    const measured = [layers / 2, layers].map((count) => {
      const file = join(folder, `${count}.onnx`);
      writeFileSync(file, stack(count));
      const child = ['--expose-gc', import.meta.filename, '--file', file, '--tokens', options.tokens];
      return { bytes: statSync(file).size, ...JSON.parse(execFileSync(process.execPath, child, { encoding: 'utf8' })) };
    });
    const [small, large] = measured;
    const over = (key) => (large[key] - small[key]) / (large.bytes - small.bytes);
    const found = {
      ...{ machine: `${cpus()[0].model}, 1 thread`, form: options.form, bits, layers, hidden, tokens },
      fileBytes: large.bytes,
      ...{ heldOverFile: over('heldBytes'), peakOverFile: over('peakBytes') },
      stepMs: large.stepMs,
    };
    console.log(options.json ? JSON.stringify(found) : found);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** x + down(gelu(up(norm(x)))) as often as it says, over embeddings of tokens, and two classes of their mean. */
function stack(count) {
  const graph = new Graph();
  const b = new Builder(graph);
  const ids = b.input('input_ids', 'int64', tokens);
  const floats = (shape, of, name) => b.constant(Tensor.of('float32', random(shape, of), shape), name);
  let x = b.op('Gather', [floats([512, hidden], (v) => v, 'embedding.weight'), ids]);
  for (let i = 0; i < count; i++) {
    const scale = floats([hidden], () => 1, `norm.${i}.weight`);
    const normed = b.op('LayerNormalization', [x, scale], { axis: -1 });
    const up = b.op('Gelu', [product(b, normed, hidden, 4 * hidden, `up.${i}`)]);
    x = add(b, x, product(b, up, 4 * hidden, hidden, `down.${i}`));
  }
  const pooled = b.op('ReduceMean', [x, b.ints([1])], { keepdims: 0 });
  b.output('logits', b.op('MatMul', [pooled, floats([hidden, 2], (v) => 0.1 * v, 'head.weight')]));
  return encodeGraph(graph);
}

function product(b, x, k, n, name) {
  const bytes = (count) => Uint8Array.from({ length: count }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) >>> 13) & 255);
  const scales = (shape) =>
    Tensor.of(
      'float32',
      random(shape, (v) => (1 + 0.1 * v) / (2 ** bits * Math.sqrt(k))),
      shape,
    );
  const constant = (tensor, part) => b.constant(tensor, `${name}.${part}`);
  if (options.form === 'MatMulNBits') {
    const blocks = Math.ceil(k / block);
    const numbers = new Tensor('uint8', [n, blocks, (block * bits) / 8], bytes((n * blocks * block * bits) / 8));
    const inputs = [x, constant(numbers, 'numbers'), constant(scales([n * blocks]), 'scales')];
    return b.op('MatMulNBits', inputs, { K: k, N: n, bits, block_size: block }, { domain: 'com.microsoft' });
  }
  const dtype = bits === 4 ? 'int4' : 'int8';
  const numbers = new Tensor(dtype, [k, n], bytes((k * n * bits) / 8));
  const inputs = [constant(numbers, 'numbers'), constant(scales([k / block, n]), 'scales')];
  const w = b.unique(`${name}.w`);
  // Its type is what the runtime says; there is no rule for it, since the operator is spelled out when it is trained.
  b.graph.nodes.push({
    ...{ name: `${name}.dequantise`, op: 'DequantizeLinear', domain: '', inputs, outputs: [w] },
    attrs: new Map([
      ['axis', { kind: 'int', value: 0 }],
      ['block_size', { kind: 'int', value: block }],
    ]),
  });
  b.graph.types.set(w, { dtype: 'float32', shape: [k, n] });
  return b.op('MatMul', [x, w]);
}

function random(shape, of) {
  const count = shape.reduce((product, d) => product * d, 1);
  return Float32Array.from({ length: count }, (_, i) => of((Math.imul(i + 1, 0x85ebca6b) >>> 8) / 2 ** 23 - 1));
}

/** Some steps, and the memory of this process. */
async function train(model) {
  const { Engine } = await import('../dist/engine/engine.js');
  const { sharedTensor } = await import('../dist/runtime/arena.js');
  const { textClassification } = await import('../dist/tasks/text-classification.js');
  const task = {
    name: 'text-classification',
    options: textClassification.options({ task: 'text-classification', textColumn: 'text', labelColumn: 'label' }),
  };
  const none = { hidden: 0, attention: 0, head: 0 };
  const labels = ['a', 'b'];
  const engine = await Engine.open({ model, task, labels, freeze: ['embedding*'], dropout: none, seed: 0, threads: 1 });
  const fill = (dtype, shape, value) => {
    const view = sharedTensor(dtype, shape);
    for (let i = 0; i < view.data.length; i++) view.data[i] = dtype === 'int64' ? BigInt(value(i)) : value(i);
    return view;
  };
  const [rows] = tokens;
  const inputs = new Map([
    ['input_ids', fill('int64', tokens, (i) => (i * 37) % 512)],
    ['labels', fill('int64', [rows], (i) => i % 2)],
    ['sample_weights', fill('float32', [rows], () => 1)],
  ]);
  const times = [];
  for (let step = 0; step < 6; step++) {
    const started = performance.now();
    await engine.forwardBackward({ inputs }, { weight_sum: rows }, { seed: 0, step, microStep: 0 });
    if (!Number.isFinite(await engine.loss())) throw new Error('the loss is not finite');
    times.push(performance.now() - started);
  }
  if (!engine.gradients.array('norm.0.weight').some((v) => v !== 0)) throw new Error('a gradient is 0');
  globalThis.gc();
  await new Promise((later) => setTimeout(later, 1000));
  const status = readFileSync('/proc/self/status', 'utf8');
  const kilobytes = (field) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)[1]);
  const found = { heldBytes: 1024 * kilobytes('RssAnon'), peakBytes: 1024 * kilobytes('VmHWM') };
  await engine.close();
  return { ...found, stepMs: times.slice(2).sort((p, q) => p - q)[2] };
}
