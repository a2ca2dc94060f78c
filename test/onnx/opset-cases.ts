// Examples of operators whose definition changed after opset 14, by operator; older changes are in old-opset-cases.ts.

import { type AttrInput, float } from '#ortune/onnx/builder.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { Tensor } from '#ortune/onnx/tensor.js';

export interface Case {
  /** Inputs in order, the first one fed, the others initializers; null: an omitted input. */
  inputs: (Tensor | null)[];
  attrs?: Record<string, AttrInput>;
  outputs?: DataType[];
  /** The first and last opset that have this form. */
  from?: number;
  until?: number;
}

// Distinct values without symmetry, so that a wrong axis or a wrong half pixel shows.
export const x = (...shape: number[]): Tensor => {
  const size = shape.reduce((n, d) => n * d, 1);
  return Tensor.of(
    'float32',
    Array.from({ length: size }, (_, i) => Math.sin(i * 1.7) + (i % 3) * 0.5),
    shape,
  );
};
export const positive = (...shape: number[]): Tensor =>
  Tensor.of(
    'float32',
    Array.from(x(...shape).data() as Float32Array, (v) => Math.abs(v) + 0.1),
    shape,
  );
export const i64 = (...values: number[]): Tensor => Tensor.of('int64', values);
export const bools = (...values: number[]): Tensor => Tensor.of('bool', values);

const reductions: Case[] = [
  { inputs: [positive(2, 3, 4)], attrs: { axes: [1], keepdims: 1 }, until: 17 },
  { inputs: [positive(2, 3, 4)], attrs: { axes: [-1, 0], keepdims: 0 }, until: 17 },
  { inputs: [positive(2, 3, 4), i64(1)], from: 18 },
  { inputs: [positive(2, 3, 4)] },
];

/** Examples of one operator each. */
export const each = (ops: string, examples: Case[]): Record<string, Case[]> =>
  Object.fromEntries(ops.split(' ').map((op) => [op, examples]));
/** Numbers inside of −1 and 1. */
const small = Tensor.of('float32', [-0.7, -0.1, 0.2, 0.9]);

export const cases: Record<string, Case[]> = {
  // No two runs of these agree.
  ...each('Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike', []),
  ...each('Acos Asin Asinh Atan Atanh Cos Cosh Elu HardSigmoid HardSwish Mish Round Selu Sin Sinh Softplus Softsign', [
    { inputs: [small] },
  ]),
  ...each('Tan ThresholdedRelu', [{ inputs: [small] }]),
  ...each('GlobalAveragePool GlobalMaxPool', [{ inputs: [x(1, 2, 3, 4)] }]),
  // Of opset 22 the runtime has no kernel of these.
  ...each('GlobalLpPool MaxRoiPool', []),
  Acosh: [{ inputs: [Tensor.of('float32', [1.1, 2, 3])] }],
  AveragePool: [
    { inputs: [x(1, 2, 7, 6)], attrs: { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 1, 1] } },
    { inputs: [x(1, 2, 7, 6)], attrs: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }, from: 10 },
    { inputs: [x(1, 2, 7, 7)], attrs: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 } },
    {
      inputs: [x(1, 1, 6, 6)],
      attrs: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1, ceil_mode: 1 },
      from: 10,
    },
  ],
  BatchNormalization: [{ inputs: [x(2, 3, 4), x(3), x(3), x(3), positive(3)], attrs: { epsilon: float(1e-3) } }],
  Cast: [
    { inputs: [x(5)], attrs: { to: 7 }, outputs: ['int64'] },
    { inputs: [i64(3, -2)], attrs: { to: 1 } },
  ],
  CastLike: [{ inputs: [x(4), i64(1)], outputs: ['int64'] }],
  Constant: [],
  ConstantOfShape: [{ inputs: [i64(2, 3)], attrs: { value: Tensor.of('float32', [2.5]) } }],
  DeformConv: [{ inputs: [x(1, 2, 4, 4), x(2, 2, 2, 2), x(1, 8, 3, 3)] }],
  Det: [{ inputs: [x(2, 3, 3)] }],
  DFT: [
    { inputs: [x(2, 6, 1)] },
    { inputs: [x(2, 4, 6, 2), Tensor.scalar('int64', 5)], attrs: { axis: 2, inverse: 0 } },
  ],
  Equal: [{ inputs: [i64(1, 2, 3), i64(1, 5, 3)], outputs: ['bool'] }],
  EyeLike: [{ inputs: [x(3, 4)], attrs: { k: 1 } }],
  Flatten: [{ inputs: [x(2, 3, 4)], attrs: { axis: 2 } }],
  GreaterOrEqual: [{ inputs: [x(4), x(1)], outputs: ['bool'] }],
  GridSample: [
    { inputs: [x(1, 2, 4, 5), x(1, 3, 3, 2)] },
    {
      inputs: [x(1, 2, 4, 5), x(1, 3, 3, 2)],
      attrs: { mode: 'bicubic', padding_mode: 'border', align_corners: 1 },
      until: 19,
    },
    { inputs: [x(1, 2, 4, 5), x(1, 3, 3, 2)], attrs: { mode: 'nearest' } },
  ],
  GroupNormalization: [{ inputs: [x(2, 6, 3), x(3), positive(3)], attrs: { num_groups: 3, epsilon: float(1e-3) } }],
  Identity: [{ inputs: [x(3)] }],
  InstanceNormalization: [{ inputs: [x(2, 3, 4), x(3), x(3)], attrs: { epsilon: float(1e-3) } }],
  IsInf: [
    { inputs: [Tensor.of('float32', [1, Infinity, -Infinity])], attrs: { detect_negative: 0 }, outputs: ['bool'] },
  ],
  IsNaN: [{ inputs: [Tensor.of('float32', [1, Number.NaN])], outputs: ['bool'] }],
  LeakyRelu: [{ inputs: [x(6)], attrs: { alpha: float(0.2) } }],
  LessOrEqual: [{ inputs: [x(4), x(1)], outputs: ['bool'] }],
  LpNormalization: [{ inputs: [x(2, 3)], attrs: { axis: 0, p: 1 } }],
  LpPool: [{ inputs: [x(1, 2, 6, 6)], attrs: { kernel_shape: [3, 2], strides: [2, 1], p: 2 } }],
  PRelu: [{ inputs: [x(2, 3), x(3)] }],
  Pad: [
    { inputs: [x(2, 3), i64(1, 0, 0, 2), Tensor.scalar('float32', 7)], from: 11 },
    { inputs: [x(3, 4), i64(1, 2, 0, 1)], attrs: { mode: 'reflect' }, from: 11 },
    { inputs: [x(3, 4), i64(1, 2, 0, 1)], attrs: { mode: 'edge' }, from: 11 },
  ],
  Pow: [{ inputs: [positive(4), Tensor.scalar('float32', 1.5)] }],
  ReduceL1: reductions,
  ReduceL2: reductions,
  ReduceLogSum: reductions,
  ReduceLogSumExp: reductions,
  ReduceMax: reductions,
  ReduceMean: reductions,
  ReduceMin: reductions,
  ReduceProd: reductions,
  ReduceSumSquare: reductions,
  Reshape: [{ inputs: [x(2, 3, 4), i64(0, -1)] }, { inputs: [x(0, 3), i64(3, 0)], attrs: { allowzero: 1 }, from: 14 }],
  Resize: [
    { inputs: [x(1, 1, 4, 5), null, Tensor.of('float32', [1, 1, 2, 1.6])], from: 13 },
    {
      inputs: [x(1, 1, 4, 5), Tensor.of('float32', []), Tensor.of('float32', []), i64(1, 1, 7, 3)],
      attrs: { mode: 'linear', coordinate_transformation_mode: 'pytorch_half_pixel' },
      from: 11,
    },
    {
      inputs: [x(1, 1, 4, 5), null, Tensor.of('float32', [1, 1, 2, 2])],
      attrs: { mode: 'cubic', cubic_coeff_a: float(-0.5), coordinate_transformation_mode: 'align_corners' },
      from: 13,
    },
    {
      inputs: [x(1, 1, 4, 5), null, Tensor.of('float32', [1, 1, 2, 2])],
      attrs: { nearest_mode: 'floor', coordinate_transformation_mode: 'asymmetric' },
      from: 13,
    },
  ],
  RoiAlign: [
    {
      inputs: [x(1, 2, 8, 8), Tensor.of('float32', [1, 1, 5, 6, 0, 2, 7, 4], [2, 4]), i64(0, 0)],
      attrs: { output_height: 2, output_width: 3, spatial_scale: float(1), sampling_ratio: 2 },
      until: 21,
    },
  ],
  ScatterElements: [{ inputs: [x(3, 3), Tensor.of('int64', [1, 0, 2], [1, 3]), x(1, 3)], attrs: { axis: 0 } }],
  ScatterND: [{ inputs: [x(4, 2), Tensor.of('int64', [3, 1], [2, 1]), x(2, 2)] }],
  Shape: [{ inputs: [x(2, 3)], outputs: ['int64'] }],
  Size: [{ inputs: [x(2, 3)], outputs: ['int64'] }],
  Split: [
    { inputs: [x(2, 6)], attrs: { axis: 1 }, outputs: ['float32', 'float32', 'float32'] },
    { inputs: [x(2, 6), i64(1, 5)], attrs: { axis: 1 }, outputs: ['float32', 'float32'], from: 13 },
  ],
  Squeeze: [{ inputs: [x(2, 1, 3), i64(1)], from: 13 }, { inputs: [x(1, 3, 1)] }],
  Transpose: [{ inputs: [x(2, 3, 4)], attrs: { perm: [2, 0, 1] } }],
  Unsqueeze: [{ inputs: [x(2, 3), i64(-1, 0)], from: 13 }],
  Where: [{ inputs: [bools(1, 0, 1), x(3), x(1)] }],
};
