// A training step of layers of attention with the fused operator and with its parts, in turns, each in a process of its
// own: forward and the gradients of all weights, times and the most memory that the process had. Before anything is
// compared, the outputs and gradients of the two must have one size to 1e-4.
//   node bench/attention.mjs [--form group-query|standard|cap|bias|sink] [--rounds N] [--json]
// Forms: com.microsoft's GroupQueryAttention with rotary positions, Attention of opset 23, causal both; that with a
// soft cap of 30, with a trained bias [1, heads, T, T] for all layers (and no causal mask), and GroupQueryAttention
// with sinks. Sizes: --layers 4 --heads 8 --groups 2 --size 32 --batch 4 --length 512 --threads 2.

import { here, machineOf, measureInTurn, medianOf, peerOptions } from './peers/rows.mjs';

const sizes = { layers: '4', heads: '8', groups: '2', size: '32', batch: '4', length: '512' };
const { options, shape } = peerOptions({ form: 'group-query', ...sizes, threads: '2', as: 'fused' }, '3');

if (options.own) console.log(JSON.stringify(await ownSteps()));
else {
  const given = shape.slice(0, -2);
  const rows = ['parts', 'fused'].map((name) => ({
    name,
    command: process.execPath,
    args: [here('./attention.mjs'), ...given, '--as', name, '--own'],
  }));
  const measured = measureInTurn(rows, Number(options.rounds));
  const [one, other = one] = measured.map(({ results }) => results[0].length);
  if (!(Math.abs(one / other - 1) < 1e-4)) throw new Error(`outputs and gradients have the sizes ${one} and ${other}`);
  const table = Object.fromEntries(
    measured.map((row) => [row.name, { stepMs: medianOf(row, 'stepMs'), peakMB: medianOf(row, 'peakMB') }]),
  );
  const found = { machine: machineOf(options), sizes: given.join(' '), table };
  console.log(options.json ? JSON.stringify(found) : found);
}

/** The median of nine steps after two. Weight number n has sin(i + n) / 16 at place i. */
async function ownSteps() {
  const { backward } = await import('../dist/autodiff/backward.js');
  const { fuse } = await import('../dist/lower/fuse.js');
  const { lower } = await import('../dist/lower/lower.js');
  const { useOrtuneGemm } = await import('../dist/lower/ortune-gemm.js');
  const { Builder } = await import('../dist/onnx/builder.js');
  const { encodeGraph } = await import('../dist/onnx/encode.js');
  const { infoOf, prune } = await import('../dist/onnx/graph.js');
  const { recognisePatterns } = await import('../dist/onnx/restore/restore.js');
  const { specialize } = await import('../dist/onnx/specialize.js');
  const { sharedTensor } = await import('../dist/runtime/arena.js');
  const { openDevice } = await import('../dist/runtime/session.js');
  const device = await openDevice('cpu', { threads: Number(options.threads) });
  const { graph: written, weights } = await stack();
  const graph = specialize(written, { x: written.inputs[0].shape }, { trainable: new Set(weights) });
  recognisePatterns(graph);
  const b = new Builder(graph);
  const without = new Set([...device.kernels].filter((name) => name !== 'ortune.Attention'));
  const kernels = options.as === 'fused' ? device.kernels : without;
  fuse(b, { trained: new Set(weights), kernels, gradients: true });
  const [y] = graph.outputs.map(({ name }) => name);
  const loss = b.op('ReduceSum', [b.op('Mul', [y, y])], { keepdims: 0 });
  const wanted = [loss, ...backward(b, loss, weights).values()];
  graph.outputs = wanted.map((name) => infoOf(graph, name));
  prune(graph);
  useOrtuneGemm(new Builder(graph), 'Gemm');
  lower(graph, device.kernels);
  const fed = new Map(
    ['x', ...weights].map((name, n) => {
      const tensor = sharedTensor('float32', [...graph.shape(name)]);
      for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = Math.sin(i + n) / 16;
      return [name, tensor];
    }),
  );
  graph.inputs = [...fed.keys()].map((name) => infoOf(graph, name));
  for (const name of fed.keys()) graph.initializers.delete(name);
  const results = new Map(wanted.map((name) => [name, sharedTensor('float32', [...graph.shape(name)])]));
  const session = await device.createSession({ model: encodeGraph(graph) });
  const times = [];
  for (let round = 0; round < 11; round++) {
    const started = performance.now();
    await session.run(fed, results);
    if (round >= 2) times.push(performance.now() - started);
  }
  const square = (tensor) => tensor.data.reduce((sum, v) => sum + v * v, 0);
  const length = Math.hypot(...[...results.values()].map((tensor) => Math.sqrt(square(tensor))));
  const stepMs = times.sort((p, q) => p - q)[times.length >> 1];
  await device.close();
  return { length, stepMs, peakMB: process.resourceUsage().maxRSS / 1000 };
}

/** x + attention(x) as often as it says, as a file would have it. */
async function stack() {
  const { float, toAttr } = await import('../dist/onnx/builder.js');
  const { Graph } = await import('../dist/onnx/graph.js');
  const { Tensor } = await import('../dist/onnx/tensor.js');
  const [layers, heads, groups, size, batch, length] = Object.keys(sizes).map((name) => Number(options[name]));
  const width = heads * size;
  const graph = new Graph();
  const weights = [];
  const op = (name, inputs, attrs = {}, domain = '') => {
    const y = `${name}_${graph.nodes.length}`;
    const given = new Map(Object.entries(attrs).map(([key, value]) => [key, toAttr(value)]));
    graph.nodes.push({ name: y, op: name, domain, inputs, outputs: [y], attrs: given });
    return y;
  };
  const hold = (tensor, name = `constant_${graph.initializers.size}`) => {
    graph.initializers.set(name, tensor);
    return name;
  };
  const weight = (name, ...dims) => {
    if (weights.includes(name)) return name;
    weights.push(name);
    return hold(Tensor.of('float32', new Float32Array(dims.reduce((a, d) => a * d)), dims), name);
  };
  const tables = [Math.cos, Math.sin].map((f) =>
    hold(
      Tensor.of(
        'float32',
        Array.from({ length: (length * size) / 2 }, (_, i) => f(i / 100)),
        [length, size / 2],
      ),
    ),
  );
  const last = hold(Tensor.of('int32', new Array(batch).fill(length - 1), [batch]));
  const total = hold(Tensor.of('int32', [length], []));
  const { form } = options;
  const attend = (i, q, k, v) => {
    if (form === 'group-query' || form === 'sink') {
      const inputs = [q, k, v, '', '', last, total, ...tables];
      if (form === 'sink') inputs.push('', '', weight(`${i}.sink`, heads));
      const attrs = { num_heads: heads, kv_num_heads: groups, do_rotary: 1 };
      return op('GroupQueryAttention', inputs, attrs, 'com.microsoft');
    }
    const bias = form === 'bias' ? [weight('bias', 1, heads, length, length)] : [];
    const attrs = {
      ...{ q_num_heads: heads, kv_num_heads: groups, is_causal: form === 'bias' ? 0 : 1 },
      ...(form === 'cap' && { softcap: float(30) }),
    };
    return op('Attention', [q, k, v, ...bias], attrs);
  };
  graph.inputs = [{ name: 'x', dtype: 'float32', shape: [batch, length, width] }];
  let x = 'x';
  for (let i = 0; i < layers; i++) {
    const [q, k, v] = [heads, groups, groups].map((count, n) =>
      op('MatMul', [x, weight(`${i}.${n}`, width, count * size)]),
    );
    x = op('Add', [x, op('MatMul', [attend(i, q, k, v), weight(`${i}.out`, width, width)])]);
  }
  graph.outputs = [{ name: x, dtype: 'float32', shape: [batch, length, width] }];
  return { graph, weights };
}
