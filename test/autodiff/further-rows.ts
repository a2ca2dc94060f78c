// Rows of operators that few models have: trigonometry, rare activations, running sums, scattering, LRN, grid sampling.

import { float } from '#ortune/onnx/builder.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { fillFor, index, ints, type Row, row } from './row-values.js';

const fill = fillFor(3);
const { any, positive, apart } = fill('float64');
const f32 = fill('float32');

/** Between −1 and 1, where inverse functions are defined. */
const inside = (...shape: number[]): Tensor => {
  const wide = f32.any(...shape);
  return Tensor.of(
    'float32',
    wide.numbers().map((v) => 0.8 * Math.tanh(v)),
    shape,
  );
};
/** Above 1. */
const outside = (): Tensor => Tensor.of('float32', [1.3, 2, 4, 1.7], [2, 2]);

const trigonometry = [
  ...['Sin', 'Cos', 'Tan', 'Atan', 'Sinh', 'Cosh', 'Asinh', 'Asin', 'Acos', 'Atanh'].map((op) =>
    row(op, [inside(2, 3)]),
  ),
  row('Acosh', [outside()]),
];

const activations = [
  row('Celu', [f32.apart(3, 4)], { alpha: float(0.7) }),
  row('Celu', [f32.apart(3, 4)]),
  row('ThresholdedRelu', [f32.apart(3, 4)], { alpha: float(0.4) }),
  row('Shrink', [f32.apart(3, 4)], { lambd: float(0.6), bias: float(0.2) }),
  row('Mod', [any(2, 3), positive(2, 3)], { fmod: 1 }),
  row('CastLike', [f32.any(2, 3), any(1)], {}, { what: 'to another float type', unchecked: [1] }),
];

const sums = [
  row('CumSum', [any(2, 3, 4), scalar64(1)]),
  row('CumSum', [any(2, 3, 4), scalar64(-1)], { exclusive: 1 }, { what: 'exclusive' }),
  row('CumSum', [any(2, 3), scalar64(0)], { exclusive: 1, reverse: 1 }, { what: 'exclusive, backwards' }),
  row('Trilu', [any(2, 3, 4)]),
  row('Trilu', [any(3, 3), scalar64(-1)], { upper: 0 }, { what: 'lower, with an offset' }),
  row('ReduceProd', [apart(2, 3, 4), ints(1)], { keepdims: 0 }),
  row('ReduceProd', [f32.apart(2, 3)], {}, { what: 'all axes' }),
  row(
    'ReduceProd',
    [Tensor.of('float64', [1, 0, 2, 0, 3, 0, 1, 2, 3], [3, 3]), ints(1)],
    {},
    { what: 'zeros among them' },
  ),
];

const scattering = [
  row('TopK', [apart(3, 5), ints(2)], {}, { outputs: 2 }),
  row(
    'TopK',
    [apart(4, 3), ints(3)],
    { axis: 0, largest: 0 },
    { outputs: 2, what: 'the smallest along the first axis' },
  ),
  row('ScatterElements', [any(3, 4), index([2, 2], [0, 3, 2, 1]), any(2, 2)], { axis: 1 }),
  row(
    'ScatterElements',
    [any(3, 4), index([2, 2], [0, 1, 0, -1]), any(2, 2)],
    { reduction: 'add' },
    { what: 'added up' },
  ),
  row('ScatterND', [any(4, 3), index([2, 1], [3, 0]), any(2, 3)]),
  row('ScatterND', [any(4, 3), index([2, 2], [3, 0, 1, 2]), any(2)], { reduction: 'add' }, { what: 'added' }),
];

const responses = [3, 5].map((size) =>
  row(
    'LRN',
    [f32.any(2, 5, 2, 2)],
    { size, alpha: float(0.5), beta: float(0.6), bias: float(1.5) },
    { what: `size ${size}` },
  ),
);

function scalar64(value: number): Tensor {
  return Tensor.scalar('int64', value);
}

export const furtherRows: readonly Row[] = [...trigonometry, ...activations, ...sums, ...scattering, ...responses];
