// Rows of operators whose gradient is that of their definition: losses inside of exports, sampled images, Fourier
// transforms, columns back into images, and other arrangements.

import { float } from '#ortune/onnx/builder.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { bools, fillFor, index, ints, type Row, row } from './row-values.js';

const fill = fillFor(7);
const { any, positive, apart } = fill('float64');
const f32 = fill('float32');

const scalar64 = (value: number): Tensor => Tensor.scalar('int64', value);

const losses = ['NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss'].flatMap((op) => [
  row(op, [f32.any(4, 3), index([4], [0, 2, 1, 2])]),
  row(op, [f32.any(4, 3), index([4], [0, 2, 1, 2]), f32.positive(3)], {}, { what: 'weights', unchecked: [2] }),
  row(
    op,
    [f32.any(2, 3, 2, 2), index([2, 2, 2], [0, -1, 1, 2, 2, 2, -1, 0]), f32.positive(3)],
    { ignore_index: -1, reduction: 'mean' },
    { what: 'weights, an ignored class, positions', unchecked: [2] },
  ),
  row(op, [f32.any(4, 3), index([4], [0, 2, 1, 2])], { reduction: 'sum', ignore_index: 2 }, { what: 'summed' }),
  row(op, [f32.any(2, 3, 2), index([2, 2], [0, 2, 1, 2])], { reduction: 'none' }, { what: 'each by itself' }),
]);

/** Places that no tap's edge is near: fractions of positions off 0 and ½. */
const places = (...shape: number[]): Tensor =>
  Tensor.of(
    'float32',
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => (((i * 7) % 23) - 11) / 8.3 + 0.021),
    shape,
  );
const regions = Tensor.of('float32', [0.3, 0.4, 3.1, 4.2, -3, -2.5, 9, 7.25, 4, 1.5, 2, 6.5], [3, 4]);
const sampled = ['zeros', 'border', 'reflection'].flatMap((padding_mode) =>
  [0, 1].flatMap((align_corners) => [
    ...['linear', 'cubic'].map((mode) =>
      row(
        'GridSample',
        [f32.any(2, 3, 4, 5), places(2, 3, 2, 2)],
        { mode, padding_mode, align_corners },
        { what: `${mode} ${padding_mode}` },
      ),
    ),
    row(
      'GridSample',
      [f32.any(2, 3, 4, 5), places(2, 3, 2, 2)],
      { mode: 'nearest', padding_mode, align_corners },
      { what: `nearest ${padding_mode}`, unchecked: [1] },
    ),
  ]),
);

const images = [
  ...sampled,
  row('GridSample', [f32.any(1, 2, 3, 4, 2), places(1, 2, 2, 3, 3)], {}, { what: 'volumes' }),
  row(
    'RoiAlign',
    [f32.any(2, 3, 5, 6), regions, index([3], [1, 0, 1])],
    { output_height: 2, output_width: 3, sampling_ratio: 2, spatial_scale: float(0.5) },
    { what: 'of half the size', unchecked: [1] },
  ),
  row(
    'RoiAlign',
    [f32.any(2, 3, 5, 6), regions, index([3], [1, 0, 1])],
    { sampling_ratio: 3, coordinate_transformation_mode: 'output_half_pixel' },
    { what: 'of one place', unchecked: [1] },
  ),
  row('DeformConv', [f32.any(2, 2, 5, 6), f32.any(3, 2, 2, 2), places(2, 8, 4, 5)]),
  row(
    'DeformConv',
    [f32.any(1, 4, 5, 6), f32.any(2, 2, 3, 2), places(1, 24, 3, 3), f32.any(2), f32.any(1, 12, 3, 3)],
    { group: 2, offset_group: 2, strides: [2, 2], pads: [1, 0, 1, 1], kernel_shape: [3, 2] },
    { what: 'in groups, with a bias and a mask' },
  ),
  row('AffineGrid', [f32.any(2, 2, 3), ints(2, 1, 3, 4)]),
  row('AffineGrid', [f32.any(1, 3, 4), ints(1, 1, 2, 3, 2)], { align_corners: 1 }, { what: 'volumes to the corners' }),
  row('Col2Im', [f32.any(2, 12, 6), ints(4, 3), ints(2, 2)]),
  row(
    'Col2Im',
    [f32.any(1, 6, 6), ints(5, 6), ints(2, 3)],
    { pads: [1, 0, 1, 2], strides: [2, 3], dilations: [1, 2] },
    { what: 'padded, in steps' },
  ),
  row('MaxUnpool', [f32.any(1, 2, 2, 2), index([1, 2, 2, 2], [5, 6, 8, 15, 16, 18, 25, 31])], {
    kernel_shape: [2, 2],
    strides: [2, 2],
  }),
];

const fourier = [
  row('DFT', [any(2, 6, 1), undefined, scalar64(1)]),
  row('DFT', [any(2, 5, 1), undefined, scalar64(1)], { onesided: 1 }, { what: 'one-sided' }),
  row('DFT', [any(3, 5, 2), undefined, scalar64(0)], { inverse: 1 }, { what: 'inverse, along the first axis' }),
  row('DFT', [any(2, 6, 2), scalar64(4), scalar64(-2)], {}, { what: 'cut' }),
  row('DFT', [any(2, 3, 1), scalar64(5), scalar64(-2)], {}, { what: 'filled up' }),
  ...[undefined, scalar64(7)].map((length) =>
    row('DFT', [any(2, 4, 2), length, scalar64(1)], { onesided: 1, inverse: 1 }, { what: 'one-sided, inverse' }),
  ),
  row('STFT', [any(2, 11, 1), scalar64(3), any(4)], {}, { what: 'with a window' }),
  row('STFT', [any(1, 9, 1), scalar64(2), undefined, scalar64(5)], { onesided: 0 }, { what: 'both sides' }),
];

const arrangements = [
  row('ReverseSequence', [any(4, 3, 2), ints(4, 1, 3)]),
  row('ReverseSequence', [any(2, 3), ints(2, 3)], { batch_axis: 0, time_axis: 1 }, { what: 'batch first' }),
  row('Compress', [any(3, 2), bools([3], [1, 0, 1])], { axis: 0 }),
  row('Compress', [any(3, 2), bools([5], [0, 1, 1, 0, 1])], {}, { what: 'of all elements' }),
  row('CenterCropPad', [any(3, 7, 2), ints(6, 4)], { axes: [0, 1] }),
  row('MeanVarianceNormalization', [f32.any(2, 3, 2, 2)]),
  ...[1, 2, 3, 4].map((n) => row('Det', [f32.any(2, n, n)], {}, { what: `of ${n} rows` })),
  row('Pad', [any(2, 3), ints(1, -1, 0, 2), fill('float64').scalar(0.5)], {}, { what: 'with a value' }),
  row(
    'Pad',
    [any(2, 3), ints(1, 0, 0, 1), fill('float64').scalar(0.5)],
    { mode: 'edge' },
    { what: 'edges, the value unread', unchecked: [2] },
  ),
];

const statistics = row(
  'LayerNormalization',
  [f32.any(2, 3, 4), f32.any(3, 4)],
  { axis: 1 },
  { what: 'its statistics too', outputs: 3 },
);

const reduced = ['max', 'min', 'mul'].flatMap((reduction) => [
  row(
    'ScatterElements',
    [apart(3, 4), index([3, 2], [0, 3, 2, 2, 1, 0]), apart(3, 2)],
    { axis: 1, reduction },
    { what: reduction },
  ),
  row('ScatterND', [apart(4, 3), index([3, 1], [3, 0, 3]), positive(3, 3)], { reduction }, { what: reduction }),
  row(
    'ScatterND',
    [apart(2, 3), index([4, 2], [1, 0, 0, 2, 1, 0, 0, -1]), positive(4)],
    { reduction },
    { what: `${reduction} of elements` },
  ),
]);

const resized = ['linear', 'cubic'].flatMap((mode) =>
  ['half_pixel', 'align_corners'].map((coordinate_transformation_mode) =>
    row(
      'Resize',
      [f32.any(1, 2, 7, 9), undefined, undefined, ints(1, 2, 3, 12)],
      {
        mode,
        antialias: 1,
        coordinate_transformation_mode,
        exclude_outside: +(coordinate_transformation_mode === 'half_pixel'),
      },
      { what: `${mode} without aliases` },
    ),
  ),
);

export const writtenOutRows: readonly Row[] = [
  ...losses,
  ...images,
  ...fourier,
  ...arrangements,
  statistics,
  ...reduced,
  ...resized,
];
