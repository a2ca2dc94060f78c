// Gradient checks of the operators of convolutional networks: one row per rule and per path through it. The stock
// runtime computes most of them in float32 only.

import { float } from '#ortune/onnx/builder.js';
import { onnxDataType } from '#ortune/onnx/dtype.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { fillFor, ints, type Row, row } from './row-values.js';

const fill = fillFor(2);
const f64 = fill('float64');
const f32 = fill('float32');
const { any, apart } = f32;

/** A case of Conv or ConvTranspose: shapes of x and W, attributes, and whether there is a bias. */
const conv = (
  op: string,
  what: string,
  x: number[],
  w: number[],
  attrs: Row['attrs'] = {},
  bias: number | undefined = undefined,
): Row => row(op, [any(...x), any(...w), ...(bias ? [any(bias)] : [])], attrs, { what });

const convolutions = [
  conv('Conv', 'plain', [2, 3, 5, 6], [4, 3, 3, 2], {}, 4),
  conv('Conv', 'padded', [1, 2, 5, 5], [3, 2, 3, 3], { pads: [1, 1, 1, 1] }, 3),
  conv('Conv', 'strides that leave columns unread', [2, 2, 8, 7], [3, 2, 3, 3], {
    strides: [3, 2],
    pads: [1, 0, 0, 2],
  }),
  conv('Conv', 'a dilation', [1, 2, 9, 8], [2, 2, 3, 2], { dilations: [2, 3], pads: [1, 2, 1, 0] }),
  conv('Conv', 'stride and dilation', [2, 2, 11, 10], [3, 2, 2, 3], {
    dilations: [3, 2],
    strides: [2, 3],
    pads: [2, 1, 1, 2],
  }),
  conv('Conv', 'in groups', [2, 4, 5, 5], [6, 2, 3, 3], { group: 2, pads: [1, 1, 1, 1] }, 6),
  conv('Conv', 'depthwise', [2, 4, 6, 6], [4, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1], strides: [2, 2] }, 4),
  conv('Conv', 'depthwise with a multiplier', [2, 3, 5, 5], [6, 1, 3, 3], { group: 3 }),
  conv('Conv', 'by a point, with a stride', [2, 3, 5, 4], [4, 3, 1, 1], { strides: [2, 2] }, 4),
  conv('Conv', 'auto_pad SAME_UPPER', [1, 2, 6, 5], [2, 2, 3, 4], { auto_pad: 'SAME_UPPER', strides: [2, 2] }),
  conv('Conv', 'auto_pad SAME_LOWER', [1, 2, 6, 5], [2, 2, 3, 4], { auto_pad: 'SAME_LOWER', strides: [2, 1] }),
  conv('Conv', 'auto_pad VALID', [1, 2, 6, 5], [2, 2, 3, 2], { auto_pad: 'VALID', strides: [2, 2] }),
  conv('Conv', 'one axis', [2, 3, 9], [4, 3, 3], { strides: [2], pads: [1, 2] }, 4),
  conv('Conv', 'one axis in groups', [2, 4, 9], [4, 2, 3], { group: 2, dilations: [2] }),
  conv('Conv', 'three axes', [2, 2, 4, 5, 4], [3, 2, 2, 3, 2], { strides: [1, 2, 2], pads: [1, 0, 1, 0, 1, 0] }, 3),
  conv('Conv', 'three axes, depthwise', [1, 3, 4, 4, 4], [3, 1, 3, 3, 3], { group: 3, pads: [1, 1, 1, 1, 1, 1] }),
  conv('ConvTranspose', 'plain', [2, 3, 4, 3], [3, 2, 3, 2], {}, 2),
  conv('ConvTranspose', 'strides and pads', [2, 3, 4, 3], [3, 2, 3, 3], { strides: [2, 3], pads: [1, 0, 1, 2] }, 2),
  conv('ConvTranspose', 'output padding', [1, 2, 4, 3], [2, 3, 3, 3], {
    ...{ strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
  }),
  conv('ConvTranspose', 'upsampling by two', [2, 3, 4, 3], [3, 2, 2, 2], { strides: [2, 2] }, 2),
  conv(
    'ConvTranspose',
    'a dilation, in groups',
    [2, 4, 4, 3],
    [4, 3, 2, 3],
    { group: 2, dilations: [2, 1], strides: [1, 2] },
    6,
  ),
  conv('ConvTranspose', 'depthwise', [2, 3, 4, 4], [3, 1, 3, 3], { group: 3, strides: [2, 2], pads: [1, 1, 1, 1] }, 3),
  conv('ConvTranspose', 'a wanted shape', [1, 2, 4, 3], [2, 2, 3, 3], { strides: [2, 2], output_shape: [8, 6] }),
  conv('ConvTranspose', 'auto_pad SAME_UPPER', [1, 2, 4, 3], [2, 2, 3, 3], { strides: [2, 2], auto_pad: 'SAME_UPPER' }),
  conv('ConvTranspose', 'auto_pad SAME_LOWER', [1, 2, 4, 3], [2, 2, 3, 3], { strides: [2, 2], auto_pad: 'SAME_LOWER' }),
  conv('ConvTranspose', 'one axis', [2, 3, 5], [3, 2, 3], { strides: [2], pads: [1, 0] }, 2),
  conv('ConvTranspose', 'three axes', [1, 2, 3, 2, 3], [2, 2, 2, 3, 2], { strides: [2, 1, 2] }, 2),
];

const pool2 = { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 0, 1] };
const pools = [
  ...['AveragePool', 'MaxPool', 'LpPool'].flatMap((op) => [
    row(op, [apart(2, 2, 6, 5)], { kernel_shape: [2, 2], strides: [2, 2] }, { what: 'apart' }),
    row(op, [apart(1, 2, 6, 5)], pool2, { what: 'overlapping and padded' }),
    row(
      op,
      [apart(1, 2, 6, 6)],
      { kernel_shape: [3, 3], strides: [2, 2], auto_pad: 'SAME_UPPER' },
      { what: 'SAME_UPPER' },
    ),
    row(op, [apart(1, 2, 7, 8)], { kernel_shape: [2, 3], dilations: [2, 2] }, { what: 'with a dilation' }),
    row(op, [apart(1, 1, 6, 6)], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }, { what: 'ceil_mode' }),
    row(op, [apart(2, 2, 7)], { kernel_shape: [3], strides: [2], pads: [1, 1] }, { what: 'one axis' }),
    row(op, [apart(1, 2, 4, 4, 3)], { kernel_shape: [2, 2, 2], strides: [2, 1, 1] }, { what: 'three axes' }),
  ]),
  row('AveragePool', [any(1, 2, 6, 5)], { ...pool2, count_include_pad: 1 }, { what: 'pads counted' }),
  row(
    'AveragePool',
    [any(1, 1, 6, 6)],
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1, ceil_mode: 1 },
    { what: 'pads counted, ceil_mode' },
  ),
  row('MaxPool', [f64.apart(1, 2, 5, 5)], { kernel_shape: [3, 3], strides: [2, 2] }, { what: 'float64' }),
  row('LpPool', [apart(1, 2, 5, 5)], { kernel_shape: [2, 2], p: 1 }, { what: 'p = 1' }),
  row('LpPool', [apart(1, 2, 3, 4)], { kernel_shape: [2, 2], p: 3 }, { what: 'p = 3' }),
  row('GlobalAveragePool', [any(2, 3, 4, 3)]),
  row('GlobalMaxPool', [apart(2, 3, 4, 3)]),
  row('GlobalLpPool', [apart(2, 3, 4, 3)], { p: 2 }),
];

/** By the statistics of the batch; the running averages are no part of y. */
const batchNorm = (what: string, x: number[], attrs: Row['attrs'] = {}): Row =>
  row('BatchNorm', [f64.any(...x), f64.any(3), f64.any(3), f64.any(3), f64.positive(3)], attrs, {
    ...{ what, domain: 'ortune', unchecked: [3, 4] },
  });

const normalisations = [
  row('BatchNormalization', [f64.any(2, 3, 4, 2), f64.any(3), f64.any(3), f64.any(3), f64.positive(3)], {
    epsilon: float(1e-3),
  }),
  row('BatchNormalization', [f64.any(4, 3), f64.any(3), f64.any(3), f64.any(3), f64.positive(3)], {}, { what: 'rows' }),
  batchNorm('images', [2, 3, 4, 2], { epsilon: float(1e-3) }),
  batchNorm('rows', [5, 3]),
  batchNorm('channels last', [2, 4, 2, 3], { channels_last: 1 }),
  row('InstanceNormalization', [any(2, 3, 4, 2), any(3), any(3)], { epsilon: float(1e-3) }),
  row('InstanceNormalization', [any(2, 3, 6), any(3), any(3)], {}, { what: 'one axis' }),
  row('GroupNormalization', [any(2, 6, 3, 2), any(6), any(6)], { num_groups: 3, epsilon: float(1e-3) }),
  row(
    'GroupNormalization',
    [f64.any(2, 4, 5), f64.any(4), f64.any(4)],
    { num_groups: 1, stash_type: onnxDataType('float64') },
    { what: 'one group' },
  ),
  row('LpNormalization', [f64.apart(2, 3, 4)]),
  row('LpNormalization', [f64.apart(2, 3, 4)], { axis: 1, p: 1 }, { what: 'p = 1, a middle axis' }),
];

const activations = [
  ...['LeakyRelu', 'Elu'].flatMap((op) => [
    row(op, [apart(3, 4)]),
    row(op, [apart(3, 4)], { alpha: float(0.3) }, { what: 'alpha' }),
  ]),
  row('Selu', [apart(3, 4)]),
  row('HardSigmoid', [f32.apart(5, 4)]),
  row('HardSigmoid', [f32.apart(5, 8)], { alpha: float(1 / 6), beta: float(0.5) }, { what: 'as PyTorch exports it' }),
  row('HardSwish', [f32.apart(5, 8)]),
  ...['Softplus', 'Softsign', 'Mish'].map((op) => row(op, [any(3, 4)])),
  row('PRelu', [apart(2, 3, 4), any(3, 1)]),
  row('PRelu', [apart(2, 3), any(1)], {}, { what: 'one slope' }),
];

const scales = (...values: number[]) => Tensor.of('float32', values);
/** A resized image; scales and region are numbers, not inputs that are moved. */
const resized = (what: string, sizes: Tensor | undefined, factors: Tensor | undefined, attrs: Row['attrs']): Row =>
  row('Resize', [any(1, 2, 4, 5), undefined, factors, sizes], attrs, { what, constants: [2] });
const modes = ['asymmetric', 'half_pixel', 'pytorch_half_pixel', 'align_corners', 'half_pixel_symmetric'];
const size = ints(1, 2, 7, 3);

const resamples = [
  ...['nearest', 'linear', 'cubic'].flatMap((mode) =>
    modes.map((coordinate_transformation_mode) =>
      resized(`${mode}, ${coordinate_transformation_mode}`, size, undefined, { mode, coordinate_transformation_mode }),
    ),
  ),
  ...['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'].map((nearest_mode) =>
    resized(`nearest by ${nearest_mode}`, size, undefined, { nearest_mode }),
  ),
  resized('nearest by two, as PyTorch exports it', undefined, scales(1, 1, 2, 2), {
    ...{ coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
  }),
  resized('linear by fractions', undefined, scales(1, 1, 1.3, 0.7), { mode: 'linear' }),
  resized('cubic without outside', undefined, scales(1, 1, 1.6, 2), { mode: 'cubic', exclude_outside: 1 }),
  resized('named axes', undefined, scales(2, 3), { axes: [3, 2] }),
  resized('sizes that keep the ratio', ints(9, 9), undefined, {
    ...{ axes: [2, 3], keep_aspect_ratio_policy: 'not_larger', mode: 'linear' },
  }),
  row(
    'Resize',
    [any(1, 2, 3, 4, 3), undefined, scales(1, 1, 2, 1.5, 2)],
    { mode: 'linear' },
    { what: 'volumes', constants: [2] },
  ),
  row('Pad', [f64.any(2, 3), ints(0, 1, 2, 0)]),
  row('Pad', [f64.any(4, 5), ints(-1, 2, 1, -2)], {}, { what: 'that crops' }),
  row('Pad', [f64.any(2, 3), ints(1, 2), undefined, ints(-1)], {}, { what: 'one axis' }),
  row('Pad', [f64.any(4, 5), ints(2, 1, 3, 4)], { mode: 'reflect' }, { what: 'reflect' }),
  row('Pad', [f64.any(3, 4), ints(2, 0, 1, 3)], { mode: 'edge' }, { what: 'edge' }),
  row('Pad', [f64.any(3, 4), ints(2, 0, 1, 3)], { mode: 'wrap' }, { what: 'wrap' }),
  row('DepthToSpace', [f64.any(2, 8, 2, 3)], { blocksize: 2 }),
  row('DepthToSpace', [f64.any(2, 8, 2, 3)], { blocksize: 2, mode: 'CRD' }, { what: 'CRD' }),
  row('SpaceToDepth', [f64.any(2, 2, 4, 6)], { blocksize: 2 }),
];

const einsum = (equation: string, ...shapes: number[][]): Row =>
  row(
    'Einsum',
    shapes.map((shape) => f64.any(...shape)),
    { equation },
    { what: equation },
  );

const einsums = [
  einsum('ij,jk->ik', [2, 3], [3, 4]),
  einsum('bhqd,bhkd->bhqk', [2, 2, 3, 4], [2, 2, 5, 4]),
  einsum('bhqk,bhkd->bqhd', [2, 2, 3, 4], [2, 2, 4, 5]),
  einsum('bij,kj', [2, 3, 4], [5, 4]),
  einsum('ij->ji', [2, 3]),
  einsum('ij->i', [2, 3]),
  einsum('ij->', [2, 3]),
  einsum('ii->i', [3, 3]),
  einsum('ii', [3, 3]),
  einsum('iij,jk->ik', [3, 3, 2], [2, 4]),
  einsum('i,j->ij', [3], [4]),
  einsum('ij,ij->ij', [2, 3], [2, 3]),
  einsum('ijk,j->i', [2, 3, 4], [3]),
  einsum('...ij,...jk->...ik', [5, 2, 3], [5, 3, 4]),
  einsum('b...i,ij->b...j', [2, 3, 4, 5], [5, 2]),
  einsum('...i,...i->...', [2, 1, 4], [2, 3, 4]),
  einsum('ab,bc,cd->ad', [2, 3], [3, 4], [4, 2]),
];

export const imageRows: readonly Row[] = [
  ...[...convolutions, ...pools, ...normalisations, ...activations, ...resamples, ...einsums],
];
