// Rows of recurrent layers: every operand's gradient, through all outputs.

import { float } from '#ortune/onnx/builder.js';
import { activations, caseOf, type RecurrentForm } from '../support/recurrent.js';
import type { Row } from './row-values.js';

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

export const recurrentRows: Row[] = forms.map((form) => ({ ...caseOf(form), what: form.what }));
