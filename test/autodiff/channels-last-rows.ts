// Rows of the operators over channels-last images [N, H, W, C], by their definitions; float32, as those have no other
// kernels in the stock runtime.

import { fillFor, type Row, row } from './row-values.js';

const { any, apart } = fillFor(4)('float32');

const last = (op: string, inputs: Row['inputs'], attrs: Row['attrs'], what: string): Row =>
  row(op, inputs, attrs, { domain: 'ortune', what });

const window = { strides: [2, 2], pads: [1, 1] };
const activations = ['Relu', 'Relu6', 'HardSigmoid', 'HardSwish', 'Swish'];

export const channelsLastRows: readonly Row[] = [
  last('Conv', [any(2, 5, 4, 3), any(4, 3, 3, 2), any(4)], { size: [3, 3] }, 'plain'),
  last(
    'Conv',
    [any(1, 6, 7, 4), any(6, 2, 3, 3)],
    { size: [3, 4], ...window, group: 2 },
    'groups and strides, no bias',
  ),
  last('Conv', [any(1, 6, 6, 4), any(4, 1, 3, 3), any(4)], { size: [6, 6], pads: [1, 1], group: 4 }, 'depthwise'),
  last('Conv', [any(1, 7, 8, 2), any(2, 2, 3, 2)], { size: [3, 5], dilations: [2, 3] }, 'a dilation'),
  last('MaxPool', [apart(1, 5, 6, 2)], { size: [3, 3], kernel: [3, 3], ...window }, 'overlapping'),
  last('AveragePool', [any(1, 5, 6, 2)], { size: [3, 3], kernel: [3, 3], ...window }, 'overlapping'),
  last(
    'AveragePool',
    [any(1, 5, 6, 2)],
    { size: [3, 3], kernel: [3, 3], ...window, count_include_pad: 1 },
    'with the padding counted',
  ),
  ...activations.map((activation) => last('Activation', [apart(1, 3, 4, 2)], { activation }, activation)),
];
