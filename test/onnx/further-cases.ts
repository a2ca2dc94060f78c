// Cases of operators that few models have: losses inside of exports, sampled images, Fourier transforms, windows of
// signals, and selections whose size a constant decides; and what their type rules refuse.

import { Tensor } from '#ortune/onnx/tensor.js';
import { ints, type OperatorCase, positive, row, scalar, x } from './case-values.js';

const table = (shape: number[], ...values: number[]) => Tensor.of('int64', values, shape);
const hertz = (value: number) => Tensor.scalar('float32', value);
const kept = (...values: number[]) => Tensor.of('bool', values);

export const furtherCases: readonly OperatorCase[] = [
  row('NegativeLogLikelihoodLoss', [x(3, 4), ints(0, 3, 1)]),
  row('NegativeLogLikelihoodLoss', [x(2, 4, 3), table([2, 3], 0, 3, 1, 2, 2, 0), x(4)], { reduction: 'none' }),
  row('SoftmaxCrossEntropyLoss', [x(3, 4), ints(0, 3, 1)], { reduction: 'sum' }, 2),
  row('GridSample', [x(2, 3, 4, 5), x(2, 6, 7, 2)]),
  row('GridSample', [x(1, 2, 3, 4, 5), x(1, 2, 2, 3, 3)]),
  row('RoiAlign', [x(2, 3, 4, 5), x(6, 4), ints(0, 1, 1, 0, 0, 1)], {
    output_height: 2,
    output_width: 3,
    sampling_ratio: 2,
  }),
  row('DeformConv', [x(2, 4, 5, 6), x(6, 2, 3, 2), x(2, 24, 5, 5), x(6), x(2, 12, 5, 5)], {
    ...{ group: 2, offset_group: 2, pads: [1, 0, 1, 0], kernel_shape: [3, 2] },
  }),
  row('AffineGrid', [x(2, 2, 3), ints(2, 3, 4, 5)]),
  row('AffineGrid', [x(1, 3, 4), ints(1, 1, 2, 3, 4)]),
  row('Col2Im', [x(2, 12, 6), ints(4, 3), ints(2, 2)]),
  row('Det', [x(2, 3, 3)]),
  row('Det', [x(3, 3)]),
  row('MaxUnpool', [x(1, 1, 2, 2), table([1, 1, 2, 2], 0, 3, 9, 15)], { kernel_shape: [2, 2], strides: [2, 2] }),
  row('MaxUnpool', [x(1, 1, 2, 2), table([1, 1, 2, 2], 0, 3, 9, 15), ints(1, 1, 5, 5)], { kernel_shape: [2, 2] }),
  row('Compress', [x(3, 4), kept(1, 0, 1)], { axis: -2 }),
  row('Compress', [x(3, 4), kept(1, 0, 1, 0, 1)]),
  row('CenterCropPad', [x(3, 7), ints(6, 4)]),
  row('CenterCropPad', [x(3, 7), ints(4)], { axes: [-1] }),
  row('ReverseSequence', [x(3, 2), ints(1, 3)]),
  row('HannWindow', [scalar(5)]),
  row('HammingWindow', [scalar(5)], { periodic: 0 }),
  row('BlackmanWindow', [scalar(5)]),
  row('MelWeightMatrix', [scalar(4), scalar(16), scalar(8000), hertz(0), hertz(4000)]),
  row('Multinomial', [positive(2, 3)], { sample_size: 5, dtype: 7 }),
  row('DFT', [x(2, 6, 1), undefined, scalar(1)]),
  row('DFT', [x(2, 6, 1), scalar(9), scalar(1)], { onesided: 1 }),
  row('DFT', [x(2, 6, 2)], { inverse: 1 }),
  row('DFT', [x(2, 5, 2)], { inverse: 1, onesided: 1 }),
  row('STFT', [x(2, 12, 1), scalar(3), x(4)]),
  row('STFT', [x(2, 12, 1), scalar(2), undefined, scalar(5)], { onesided: 0 }),
];

export const furtherRefusals: [string, OperatorCase, RegExp][] = [
  ['targets of other scores', row('SoftmaxCrossEntropyLoss', [x(3, 4), ints(0, 1)]), /targets \[2\] do not fit scores/],
  [
    'weights of other classes',
    row('NegativeLogLikelihoodLoss', [x(1, 4), ints(0), x(3)]),
    /weights \[3\] of 4 classes/,
  ],
  [
    "a float remainder by the divisor's sign",
    row('Mod', [x(2), x(2)]),
    /attribute 'fmod' is 0, expected 1 for float32/,
  ],
  ['places of other images', row('GridSample', [x(2, 3, 4, 5), x(1, 6, 7, 2)]), /places .* do not fit images/],
  [
    'regions of other images',
    row('RoiAlign', [x(2, 3, 4, 5), x(6, 4), ints(0, 1)]),
    /regions \[6,4\] with images \[2\]/,
  ],
  ['offsets of other places', row('DeformConv', [x(1, 2, 5, 5), x(1, 2, 2, 2), x(1, 8, 5, 5)]), /offsets .* expected/],
  [
    'a mask of other places',
    row('DeformConv', [x(1, 2, 5, 5), x(1, 2, 2, 2), x(1, 8, 4, 4), x(1), x(1, 8, 4, 4)]),
    /a mask .* expected \[1,4,4,4\]/,
  ],
  [
    'a bias of other channels',
    row('DeformConv', [x(1, 2, 5, 5), x(1, 2, 2, 2), x(1, 8, 4, 4), x(2)]),
    /a bias \[2\] for 1 channels/,
  ],
  ['moved taps of volumes', row('DeformConv', [x(1, 1, 3, 3, 3), x(1, 1, 1, 1, 1), x(1, 3, 3, 3, 3)]), /images of two/],
  [
    'moved taps in other groups',
    row('DeformConv', [x(1, 3, 5, 5), x(1, 2, 2, 2), x(1, 8, 4, 4)]),
    /do not fit an input/,
  ],
  ['matrices of other images', row('AffineGrid', [x(2, 2, 3), ints(1, 3, 4, 5)]), /matrices .* do not fit images/],
  ['columns that make no images', row('Col2Im', [x(2, 7, 6), ints(4, 3), ints(2, 2)]), /do not make images/],
  ['a determinant of no square', row('Det', [x(2, 3)]), /no square matrices/],
  ['maxima without their window', row('MaxUnpool', [x(1, 1, 2, 2), table([1, 1, 2, 2], 0, 1, 2, 3)]), /is missing/],
  ['keeping more than there is', row('Compress', [x(2), kept(1, 0, 1)]), /keeps more than the 2/],
  ['sizes of other axes', row('CenterCropPad', [x(3, 7), ints(6)]), /sizes \[6\] of 2 axes/],
  ['lengths of other sequences', row('ReverseSequence', [x(3, 2), ints(1, 3, 2)]), /lengths \[3\] do not fit/],
  ['a transform of three parts', row('DFT', [x(2, 3)]), /ends in neither 1 nor 2/],
  ['a transform of the parts', row('DFT', [x(2, 2), undefined, scalar(1)]), /axis is that of the real/],
  ['a transform of nothing', row('DFT', [x(2, 3, 1), scalar(0)]), /length 0/],
  ['half of a complex transform', row('DFT', [x(2, 3, 2)], { onesided: 1 }), /one-sided transform/],
  ['frames longer than the signal', row('STFT', [x(1, 4, 1), scalar(1), x(5)]), /frames of 5 every 1 do not fit/],
  ['a window of other frames', row('STFT', [x(1, 9, 1), scalar(1), x(5), scalar(4)]), /window of 5 for frames of 4/],
  ['half of a complex signal', row('STFT', [x(1, 9, 2), scalar(1), x(5)]), /one-sided transform/],
];
