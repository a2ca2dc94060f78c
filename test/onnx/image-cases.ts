// Cases of the operators of convolutional networks, with the corners of their geometry: odd pads, ceil_mode, windows
// that would start behind the input, sizes from scales.

import { Tensor } from '#ortune/onnx/tensor.js';
import { each, ints, type OperatorCase, positive, row, x } from './case-values.js';

const factors = (...values: number[]) => Tensor.of('float32', values);

const convolutions = [
  row('Conv', [x(2, 3, 7, 6), x(4, 3, 3, 2), x(4)], { strides: [2, 1], pads: [1, 0, 2, 1] }),
  row('Conv', [x(1, 4, 9), x(6, 2, 3)], { group: 2, dilations: [2] }),
  row('Conv', [x(1, 2, 4, 5, 4), x(3, 2, 2, 3, 2)], { strides: [1, 2, 2] }),
  ...['SAME_UPPER', 'SAME_LOWER', 'VALID'].map((auto_pad) =>
    row('Conv', [x(1, 2, 7, 6), x(3, 2, 3, 4)], { auto_pad, strides: [2, 2] }),
  ),
  row('ConvTranspose', [x(2, 3, 4, 3), x(3, 2, 3, 2), x(2)], { strides: [2, 3], pads: [1, 0, 0, 1] }),
  row('ConvTranspose', [x(1, 4, 4, 3), x(4, 3, 3, 3)], { group: 2, strides: [2, 2], output_padding: [1, 1] }),
  row('ConvTranspose', [x(1, 2, 4, 3), x(2, 2, 3, 3)], { strides: [2, 2], output_shape: [8, 6] }),
  row('ConvTranspose', [x(1, 2, 4, 3), x(2, 2, 3, 3)], { strides: [2, 2], auto_pad: 'SAME_LOWER' }),
  row('ConvTranspose', [x(1, 2, 4), x(2, 2, 3)], { strides: [2], dilations: [2] }),
];

const pools = [
  ...each('AveragePool LpPool MaxPool', (op) => [
    row(op, [x(1, 2, 7, 6)], { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 0, 1] }),
    row(op, [x(1, 2, 6, 5)], { kernel_shape: [2, 2], strides: [3, 3], ceil_mode: 1 }),
    row(op, [x(1, 1, 6, 6)], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 }),
    row(op, [x(1, 2, 3, 4)], { kernel_shape: [9, 9], strides: [9, 9], ceil_mode: 1 }),
    row(op, [x(1, 2, 7, 8)], { kernel_shape: [2, 3], dilations: [2, 2] }),
    row(op, [x(1, 2, 7)], { kernel_shape: [3], strides: [2], auto_pad: 'SAME_UPPER' }),
    row(op, [x(1, 1, 4, 4, 5)], { kernel_shape: [2, 2, 2], strides: [2, 2, 2] }),
  ]),
  // The last window would start in the padding: it is left out.
  row('MaxPool', [x(1, 1, 5, 5)], { kernel_shape: [2, 2], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 }, 2),
  row('MaxPool', [x(1, 2, 6, 5)], { kernel_shape: [2, 2], strides: [2, 2] }, 2),
  ...each('GlobalAveragePool GlobalMaxPool GlobalLpPool', (op) => [row(op, [x(2, 3, 4, 5)]), row(op, [x(2, 3, 4)])]),
];

const normalisations = [
  row('BatchNormalization', [x(2, 3, 4), x(3), x(3), x(3), positive(3)]),
  row('BatchNormalization', [x(2, 3, 4), x(3), x(3), x(3), positive(3)], { training_mode: 1 }, 3),
  row('InstanceNormalization', [x(2, 3, 4, 4), x(3), x(3)]),
  row('GroupNormalization', [x(2, 6, 4), x(6), x(6)], { num_groups: 2 }),
];

const resamples = [
  row('Resize', [x(1, 2, 4, 5), undefined, undefined, ints(1, 2, 7, 3)]),
  row('Resize', [x(1, 2, 4, 5), undefined, factors(1, 1, 1.6, 0.55)], { mode: 'linear' }),
  row('Resize', [x(1, 2, 4, 5), undefined, factors(2.5), undefined], { axes: [-1] }),
  row('Resize', [x(1, 2, 4, 5), undefined, undefined, ints(9, 9)], {
    ...{ axes: [2, 3], keep_aspect_ratio_policy: 'not_larger' },
  }),
  row('Resize', [x(1, 2, 4, 5), undefined, undefined, ints(9, 9)], {
    ...{ axes: [2, 3], keep_aspect_ratio_policy: 'not_smaller' },
  }),
  row('Pad', [x(3, 4), ints(1, 2, 0, 1)], { mode: 'reflect' }),
  row('DepthToSpace', [x(1, 8, 2, 3)], { blocksize: 2 }),
  row('DepthToSpace', [x(1, 8, 2, 3)], { blocksize: 2, mode: 'CRD' }),
  row('SpaceToDepth', [x(1, 2, 4, 6)], { blocksize: 2 }),
];

const einsum = (equation: string, ...shapes: number[][]): OperatorCase =>
  row(
    'Einsum',
    shapes.map((shape) => x(...shape)),
    { equation },
  );

const einsums = [
  einsum('ij,jk->ik', [2, 3], [3, 4]),
  einsum('bij, kj', [2, 3, 4], [5, 4]),
  einsum('ii', [3, 3]),
  einsum('...ij->...ji', [2, 3, 4]),
  einsum('...ij,...jk', [2, 3, 4], [2, 4, 5]),
  einsum('b...i,ij->b...j', [2, 3, 4, 5], [5, 2]),
];

export const imageCases: readonly OperatorCase[] = [
  ...[...convolutions, ...pools, ...normalisations, ...resamples, ...einsums],
];
