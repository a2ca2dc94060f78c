// Rows of products with weights that are stored in few bits: the runtime's own kernel forwards, so that the gradient is
// held against what it computes.

import { fillFor, microsoft, storedFor } from './row-values.js';

const { any, positive } = fillFor(47)('float32');
const stored = storedFor(47);
const constants = [2, 3];

export const storedProducts = [
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
    'MatMulNBits',
    [any(2, 2048), stored('uint8', 2050, 64, 16), positive(2050, 64), stored('uint8', 2050, 32)],
    { N: 2050, K: 2048, bits: 4, block_size: 32 },
    { constants, what: 'in two parts' },
  ),
];
