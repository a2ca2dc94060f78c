// Layers by the fused kernels against their definitions, outputs and every gradient; what has no kernel stays.

import { afterAll, expect, it } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { fuse } from '#ortune/lower/fuse.js';
import { lower } from '#ortune/lower/lower.js';
import { recurrentNotes } from '#ortune/lower/recurrent/fused.js';
import { Builder, float } from '#ortune/onnx/builder.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { add, indices, mul, sum } from '#ortune/onnx/formulas.js';
import { infoOf, prune, type Value } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { sharedTensor } from '#ortune/runtime/arena.js';
import { openDevice } from '#ortune/runtime/session.js';
import { operatorGraph } from '../../autodiff/graphs.js';
import { activations, caseOf, type RecurrentForm } from '../../support/recurrent.js';

const device = await openDevice('cpu', { threads: 2 });
afterAll(() => device.close());
const none: ReadonlySet<string> = new Set();

/** Outputs and gradients of all inputs, of a random projection of all outputs; and the operators that were run. */
async function evaluate(form: RecurrentForm, kernels: ReadonlySet<string>, from = 0) {
  const { graph, feeds, floats } = operatorGraph({ ...caseOf(form), fed: [4] });
  const b = new Builder(graph);
  const outputs = graph.outputs.map(({ name }) => name);
  fuse(b, { trained: new Set(floats.values()), kernels, gradients: true });
  const terms = outputs.slice(from).map((name, i) => {
    const shape = b.shape(name);
    const count = shape.reduce((n, d) => n * d, 1);
    const product = mul(b, name, b.constant(Tensor.of('float32', normals(5, i, count), shape)));
    return sum(b, product, indices(shape.length), false);
  });
  const loss = terms.reduce((x, y) => add(b, x, y));
  const gradients = backward(b, loss, [...floats.values()]);
  const wanted = [...outputs, ...gradients.values()];
  graph.outputs = wanted.map((name) => infoOf(graph, name));
  prune(graph);
  lower(graph, kernels);
  const session = await device.createSession({ model: encodeGraph(graph) });
  const view = (name: Value) => [name, sharedTensor(b.type(name).dtype, [...b.shape(name)])] as const;
  const inputs = new Map(graph.inputs.map(({ name }) => view(name)));
  for (const [name, { data }] of inputs) (data as Float32Array).set(feeds.get(name)!.data() as Float32Array);
  const results = new Map(wanted.map(view));
  await session.run(inputs, results);
  await session.release();
  const operators = new Set(graph.nodes.map(({ op, domain }) => (domain ? `${domain}.${op}` : op)));
  return { values: [...results].map(([name, { data }]) => [name, [...(data as Float32Array)]] as const), operators };
}

const both = { direction: 'bidirectional', linear_before_reset: 1 };
const sizes = { steps: 5, batch: 3, input: 4, hidden: 19 };
const of = ({ op, attrs, ...form }: Omit<RecurrentForm, 'what'>): RecurrentForm => {
  const { linear_before_reset: _, ...others } = attrs ?? {};
  return { ...form, op, what: '', ...(attrs && { attrs: op === 'GRU' ? attrs : others }), sizes: form.sizes ?? sizes };
};
const hidden = { hidden_size: 19 };
const usual = (['LSTM', 'GRU', 'RNN'] as const).flatMap((op): (readonly [string, RecurrentForm, number])[] => [
  [`${op}`, of({ op, attrs: { ...hidden, linear_before_reset: 1 } }), 0],
  [
    `${op}, both directions, lengths and states`,
    of({ op, attrs: { ...both, ...hidden }, lengths: [5, 2, 3], states: true }),
    0,
  ],
  [`${op}, last states alone, no biases`, of({ op, attrs: { ...both, ...hidden }, bias: false }), 1],
]);

it.each([...usual, ['RNN of ReLU', of({ op: 'RNN', attrs: { ...activations(['Relu']), ...hidden } }), 0] as const])(
  '%s',
  async (_, form, from) => {
    const fused = await evaluate(form, device.kernels, from);
    expect(recurrentNotes(operatorGraph(caseOf(form)).graph)).toEqual([]);
    expect(fused.operators).toContain(`ortune.${form.op}`);
    expect(fused.operators).toContain(`ortune.${form.op}Grad`);
    const written = await evaluate(form, none, from);
    const expected = new Map(written.values.map(([, values], i) => [i, values]));
    for (const [i, [name, values]] of fused.values.entries()) {
      const distance = Math.hypot(...values.map((v, k) => v - expected.get(i)![k]!));
      expect(distance, name).toBeLessThanOrEqual(3e-6 * Math.hypot(...expected.get(i)!));
    }
  },
);

it.each([
  ['peepholes', { op: 'LSTM', peepholes: true }],
  ['a bound', { op: 'LSTM', attrs: { clip: float(3) } }],
  ['coupled gates', { op: 'LSTM', attrs: { input_forget: 1 } }],
  ['a reset before the product', { op: 'GRU' }],
  ['other activations', { op: 'RNN', attrs: activations(['Softsign']) }],
] as const)('a layer of %s has no kernel and is written out', async (what, form) => {
  const { operators } = await evaluate({ ...form, what }, device.kernels);
  expect([...operators].filter((op) => /LSTM|GRU|RNN/.test(op))).toEqual([]);
  const [note] = recurrentNotes(operatorGraph(caseOf({ ...form, what })).graph);
  expect(note).toMatch(
    new RegExp(`^node '.*' \\(${form.op}\\) has .*which no kernel computes: training writes its st`),
  );
});
