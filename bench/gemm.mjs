// At what speed does the runtime multiply the matrices of an encoder's step, what does transposing first save, and at
// what speed do ortune's own products, in float32 and from operands in bfloat16? Shapes: 2048 rows (16 x 128 tokens),
// hidden 384, feed-forward 1536. Each case is checked against one product before it is timed; cases take turns, so that
// a drift of the machine meets all of them; figures are quartiles.
//   node bench/gemm.mjs [--threads N] [--rounds N]

import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Builder } from '../dist/onnx/builder.js';
import { encodeGraph } from '../dist/onnx/encode.js';
import { Graph } from '../dist/onnx/graph.js';
import { sharedTensor } from '../dist/runtime/arena.js';
import { openDevice } from '../dist/runtime/session.js';

const { values } = parseArgs({ options: { threads: { type: 'string' }, rounds: { type: 'string', default: '15' } } });
const device = await openDevice('cpu', values.threads ? { threads: Number(values.threads) } : {});

const element = (i) => ((i * 31) % 1013) / 1013 - 0.5;

/** A session of the graph that `build` makes over inputs of these shapes. */
async function prepare(shapes, build) {
  const graph = new Graph();
  const inputs = new Map();
  for (const [i, shape] of shapes.entries()) {
    const name = `x${i}`;
    graph.inputs.push({ name, dtype: 'float32', shape });
    graph.types.set(name, { dtype: 'float32', shape });
    const tensor = sharedTensor('float32', shape);
    for (let k = 0; k < tensor.data.length; k++) tensor.data[k] = element(k);
    inputs.set(name, tensor);
  }
  const y = build(new Builder(graph), ...inputs.keys());
  const { dtype, shape } = graph.type(y);
  graph.outputs.push({ name: y, dtype, shape: [...shape] });
  const session = await device.createSession({ model: encodeGraph(graph) });
  const output = sharedTensor(dtype, shape);
  return { run: () => session.run(inputs, new Map([[y, output]])), output, inputs: [...inputs.values()] };
}

const ortune = { domain: 'ortune' };
const gemm = (attrs = {}) => ({ attrs, build: (b, ...x) => b.op('Gemm', x, attrs) });
const transposed = (b, x, y) => b.op('Gemm', [b.op('Transpose', [x], {}, ortune), y]);
const swapped = (b, x, y) => b.op('Transpose', [b.op('Gemm', [b.op('Transpose', [y], {}, ortune), x])], {}, ortune);
const rows = 2048;
const cases = [
  {
    name: 'large, 2048 x 2048 x 2048',
    shapes: [
      [2048, 2048],
      [2048, 2048],
    ],
    ...gemm(),
  },
  {
    name: 'y = x w, 384 to 384',
    shapes: [
      [rows, 384],
      [384, 384],
    ],
    ...gemm(),
  },
  { name: '  with bias', shapes: [[rows, 384], [384, 384], [384]], ...gemm() },
  {
    name: 'y = x w, 384 to 1536',
    shapes: [
      [rows, 384],
      [384, 1536],
    ],
    ...gemm(),
  },
  { name: '  with bias', shapes: [[rows, 384], [384, 1536], [1536]], ...gemm() },
  {
    name: 'dx = dy wT, 1536 to 384',
    shapes: [
      [rows, 1536],
      [384, 1536],
    ],
    ...gemm({ transB: 1 }),
  },
  {
    name: 'dw = xT dy, 384 x 384',
    shapes: [
      [rows, 384],
      [rows, 384],
    ],
    ...gemm({ transA: 1 }),
    dw: true,
  },
  {
    name: '  x transposed before',
    shapes: [
      [rows, 384],
      [rows, 384],
    ],
    build: transposed,
    dw: true,
  },
  {
    name: 'dw = xT dy, 384 x 1536',
    shapes: [
      [rows, 384],
      [rows, 1536],
    ],
    ...gemm({ transA: 1 }),
    dw: true,
  },
  {
    name: '  x transposed before',
    shapes: [
      [rows, 384],
      [rows, 1536],
    ],
    build: transposed,
    dw: true,
  },
  {
    name: 'dw = xT dy, 1536 x 384',
    shapes: [
      [rows, 1536],
      [rows, 384],
    ],
    ...gemm({ transA: 1 }),
    dw: true,
  },
  {
    name: '  x transposed before',
    shapes: [
      [rows, 1536],
      [rows, 384],
    ],
    build: transposed,
    dw: true,
  },
  {
    name: '  dy transposed before, dw after',
    shapes: [
      [rows, 1536],
      [rows, 384],
    ],
    build: swapped,
    dw: true,
  },
].flatMap((entry) => {
  const own = (entry.attrs ? ['Gemm', 'GemmBf16'] : []).map((op) => ({
    ...entry,
    name: `  ortune.${op}`,
    build: (b, ...x) => b.op(op, x, entry.attrs, ortune),
    tolerance: op === 'GemmBf16' ? 0.1 : undefined,
  }));
  return [entry, ...own];
});

/** Element [1, 2] of the product against plain sums in double precision. */
function verify({ name, dw, shapes, attrs, tolerance = 1e-3 }, { output, inputs }) {
  const [[, inner], [, columns]] = shapes;
  const transB = attrs?.transB === 1;
  const width = transB ? shapes[1][0] : columns;
  const [x, w, bias] = inputs.map((tensor) => tensor.data);
  let expected = bias ? bias[2] : 0;
  if (dw) for (let r = 0; r < rows; r++) expected += x[r * inner + 1] * w[r * columns + 2];
  else for (let k = 0; k < inner; k++) expected += x[inner + k] * (transB ? w[2 * inner + k] : w[k * columns + 2]);
  const found = output.data[width + 2];
  if (Math.abs(found - expected) > tolerance) throw new Error(`${name}: expected ${expected}, found ${found}`);
}

const ready = [];
for (const entry of cases) {
  const prepared = await prepare(entry.shapes, entry.build);
  await prepared.run();
  verify(entry, prepared);
  ready.push({ ...entry, ...prepared, ms: [] });
}
for (let round = 0; round < Number(values.rounds); round++)
  for (const { run, ms } of ready) {
    await run();
    for (let i = 0; i < 3; i++) {
      const started = performance.now();
      await run();
      ms.push(performance.now() - started);
    }
  }

console.log(`${cpus()[0].model}, ${device.threads} threads`);
console.log('case'.padEnd(36), 'median ms', ' quarter to three quarters', '  GFLOP/s');
for (const { name, shapes, dw, attrs, ms } of ready) {
  ms.sort((a, b) => a - b);
  const [low, middle, high] = [0.25, 0.5, 0.75].map((q) => ms[Math.floor(q * ms.length)]);
  const [[m, k], [n0, n1]] = shapes;
  const work = dw ? 2 * m * k * n1 : 2 * m * k * (attrs?.transB ? n0 : n1);
  const spread = `${low.toFixed(2)} to ${high.toFixed(2)}`;
  console.log(
    name.padEnd(36),
    middle.toFixed(2).padStart(9),
    spread.padStart(26),
    (work / middle / 1e6).toFixed(0).padStart(9),
  );
}
await device.close();
process.exit(0);
