// Rows of recurrent layers: every operand's gradient, through all outputs.

import { float } from '#ortune/onnx/builder.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { activations, caseOf, type RecurrentForm } from '../support/recurrent.js';
import { fillFor, type Row } from './row-values.js';

const both = { direction: 'bidirectional' };
const forms: RecurrentForm[] = [
  ...(['LSTM', 'GRU', 'RNN'] as const).flatMap((op): RecurrentForm[] => [
    { op, what: 'plain' },
    { op, what: 'both directions, lengths and states', attrs: both, lengths: [4, 1, 3], states: true },
    { op, what: 'reversed, without biases', attrs: { direction: 'reverse' }, bias: false },
  ]),
  { op: 'LSTM', what: 'peepholes and coupled gates', attrs: { input_forget: 1 }, states: true, peepholes: true },
  { op: 'LSTM', what: 'peepholes, clipped', attrs: { ...both, clip: float(0.9) }, peepholes: true },
  { op: 'GRU', what: 'reset afterwards', attrs: { ...both, linear_before_reset: 1 }, states: true },
  { op: 'GRU', what: 'Elu and Softsign', attrs: activations(['Softsign', 'Elu']), states: true },
];

const { any } = fillFor(5)('float64');

/** One direction, as fused.ts writes it: 4 steps of 3 sequences, 2 hidden units. */
const fused = (['LSTM', 'GRU', 'RNN'] as const).flatMap((op): Row[] => {
  const [gates, outputs] = [{ LSTM: 4, GRU: 3, RNN: 1 }[op], op === 'LSTM' ? 3 : 2];
  const operands = [any(12, gates * 2), any(gates * 2, 2)];
  const lengths = Tensor.of('int32', [4, 1, 3]);
  const more = { LSTM: [any(3, 2)], GRU: [any(2)], RNN: [] }[op];
  return [
    { op, domain: 'ortune', inputs: operands, attrs: { steps: 4 }, outputs },
    { op, domain: 'ortune', inputs: operands, attrs: { steps: 12, reverse: 1 }, outputs, what: 'one sequence' },
    {
      ...{ op, domain: 'ortune', inputs: [...operands, lengths, any(3, 2), ...more], outputs },
      ...{ attrs: { steps: 4, reverse: 1 }, what: 'states and lengths, reversed' },
    },
  ];
});
const relu = { op: 'RNN', domain: 'ortune', inputs: [any(6, 2), any(2, 2)], attrs: { steps: 2, relu: 1 }, outputs: 2 };

export const recurrentRows: Row[] = [
  ...forms.map((form) => ({ ...caseOf(form), what: form.what })),
  ...fused,
  { ...relu, what: 'ReLU' },
];
