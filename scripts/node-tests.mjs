// ONNX's own node tests through ortune: the graph as training specialises it must give the outputs that the
// specification expects, and every gradient must agree with central differences. What is left out is counted by
// reason. Not part of the test suite, since the tests come from a Python package.
//
//     python scripts/node-tests.py FOLDER && npm run build && node scripts/node-tests.mjs FOLDER [NAME…] [--json FILE]

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as ort from 'onnxruntime-node';
import { rules } from '../dist/autodiff/rules.js';
import { gradcheck } from '../dist/check/gradcheck.js';
import { OrtuneError } from '../dist/errors.js';
import { lower } from '../dist/lower/lower.js';
import { encodeGraph } from '../dist/onnx/encode.js';
import { operatorKey } from '../dist/onnx/graph.js';
import { openModel, toGraph } from '../dist/onnx/load.js';
import { specialize } from '../dist/onnx/specialize.js';
import { Tensor } from '../dist/onnx/tensor.js';

const { values: options, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'string' } } });
const [folder, ...only] = positionals;
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -5))
  .filter((name) => only.length === 0 || only.some((part) => name.includes(part)));

const differentiated = new Set(['float32', 'float64']);
const tolerance = { float32: 1e-2, float64: 1e-5 };

function tensorOf(packed) {
  if (packed.other) throw new LeftOut(`values of type ${packed.other}`);
  const bytes = Buffer.from(packed.data, 'base64');
  return new Tensor(packed.dtype, packed.shape, new Uint8Array(bytes));
}

class LeftOut extends Error {}

/** Runs on the stock runtime, without optimisation. */
async function open(graph) {
  const session = await ort.InferenceSession.create(encodeGraph(graph), {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  const feed = ({ dtype, shape, data }) => new ort.Tensor(dtype, data, shape);
  return {
    run: async (inputs) => {
      const feeds = session.inputNames.map((name) => {
        const tensor = inputs.get(name);
        return [name, feed({ dtype: tensor.dtype, shape: tensor.shape, data: tensor.data() })];
      });
      const found = await session.run(Object.fromEntries(feeds));
      return new Map(Object.entries(found).map(([n, t]) => [n, Tensor.view(t.type, [...t.dims], t.data)]));
    },
    release: () => session.release(),
  };
}

/**
 * The static graph of a test, its float inputs fed and all others constants; `first`: of the floats only the first.
 */
function graphOf(file, inputs, first = false) {
  const graph = toGraph(openModel(file));
  const feeds = new Map();
  for (const [name, packed] of Object.entries(inputs)) {
    const tensor = tensorOf(packed);
    if (!graph.inputs.some((i) => i.name === name)) continue;
    if (differentiated.has(tensor.dtype) && !(first && feeds.size > 0)) feeds.set(name, tensor);
    else graph.initializers.set(name, tensor);
  }
  graph.inputs = graph.inputs.filter(({ name }) => feeds.has(name));
  return { graph: specialize(graph, Object.fromEntries([...feeds].map(([n, t]) => [n, t.shape]))), feeds };
}

/** undefined where all is as expected. */
async function forwardProblem(graph, feeds, { outputs, rtol, atol }) {
  const copy = graph.clone();
  lower(copy, new Set());
  const runnable = await open(copy);
  const found = await runnable.run(feeds);
  await runnable.release();
  for (const [name, packed] of Object.entries(outputs)) {
    if (!found.has(name)) continue;
    const [expected, got] = [tensorOf(packed), found.get(name)];
    if (`${expected.shape}` !== `${got.shape}`) return `its shape is [${got.shape}], expected [${expected.shape}]`;
    const [e, g] = [expected.numbers(), got.numbers()];
    const small = 1e-5 * Math.max(0, ...e.map(Math.abs).filter(Number.isFinite));
    const wrong = e.findIndex(
      (v, i) =>
        !(
          v === g[i] ||
          Math.abs(v - g[i]) <= atol + small + rtol * Math.abs(v) ||
          (Number.isNaN(v) && Number.isNaN(g[i]))
        ),
    );
    if (wrong >= 0) return `${name}[${wrong}] is ${g[wrong]}, expected ${e[wrong]}`;
  }
  return undefined;
}

async function gradientOf(graph, feeds) {
  const float = graph.outputs.filter(({ dtype }) => differentiated.has(dtype));
  if (float.length === 0 || feeds.size === 0) return { gradient: 'no float input or output' };
  const wrt = [...feeds.keys()];
  const dtype = feeds.get(wrt[0]).dtype;
  const result = await gradcheck(graph, wrt, {
    open,
    inputs: feeds,
    tolerance: tolerance[dtype],
    seed: 5,
    reference: graph,
  });
  const failed = result.parameters.filter((p) => !p.notMeasurable && !(p.relativeError <= result.tolerance));
  return failed.length === 0
    ? { gradient: 'agrees' }
    : { gradient: 'differs', why: failed.map((p) => `${p.name} by ${p.relativeError.toPrecision(2)}`).join(', ') };
}

const short = (error) =>
  error.message
    .split('\n')[0]
    .replace(/^.*\.onnx:? /, '')
    .slice(0, 160);

async function runCase(name) {
  const record = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
  const base = { name, operators: record.operators };
  let prepared;
  try {
    for (const packed of [...Object.values(record.inputs), ...Object.values(record.outputs)]) tensorOf(packed);
    const file = join(folder, `${name}.onnx`);
    try {
      prepared = graphOf(file, record.inputs);
    } catch (error) {
      if (!/depends on the data/.test(error.message)) throw error;
      prepared = graphOf(file, record.inputs, true);
    }
  } catch (error) {
    if (!(error instanceof LeftOut) && !(error instanceof OrtuneError)) throw error;
    return { ...base, forward: 'left out', why: short(error) };
  }
  const { graph, feeds } = prepared;
  if (graph.nodes.length === 0) return { ...base, forward: 'agrees', gradient: 'folds to a constant' };
  try {
    const problem = await forwardProblem(graph, feeds, record);
    if (problem) return { ...base, forward: 'differs', why: problem };
  } catch (error) {
    return { ...base, forward: 'does not run', why: short(error) };
  }
  const none = graph.nodes.filter((node) => rules.get(operatorKey(node)) === null);
  try {
    const found = await gradientOf(graph, feeds);
    return { ...base, forward: 'agrees', ...found, ...(none.length > 0 && { none: none.map(({ op }) => op) }) };
  } catch (error) {
    return { ...base, forward: 'agrees', gradient: error instanceof OrtuneError ? 'none' : 'fails', why: short(error) };
  }
}

const results = [];
for (const name of names) {
  try {
    results.push(await runCase(name));
  } catch (error) {
    results.push({ name, operators: [], forward: 'fails', why: `${error.stack}`.slice(0, 300) });
  }
}
if (options.json) writeFileSync(options.json, JSON.stringify(results, null, 1));

const count = (of) => {
  const counts = new Map();
  for (const result of results) {
    const key = of(result);
    if (key) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([key, n]) => `${String(n).padStart(6)}  ${key}`);
};
console.log(`${results.length} tests`);
console.log(['forward', ...count((r) => r.forward)].join('\n'));
console.log(['gradient, where the forward pass agrees', ...count((r) => r.gradient)].join('\n'));
console.log(['left out', ...count((r) => r.forward === 'left out' && r.why.replace(/node '.*?'/, 'node'))].join('\n'));
for (const state of ['fails', 'differs', 'does not run'])
  for (const r of results)
    if (r.forward === state || r.gradient === state)
      console.log(`${state}: ${r.name} (${r.forward === state ? 'forward' : 'gradient'}): ${r.why}`);
for (const r of results) if (r.gradient === 'none') console.log(`no gradient: ${r.name}: ${r.why}`);
