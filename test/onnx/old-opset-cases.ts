// Examples of operators whose definition changed between opsets 9 and 14.

import { float } from '#ortune/onnx/builder.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { bools, type Case, each, i64, positive, x } from './opset-cases.js';

const scales = (...values: number[]): Tensor => Tensor.of('float32', values);
const table = (shape: number[], ...values: number[]): Tensor => Tensor.of('int64', values, shape);

const softmax: Case[] = [
  { inputs: [x(2, 3, 4)], attrs: { axis: 2 } },
  { inputs: [x(2, 3, 4)], attrs: { axis: 1 } },
  { inputs: [x(2, 3, 4)] },
  { inputs: [x(2, 3)], attrs: { axis: 0 } },
  { inputs: [x(2, 3, 4)], attrs: { axis: -1 }, from: 11 },
  { inputs: [x(2, 3, 4)], attrs: { axis: -2 }, from: 11 },
];
const recurrent = (gates: number): Case[] => [
  { inputs: [x(3, 2, 4), x(1, gates * 3, 4), x(1, gates * 3, 3)], attrs: { hidden_size: 3 }, outputs: ['float32'] },
];
const arg: Case[] = [{ inputs: [x(2, 5)], attrs: { axis: 1, keepdims: 0 }, outputs: ['int64'] }];
const binary: Case[] = [
  { inputs: [positive(2, 3), positive(2, 3)] },
  { inputs: [positive(2, 3), positive(3)], from: 8 },
];
const unary: Case[] = [{ inputs: [positive(2, 3)] }];

export const oldCases: Record<string, Case[]> = {
  ...each('Abs Ceil Erf Exp Floor Log Neg Reciprocal Relu Sigmoid Sign Sqrt Tanh', unary),
  ...each('Add Div Max Mean Min Mul Sub Sum', binary),
  ...each('ArgMax ArgMin', arg),
  ...each('Softmax LogSoftmax Hardmax', softmax),
  ...each('Greater Less', [{ inputs: [x(2, 3), x(3)], outputs: ['bool'] }]),
  BatchNormalization: [
    { inputs: [x(2, 3, 4), x(3), x(3), x(3), positive(3)], attrs: { momentum: float(0.8) }, until: 13 },
    { inputs: [x(4, 3), x(3), x(3), x(3), positive(3)], until: 13 },
  ],
  Clip: [
    { inputs: [x(2, 3)], attrs: { min: float(-0.5), max: float(0.5) }, until: 10 },
    { inputs: [x(2, 3)], attrs: { max: float(0.5) }, until: 10 },
    { inputs: [x(2, 3)], until: 10 },
    { inputs: [x(2, 3), null, Tensor.scalar('float32', 0.5)], from: 11 },
  ],
  Compress: [{ inputs: [x(3, 2), bools(1, 0, 1)], attrs: { axis: 0 } }],
  Concat: [{ inputs: [x(2, 3), x(2, 1)], attrs: { axis: 1 } }],
  Conv: [{ inputs: [x(1, 4, 6, 5), x(2, 2, 3, 2), x(2)], attrs: { group: 2, pads: [1, 0, 1, 1], strides: [2, 1] } }],
  ConvTranspose: [
    { inputs: [x(1, 2, 4, 3), x(2, 3, 3, 2)], attrs: { strides: [2, 2], output_padding: [1, 0] } },
    { inputs: [x(1, 2, 4, 3), x(2, 3, 3, 2)], attrs: { strides: [2, 2], output_shape: [8, 7] } },
  ],
  CumSum: [{ inputs: [x(2, 3), Tensor.scalar('int64', 1)], attrs: { reverse: 1 }, from: 11 }],
  DepthToSpace: [{ inputs: [x(1, 8, 2, 3)], attrs: { blocksize: 2 } }],
  Dropout: [
    { inputs: [x(2, 3)], attrs: { ratio: float(0.3) }, until: 11 },
    { inputs: [x(2, 3)] },
    { inputs: [x(2, 3), Tensor.scalar('float32', 0.3)], from: 12 },
  ],
  Expand: [{ inputs: [x(3, 1), i64(2, 3, 4)] }],
  Gather: [{ inputs: [x(3, 4), table([2], 2, 0)], attrs: { axis: 1 } }],
  GatherElements: [{ inputs: [x(3, 2), table([1, 2], 2, 0)], attrs: { axis: 0 }, from: 11 }],
  GatherND: [{ inputs: [x(3, 4), table([2, 2], 2, 0, 1, 3)], from: 11 }],
  Gemm: [{ inputs: [x(3, 4), x(2, 4), x(2)], attrs: { transB: 1, alpha: float(0.5), beta: float(2) } }],
  GRU: recurrent(3),
  LSTM: recurrent(4),
  RNN: recurrent(1),
  LRN: [{ inputs: [x(1, 5, 2, 2)], attrs: { size: 3, alpha: float(0.1) } }],
  LpPool: [{ inputs: [x(1, 2, 6, 6)], attrs: { kernel_shape: [3, 2], auto_pad: 'SAME_UPPER', p: 1 } }],
  MatMul: [{ inputs: [x(2, 3, 4), x(4, 2)] }],
  MaxPool: [
    { inputs: [x(1, 2, 7, 6)], attrs: { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 1, 1] } },
    {
      inputs: [x(1, 1, 4, 4)],
      attrs: { kernel_shape: [2, 2], strides: [2, 2] },
      outputs: ['float32', 'int64'],
      from: 8,
    },
    { inputs: [x(1, 1, 6, 6)], attrs: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }, from: 10 },
  ],
  MaxUnpool: [{ inputs: [x(1, 1, 1, 2), table([1, 1, 1, 2], 5, 7)], attrs: { kernel_shape: [2, 2], strides: [2, 2] } }],
  MeanVarianceNormalization: [{ inputs: [x(2, 3, 2, 2)] }],
  Mod: [{ inputs: [i64(7, -7, 5), i64(3, 3, -3)], outputs: ['int64'], from: 10 }],
  NegativeLogLikelihoodLoss: [{ inputs: [x(3, 4), i64(0, 3, 1)], from: 12 }],
  NonMaxSuppression: [
    {
      inputs: [
        Tensor.of('float32', [0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, 3, 1, 4], [1, 3, 4]),
        Tensor.of('float32', [0.9, 0.8, 0.7], [1, 1, 3]),
        Tensor.of('int64', [3]),
        Tensor.of('float32', [0.5]),
      ],
      outputs: ['int64'],
      from: 10,
    },
  ],
  NonZero: [{ inputs: [i64(1, 0, 2)], outputs: ['int64'] }],
  OneHot: [{ inputs: [i64(0, 2), Tensor.of('int64', [3]), Tensor.of('float32', [0, 1])], attrs: { axis: 0 } }],
  Pad: [
    { inputs: [x(2, 3)], attrs: { pads: [1, 0, 0, 2], value: float(7) }, until: 10 },
    { inputs: [x(2, 3)], attrs: { pads: [1, 0, 0, 2] }, until: 10 },
    { inputs: [x(3, 4)], attrs: { pads: [1, 2, 0, 1], mode: 'reflect' }, until: 10 },
  ],
  ReduceSum: [
    { inputs: [x(2, 3, 4)], attrs: { axes: [1], keepdims: 0 }, until: 12 },
    { inputs: [x(2, 3, 4)], attrs: { axes: [-1, 0] }, from: 11, until: 12 },
    { inputs: [x(2, 3)], attrs: { keepdims: 0 } },
  ],
  Resize: [
    { inputs: [x(1, 1, 4, 5), scales(1, 1, 2, 1.6)], until: 10 },
    { inputs: [x(1, 1, 4, 5), scales(1, 1, 0.5, 0.7)], until: 10 },
    { inputs: [x(1, 1, 4, 5), scales(1, 1, 2, 1.6)], attrs: { mode: 'linear' }, until: 10 },
    { inputs: [x(1, 1, 4, 5), scales(1, 1, 0.5, 0.7)], attrs: { mode: 'linear' }, until: 10 },
    {
      inputs: [x(1, 1, 4, 5), scales(), scales(1, 1, 2, 0.6)],
      attrs: { coordinate_transformation_mode: 'tf_half_pixel_for_nn', nearest_mode: 'floor' },
      from: 11,
      until: 12,
    },
  ],
  Scatter: [{ inputs: [x(3, 3), table([1, 3], 1, 0, 2), x(1, 3)], attrs: { axis: 0 } }],
  Slice: [
    { inputs: [x(4, 5)], attrs: { starts: [1, -3], ends: [3, 100], axes: [0, 1] }, until: 9 },
    { inputs: [x(4, 5)], attrs: { starts: [1], ends: [-1] }, until: 9 },
    { inputs: [x(4, 5), i64(-1), i64(-100), i64(1), i64(-2)], from: 10 },
  ],
  SoftmaxCrossEntropyLoss: [{ inputs: [x(3, 4), i64(0, 3, 1)], from: 12 }],
  SpaceToDepth: [{ inputs: [x(1, 2, 4, 6)], attrs: { blocksize: 2 } }],
  Split: [{ inputs: [x(2, 6)], attrs: { axis: 1, split: [1, 5] }, outputs: ['float32', 'float32'], until: 12 }],
  Squeeze: [{ inputs: [x(2, 1, 3, 1)], attrs: { axes: [1] }, until: 12 }],
  Tile: [{ inputs: [x(2, 3), i64(2, 1)] }],
  TopK: [
    { inputs: [x(2, 5)], attrs: { axis: 1, k: 3 }, outputs: ['float32', 'int64'], until: 9 },
    { inputs: [x(2, 5), i64(3)], outputs: ['float32', 'int64'], from: 10 },
  ],
  Unsqueeze: [{ inputs: [x(2, 3)], attrs: { axes: [0, 3] }, until: 12 }],
  Upsample: [
    { inputs: [x(1, 1, 3, 4)], attrs: { scales: float([1, 1, 2, 1.5]) }, until: 8 },
    { inputs: [x(1, 1, 3, 4), scales(1, 1, 2, 1.5)], from: 9 },
    { inputs: [x(1, 1, 3, 4), scales(1, 1, 2, 1.5)], attrs: { mode: 'linear' }, from: 9 },
  ],
};
