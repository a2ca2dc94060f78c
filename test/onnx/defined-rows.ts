// One row per operator that is spelled out (more where attributes or inputs take another path): inputs, attributes, and
// the outputs that are compared with the runtime's own kernel of the node, or with PyTorch's where it has none.

import { float } from '#ortune/onnx/builder.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { fillFor, index } from '../autodiff/row-values.js';
import { attentionRows } from './defined-attention-rows.js';
import { goldenRows } from './defined-golden-rows.js';
import { angles, type DefinedRow, int32, microsoft, row } from './defined-row.js';

const { any, apart } = fillFor(31)('float32');

const activations: DefinedRow[] = [
  microsoft('QuickGelu', [any(2, 3)]),
  microsoft('QuickGelu', [any(2, 3)], { alpha: float(1) }, { what: 'a slope of its own' }),
  ...['Relu', 'Sigmoid', 'Tanh', 'LeakyRelu', 'Elu', 'Softplus', 'HardSigmoid'].map((activation) =>
    microsoft(
      'FusedGemm',
      [apart(3, 4), apart(4, 5), any(5)],
      { activation, activation_alpha: float(0.3), activation_beta: float(0.4) },
      { what: activation },
    ),
  ),
  microsoft(
    'FusedGemm',
    [any(4, 3), any(5, 4)],
    { activation: 'LeakyRelu', activation_alpha: float(0.3), transA: 1, transB: 1, alpha: float(0.5) },
    { what: 'transposed, without a bias' },
  ),
  microsoft('TransposeMatMul', [any(2, 4, 3), any(2, 5, 4)], { transA: 1, transB: 1, alpha: float(0.5) }),
];

const normalisations: DefinedRow[] = [
  row('SimplifiedLayerNormalization', [any(2, 3, 4), any(4)], { axis: -1, epsilon: float(1e-3) }),
  row(
    'SimplifiedLayerNormalization',
    [any(2, 3, 4), any(4)],
    {},
    { types: ['float32', 'float32'], what: 'with its statistic' },
  ),
  microsoft('SkipSimplifiedLayerNormalization', [any(2, 3, 4), any(2, 3, 4), any(4)], { epsilon: float(1e-3) }),
  microsoft(
    'SkipSimplifiedLayerNormalization',
    [any(2, 3, 4), any(2, 3, 4), any(4), any(4)],
    {},
    { types: ['float32', '', '', 'float32'], what: 'with a bias and the sum' },
  ),
  microsoft(
    'EmbedLayerNormalization',
    [
      index([2, 3], [1, 2, 0, 4, 4, 3]),
      index([2, 3], [0, 0, 1, 0, 1, 1]),
      any(5, 4),
      any(6, 4),
      any(2, 4),
      any(4),
      any(4),
      int32([2, 3], [1, 1, 0, 1, 1, 1]),
    ].map((t, i) => (i < 2 ? Tensor.of('int32', t.numbers(), t.shape) : t)),
    { epsilon: float(1e-3) },
    { types: ['float32', 'int32', 'float32'] },
  ),
  microsoft(
    'EmbedLayerNormalization',
    [int32([2, 3], [1, 2, 0, 4, 4, 3]), undefined, any(5, 4), any(6, 4), undefined, any(4), any(4)],
    { epsilon: float(1e-3) },
    { types: ['float32', 'int32'], what: 'of words and places alone' },
  ),
];

const standard: DefinedRow[] = [
  row('RMSNormalization', [any(2, 3, 4), any(3, 4)], { axis: 1, epsilon: float(1e-3) }, { opset: 23 }),
  row('Swish', [any(2, 3)], { alpha: float(0.7) }, { opset: 24 }),
];

const tables = { constants: [2, 3] };
const rotary: DefinedRow[] = [
  microsoft('RotaryEmbedding', [any(2, 3, 8), index([2, 3], [0, 1, 2, 3, 4, 0]), ...angles(6, 2)], {}, tables),
  microsoft(
    'RotaryEmbedding',
    [any(2, 2, 3, 4), index([1], [2]), ...angles(6, 2)],
    { interleaved: 1 },
    { ...tables, what: 'interleaved, from a first place on' },
  ),
  microsoft(
    'RotaryEmbedding',
    [any(2, 3, 12), index([1], [1]), ...angles(6, 2)],
    { num_heads: 2, rotary_embedding_dim: 4 },
    { ...tables, what: 'of a part of the channels' },
  ),
  row(
    'RotaryEmbedding',
    [any(2, 2, 3, 4), ...angles(6, 2), index([2, 3], [0, 1, 2, 3, 4, 0])],
    {},
    { constants: [1, 2], opset: 23 },
  ),
  row(
    'RotaryEmbedding',
    [any(2, 3, 12), ...angles(2, 3, 2)],
    { num_heads: 2, rotary_embedding_dim: 4, interleaved: 1 },
    { constants: [1, 2], opset: 23, what: 'of tokens, interleaved' },
  ),
  row(
    'RotaryEmbedding',
    [any(2, 2, 3, 4), ...angles(1, 3, 2)],
    {},
    {
      constants: [1, 2],
      opset: 23,
      noKernel: 'the runtime refuses tables of one batch',
      what: 'of tokens, for all samples',
    },
  ),
];

const convolutions: DefinedRow[] = [
  microsoft('FusedConv', [any(1, 2, 5, 4), any(3, 2, 3, 3), any(3)], { activation: 'Sigmoid', pads: [1, 1, 1, 1] }),
  microsoft(
    'FusedConv',
    [any(1, 2, 5, 4), any(3, 2, 1, 1), any(3), any(1, 3, 5, 4)],
    { activation: 'Tanh' },
    { what: 'with a residual' },
  ),
  ...(
    [
      ['LeakyRelu', [0.3]],
      ['HardSigmoid', [0.3, 0.4]],
      ['Clip', [-9, 9]],
    ] as const
  ).map(([activation, params]) =>
    microsoft(
      'FusedConv',
      [any(1, 2, 5), any(3, 2, 3)],
      { activation, activation_params: float(params) },
      { what: activation },
    ),
  ),
];

const places = Tensor.of('float32', [-0.9, 0.3, 0.55, -0.4, 1.3, 0.1, -0.2, 0.85], [1, 2, 2, 2]);
const renamed: DefinedRow[] = [
  ...['bilinear', 'bicubic'].map((mode) =>
    microsoft('GridSample', [any(1, 2, 3, 4), places], { mode, padding_mode: 'border' }, { what: mode }),
  ),
  microsoft('GridSample', [any(1, 2, 3, 4), places], { mode: 'nearest', align_corners: 1 }, { unchecked: [1] }),
  microsoft('Trilu', [any(2, 3, 4), Tensor.scalar('int64', 1)], { upper: 0 }),
  microsoft('Pad', [any(2, 3), index([4], [1, 0, -1, 2]), any(1)], {}, { what: 'with a value' }),
  microsoft('Pad', [any(2, 3), index([4], [1, 0, 0, 2])], { mode: 'reflect' }, { what: 'reflected' }),
  microsoft('GatherND', [any(3, 2, 2), index([2, 2], [2, 0, 1, 1])]),
  microsoft('ExpandDims', [any(2, 3), int32([1], [-2])]),
  microsoft('CDist', [any(3, 4), any(2, 4)]),
  microsoft('CDist', [any(3, 4), any(2, 4)], { metric: 'euclidean' }, { what: 'with roots' }),
];

export const definedRows: readonly DefinedRow[] = [
  ...attentionRows,
  ...goldenRows,
  ...[activations, normalisations, standard, rotary, convolutions, renamed].flat(),
];
