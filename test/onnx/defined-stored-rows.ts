// Rows of what makes floats of stored numbers of few bits: every form of scales and zero points. The scales are fed,
// since there is no gradient to check of stored numbers alone.

import { Tensor } from '#ortune/onnx/tensor.js';
import { fillFor, index, storedFor } from '../autodiff/row-values.js';
import { type DefinedRow, microsoft, row } from './defined-row.js';

const { positive } = fillFor(43)('float32');

const stored = storedFor(43);

export const storedRows: DefinedRow[] = [
  row('DequantizeLinear', [stored('int8', 3, 4), positive(), stored('int8')], {}, { what: 'a scale for all' }),
  row('DequantizeLinear', [stored('uint8', 3, 4), positive(4), stored('uint8', 4)], {}, { what: 'of columns' }),
  row('DequantizeLinear', [stored('int8', 3, 4, 2), positive(3)], { axis: 0 }, { what: 'of filters, without zeros' }),
  row(
    'DequantizeLinear',
    [stored('int32', 5), positive(1), Tensor.of('int32', [0], [])],
    {},
    { what: 'a bias, with a zero' },
  ),
  row('DequantizeLinear', [stored('uint8', 5), positive(1), stored('uint8')], {}, { what: 'one scale, one zero' }),
  row('DequantizeLinear', [stored('int32', 5), positive(1)], {}, { what: 'a bias' }),
  row('DequantizeLinear', [stored('uint4', 3, 5), positive(3), stored('uint4', 3)], { axis: -2 }, { what: 'uint4' }),
  row('DequantizeLinear', [stored('int4', 5), positive(), stored('int4')], {}, { what: 'int4' }),
  row(
    'DequantizeLinear',
    [stored('int4', 5, 6), positive(3, 6), stored('int4', 3, 6)],
    { axis: 0, block_size: 2 },
    { what: 'int4 in blocks, the last one cut' },
  ),
  row(
    'DequantizeLinear',
    [stored('uint4', 259, 260), positive(259, 17), stored('uint4', 259, 17)],
    { axis: 1, block_size: 16 },
    { what: 'uint4 in blocks, more than folds' },
  ),
  row(
    'DequantizeLinear',
    [stored('int8', 300, 260), positive(260)],
    { axis: 1 },
    { what: 'of columns, more than folds' },
  ),
  microsoft(
    'GatherBlockQuantized',
    [stored('uint8', 5, 24), index([2, 3], [1, 4, 0, 2, 2, 3]), positive(5, 3), stored('uint8', 5, 2)],
    { bits: 4, block_size: 16, quantize_axis: 1 },
    { what: 'of bytes, with zeros' },
  ),
  microsoft(
    'GatherBlockQuantized',
    [stored('uint8', 5, 32), index([2], [1, 4]), positive(5, 2)],
    { bits: 8, block_size: 16, quantize_axis: 1 },
    { what: '8 bits, without zeros' },
  ),
  microsoft(
    'GatherBlockQuantized',
    [stored('uint8', 5, 16), index([2], [1, 4]), positive(5, 2)],
    { block_size: 16, quantize_axis: 1 },
    { what: 'of bytes, without zeros' },
  ),
  microsoft(
    'GatherBlockQuantized',
    [stored('int4', 5, 32), index([2], [1, 4]), positive(5, 2)],
    { block_size: 16, quantize_axis: 1 },
    { what: 'int4, without zeros' },
  ),
  microsoft(
    'GatherBlockQuantized',
    [stored('uint4', 5, 32), index([2], [1, 4]), positive(5, 2), stored('uint4', 5, 2)],
    { block_size: 16, quantize_axis: 1 },
    { what: 'uint4, with zeros' },
  ),
  microsoft(
    'DequantizeLinear',
    [stored('uint8', 3, 4), positive(3), stored('uint8', 3)],
    { axis: 0 },
    { what: 'of rows' },
  ),
];
