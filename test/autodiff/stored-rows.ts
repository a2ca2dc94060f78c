// Rows of products with weights that are stored in few bits: the runtime's own kernel forwards, so that the gradient is
// held against what it computes.

import { Tensor } from '#ortune/onnx/tensor.js';
import { fillFor, microsoft, row, storedFor } from './row-values.js';

const fill = fillFor(47);
const { any, positive } = fill('float32');
const { apart, scalar } = fill('float64');
const stored = storedFor(47);
const constants = [2, 3];

/** So fine that the differences do not see the steps; what is beyond ±0.8 is cut. */
const step = 2 ** -40;
const bound = Math.round(0.8 / step);

export const storedProducts = [
  row(
    'FakeQuantize',
    [apart(4, 3), scalar(step), stored('int8')],
    { low: -bound, high: bound },
    { domain: 'ortune', constants: [1] },
  ),
  row(
    'FakeQuantize',
    [apart(3, 2, 2), Tensor.of('float64', [step, 2 * step])],
    { axis: -2, low: -bound, high: bound },
    { domain: 'ortune', constants: [1], what: 'a scale for each channel' },
  ),
  row('DynamicFakeQuantize', [any(3, 5)], {}, { domain: 'ortune', held: true }),
  microsoft(
    'MatMulNBits',
    [any(2, 3, 32), stored('uint8', 5, 2, 8), positive(5, 2)],
    { N: 5, K: 32, bits: 4, block_size: 16 },
    { constants, what: 'no zero points' },
  ),
  microsoft(
    'MatMulNBits',
    [any(3, 40), stored('uint8', 6, 3, 8), positive(18), stored('uint8', 12)],
    { N: 6, K: 40, bits: 4, block_size: 16 },
    { constants, what: 'packed zero points, the last block cut' },
  ),
  microsoft(
    'MatMulNBits',
    [any(2, 32), stored('uint8', 6, 2, 8), positive(6, 2), any(6, 2), undefined, any(6)],
    { N: 6, K: 32, bits: 4, block_size: 16 },
    { constants, what: 'zero points of floats, and a bias' },
  ),
  microsoft(
    'MatMulNBits',
    [any(2, 32), stored('uint8', 5, 2, 16), positive(5, 2), stored('uint8', 5, 2)],
    { N: 5, K: 32, bits: 8, block_size: 16 },
    { constants, what: '8 bits' },
  ),
  microsoft(
    'MatMulBnb4',
    [any(2, 3, 32), stored('uint8', 80), positive(10)],
    { N: 5, K: 32, block_size: 16, quant_type: 1 },
    { constants, what: 'NF4' },
  ),
  microsoft(
    'MatMulBnb4',
    [any(2, 40), stored('uint8', 80), positive(10)],
    { N: 4, K: 40, block_size: 16, quant_type: 0 },
    { constants, what: 'FP4, blocks that end within rows' },
  ),
  microsoft(
    'MatMulBnb4',
    [any(2, 1056), stored('uint8', 4096 * 528), positive((4096 * 33) / 2)],
    { N: 4096, K: 1056, block_size: 64, quant_type: 1 },
    { constants, what: 'in two parts of whole blocks' },
  ),
  microsoft(
    'MatMulNBits',
    [any(2, 2048), stored('uint8', 2050, 64, 16), positive(2050, 64), stored('uint8', 2050, 32)],
    { N: 2050, K: 2048, bits: 4, block_size: 32 },
    { constants, what: 'in two parts' },
  ),
];
