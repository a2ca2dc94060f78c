// The definitions of recurrent layers against the runtime's own kernels, in the forms that files have.

import { expect, it } from 'vitest';
import { lower, useForms } from '#ortune/lower/lower.js';
import { unrolled } from '#ortune/lower/recurrent/unrolled.js';
import { float } from '#ortune/onnx/builder.js';
import { operatorGraph } from '../../autodiff/graphs.js';
import { runStock } from '../../support/onnxruntime.js';
import { activations, caseOf, type RecurrentForm } from '../../support/recurrent.js';

const both = { direction: 'bidirectional' };
const forms: RecurrentForm[] = [
  ...(['LSTM', 'GRU', 'RNN'] as const).flatMap((op): RecurrentForm[] => [
    { op, what: 'plain' },
    { op, what: 'no bias', bias: false },
    { op, what: 'one step', sizes: { steps: 1 } },
    { op, what: 'reversed, with states', attrs: { direction: 'reverse' }, states: true },
    { op, what: 'both directions, lengths and states', attrs: both, lengths: [4, 1, 3], states: true },
    { op, what: 'both directions, lengths', attrs: both, lengths: [2, 4, 3] },
    { op, what: 'clipped', attrs: { ...both, clip: float(0.3) }, states: true },
  ]),
  { op: 'LSTM', what: 'coupled gates', attrs: { input_forget: 1 }, states: true },
  { op: 'LSTM', what: 'peepholes', attrs: both, states: true, peepholes: true },
  { op: 'LSTM', what: 'peepholes, clipped, coupled', attrs: { input_forget: 1, clip: float(0.4) }, peepholes: true },
  { op: 'GRU', what: 'reset afterwards', attrs: { ...both, linear_before_reset: 1 }, states: true },
  { op: 'GRU', what: 'reset afterwards, no bias', attrs: { linear_before_reset: 1 }, bias: false },
  { op: 'GRU', what: 'reset afterwards, clipped', attrs: { linear_before_reset: 1, clip: float(0.3) }, states: true },
  { op: 'LSTM', what: 'Relu, Softsign, Softplus', attrs: activations(['Relu', 'Softsign', 'Softplus']) },
  {
    op: 'LSTM',
    what: 'HardSigmoid, Elu, Affine',
    attrs: { ...activations(['hardsigmoid', 'Elu', 'Affine']), activation_alpha: float([0.2, 1, 1.3]) },
  },
  {
    op: 'LSTM',
    what: 'numbers of activations in their order',
    attrs: {
      ...activations(['HardSigmoid', 'Tanh', 'ScaledTanh']),
      activation_alpha: float([0.3, 1.4]),
      activation_beta: float([0.4, 0.7]),
    },
  },
  {
    op: 'GRU',
    what: 'LeakyRelu and ThresholdedRelu',
    attrs: { ...activations(['LeakyRelu', 'ThresholdedRelu']), activation_alpha: float([0.2, 0.1]) },
  },
  { op: 'RNN', what: 'Relu both ways', attrs: activations(['Relu'], both) },
];

it.each(forms.map((form) => [`${form.op}, ${form.what}`, form] as const))('%s', async (_, form) => {
  const graphOf = () => operatorGraph({ ...caseOf(form), fed: [4] });
  const { graph, feeds } = graphOf();
  const expected = await runStock(graph, feeds);
  const written = graphOf().graph;
  useForms(written, new Map(Object.entries(unrolled)));
  lower(written, new Set());
  const found = await runStock(written, feeds);
  for (const { name } of graph.outputs) {
    const [a, b] = [found.get(name)!, expected.get(name)!];
    expect([...a.shape]).toEqual([...b.shape]);
    const worst = Math.max(...a.numbers().map((v, i) => Math.abs(v - b.numbers()[i]!)));
    expect(worst, name).toBeLessThan(2e-6);
  }
});
