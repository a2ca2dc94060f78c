// One row per gradient rule (more where attributes or shapes take another path): the operator over inputs from a domain
// on which it is smooth. In float64, except where the stock runtime has no float64 kernel.

import { type AttrInput, float } from '#ortune/onnx/builder.js';
import { onnxDataType } from '#ortune/onnx/dtype.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { channelsLastRows } from './channels-last-rows.js';
import { furtherRows } from './further-rows.js';
import { imageRows } from './image-rows.js';
import { recurrentRows } from './recurrent-rows.js';
import { bools, type Float, fillFor, index, ints, microsoft, type Row, row } from './row-values.js';
import { storedProducts } from './stored-rows.js';
import { writtenOutRows } from './written-out-rows.js';

export type { Row } from './row-values.js';

const fill = fillFor(1);

const { any, positive, apart, scalar } = fill('float64');
const f32 = fill('float32');

const binary = ['Add', 'Sub', 'Mul', 'Div'].flatMap((op) => [
  row(op, [any(2, 3), positive(2, 3)]),
  row(op, [any(2, 3), positive(3)], {}, { what: 'a row per row' }),
  row(op, [any(2, 3, 4), positive(1, 3, 4)], {}, { what: 'rows repeated as a whole' }),
  row(op, [any(3, 1), positive(2, 1, 4)], {}, { what: 'both sides broadcast' }),
  row(op, [any(2, 3), positive()], {}, { what: 'a scalar' }),
]);

const unary = [
  ...['Neg', 'Exp', 'Tanh', 'Sigmoid', 'Identity'].map((op) => row(op, [any(2, 3)])),
  ...['Sqrt', 'Reciprocal', 'Log'].map((op) => row(op, [positive(2, 3)])),
  ...['Abs', 'Relu'].map((op) => row(op, [apart(3, 3)])),
  row('Erf', [f32.any(2, 3)]),
  row('Cast', [any(2, 3)], { to: onnxDataType('float64') }),
  row('Cast', [f32.any(2, 3)], { to: onnxDataType('float64') }, { what: 'to another float type' }),
  row('Clip', [apart(4, 3), scalar(-0.6), scalar(0.8)]),
  row('Clip', [apart(4, 3), undefined, scalar(0.4)], {}, { what: 'upper bound only' }),
  row('Dropout', [any(2, 3), scalar(0.5), bools([], [0])], {}, { what: 'evaluation mode', unchecked: [1] }),
  row('Dropout', [any(2, 3)]),
];

const several = [
  row('Pow', [positive(2, 3), any(2, 3)]),
  row('Pow', [any(2, 3), scalar(2)], {}, { what: 'constant square', constants: [1] }),
  row('Pow', [any(2, 3), scalar(3)], {}, { what: 'constant cube', constants: [1] }),
  row('Pow', [any(2, 3), scalar(1)], {}, { what: 'constant 1', constants: [1] }),
  row('Pow', [positive(2, 3), scalar(0.5)], {}, { what: 'constant root', constants: [1] }),
  row('Pow', [positive(2, 3), Tensor.of('int64', [2, 0, 3])], {}, { what: 'integer exponents' }),
  row('Sum', [any(2, 3), any(3), any(2, 1)]),
  row('Mean', [f32.any(2, 3), f32.any(3), f32.any(2, 1)]),
  row('Max', [apart(3, 4), any(3, 4)]),
  row('Max', [any(3, 4), any(4), any(3, 1)], {}, { what: 'three inputs, broadcast' }),
  row('Max', [any(3)], {}, { what: 'one input' }),
  row('Min', [apart(3, 4), any(3, 4)]),
  row('Where', [bools([2, 3], [1, 0, 0, 1, 1, 0]), any(2, 3), any(3)]),
];

const reductions = [
  ...['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin'].flatMap((op) => [
    row(op, [apart(2, 3, 4), ints(1)], { keepdims: 1 }),
    row(op, [apart(2, 3, 4), ints(-1, 0)], { keepdims: 0 }, { what: 'two axes dropped' }),
    row(op, [apart(2, 3)], { keepdims: 0 }, { what: 'all axes' }),
  ]),
  row('ReduceSum', [any(2, 3)], { noop_with_empty_axes: 1 }, { what: 'no axes' }),
];

const normalisations = [
  ...['Softmax', 'LogSoftmax'].flatMap((op) => [
    row(op, [any(2, 3, 4)]),
    row(op, [any(2, 3, 4)], { axis: 1 }, { what: 'a middle axis' }),
  ]),
  row('LayerNormalization', [any(2, 3, 4), any(4), any(4)], { epsilon: float(1e-3) }),
  row('LayerNormalization', [any(2, 3, 4), any(3, 4), any(3, 4)], { axis: 1 }, { what: 'two axes' }),
  row('LayerNormalization', [any(2, 4), any(4)], {}, { what: 'no bias' }),
  row('LayerNormalization', [any(3, 4), any(1), any(4)], {}, { what: 'a scale that broadcasts' }),
];

const products = [
  row('MatMul', [any(3, 4), any(4, 2)]),
  row('MatMul', [any(2, 3, 4), any(4, 5)], {}, { what: 'rows by a matrix' }),
  row('MatMul', [any(2, 3, 4, 5), any(2, 3, 5, 2)], {}, { what: 'batched' }),
  row('MatMul', [any(3, 1, 4, 5), any(2, 5, 2)], {}, { what: 'batches that broadcast' }),
  row('MatMul', [any(4, 5), any(2, 5, 3)], {}, { what: 'a matrix by a batch' }),
  row('MatMul', [any(4), any(4)], {}, { what: 'vectors' }),
  row('MatMul', [any(4), any(2, 4, 3)], {}, { what: 'a vector by a batch' }),
  row('MatMul', [any(2, 3, 4), any(4)], {}, { what: 'a batch by a vector' }),
  ...[0, 1].flatMap((transA) =>
    [0, 1].map((transB) =>
      row('Gemm', [transA ? any(4, 3) : any(3, 4), transB ? any(2, 4) : any(4, 2), any(2)], {
        ...{ transA, transB },
        ...{ alpha: float(0.5), beta: float(2) },
      }),
    ),
  ),
  row('Gemm', [any(3, 4), any(4, 2), any(3, 1)], {}, { what: 'a bias per row' }),
  row('Gemm', [any(3, 4), any(4, 2)], {}, { what: 'no bias' }),
  ...[0, 1].flatMap((transA) =>
    [0, 1].flatMap((transB) => [
      microsoft('FusedMatMul', [transA ? any(2, 4, 3) : any(2, 3, 4), transB ? any(2, 5, 4) : any(2, 4, 5)], {
        ...{ transA, transB },
        alpha: float(0.5),
      }),
      microsoft(
        'FusedMatMul',
        [transA ? any(2, 4, 3) : any(2, 3, 4), transB ? any(5, 4) : any(4, 5)],
        { transA, transB },
        { what: 'by a matrix' },
      ),
    ]),
  ),
];

const layouts = [
  row('Reshape', [any(2, 3, 4), ints(4, -1)]),
  row('Flatten', [any(2, 3, 4)], { axis: 2 }),
  row('Squeeze', [any(2, 1, 3), ints(1)]),
  row('Unsqueeze', [any(2, 3), ints(0, -1)]),
  row('Transpose', [any(2, 3, 4)], { perm: [1, 2, 0] }),
  row('Transpose', [any(2, 3)], {}, { what: 'no perm' }),
  row('Concat', [any(2, 1), any(2, 3), any(2, 2)], { axis: -1 }),
  row('Split', [any(2, 6), ints(1, 3, 2)], { axis: 1 }, { outputs: 3 }),
  row('Expand', [any(3, 1), ints(2, 3, 4)]),
  row('Tile', [any(2, 3), ints(2, 3)]),
];

const choices = [
  row('Gather', [any(5, 3), index([2, 2], [0, 4, 4, -5])], {}, { what: 'an embedding', fed: [1] }),
  row('Gather', [any(2, 5, 3), index([2, 2], [0, 4, 4, -5])], { axis: 1 }, { what: 'a middle axis' }),
  row('Gather', [any(2, 3, 4), index([], [-1])], { axis: 1 }, { what: 'one position' }),
  row('Gather', [any(2, 3, 4), index([1], [0])], { axis: 2 }, { what: 'one position in a list' }),
  row('GatherElements', [any(3, 4), index([2, 4], [0, 1, 2, 0, 0, 1, -1, 2])], { axis: 0 }),
  row('GatherND', [any(3, 4, 2), index([2, 2, 2], [0, 1, 2, -1, 0, 1, -3, 0])]),
  row('GatherND', [any(2, 3, 4), index([2, 1, 1], [1, -1])], { batch_dims: 1 }, { what: 'with a batch axis' }),
  row('Slice', [any(4, 5), ints(1, -3), ints(3, 5), ints(0, 1)]),
  row('Slice', [any(4, 5), ints(-1), ints(-100), ints(1), ints(-2)], {}, { what: 'backwards in steps' }),
  row('Slice', [any(7, 5), ints(1, 1), ints(7, 4), ints(0, 1), ints(3, 1)], {}, { what: 'in steps' }),
];

const fused = [
  row('Gelu', [f32.any(2, 3)]),
  row('Gelu', [any(2, 3)], { approximate: 'tanh' }, { what: 'tanh' }),
  microsoft('Gelu', [f32.any(2, 3)]),
  microsoft('BiasGelu', [f32.any(2, 3, 4), f32.any(4)]),
  microsoft('FastGelu', [any(2, 3, 4), any(4)]),
  microsoft('FastGelu', [any(2, 3)], {}, { what: 'no bias' }),
  microsoft('SkipLayerNormalization', [any(2, 3, 4), any(2, 3, 4), any(4), any(4), any(4)], { epsilon: float(1e-3) }),
  microsoft(
    'SkipLayerNormalization',
    [any(2, 3, 4), any(2, 3, 4), any(4), any(4)],
    { epsilon: float(1e-3) },
    { what: 'no bias' },
  ),
];

const labels = Tensor.of('int64', [0, 2, -100, 1]);
const ortune = (op: string, inputs: Row['inputs'], attrs: Record<string, AttrInput> = {}, more: Partial<Row> = {}) =>
  row(op, inputs, attrs, { domain: 'ortune', ...more });

const own = [
  ortune('BiasGelu', [f32.any(2, 3, 4), f32.any(4)]),
  ortune('BiasGelu', [any(2, 3, 4), any(4)], { approximate: 'tanh' }, { what: 'tanh' }),
  ortune('Transpose', [any(3, 5)]),
  ortune('CrossEntropy', [any(4, 3), labels]),
  ortune(
    'CrossEntropy',
    [any(4, 3), labels, positive(4), positive(3)],
    { label_smoothing: float(0.2), ignore_index: 1 },
    { what: 'weights, smoothing, another ignored label', unchecked: [2, 3] },
  ),
  ortune(
    'CrossEntropy',
    [any(4, 3), labels, undefined, positive(3)],
    {},
    { what: 'class weights only', unchecked: [3] },
  ),
  ortune('Dropout', [any(5, 7), Tensor.of('uint32', [1, 2, 3, 4])], { ratio: float(0.5), id: 9 }),
  ortune('Attention', [any(2, 4, 6), any(2, 5, 6), any(2, 5, 6)], { heads: 3, scale: float(0.75) }),
  ortune(
    'Attention',
    [any(2, 4, 6), any(2, 5, 6), any(2, 5, 6), any(2, 1, 1, 5), Tensor.of('uint32', [1, 2, 3, 4])],
    { heads: 2, scale: float(0.5), ratio: float(0.25), id: 3 },
    { what: 'a mask and dropout', unchecked: [3] },
  ),
  ortune(
    'Attention',
    [any(2, 4, 12), any(2, 5, 4), any(2, 5, 4), any(1, 6, 4, 5)],
    { heads: 6, kv_heads: 2, scale: float(0.75) },
    { what: 'heads that share keys', unchecked: [3] },
  ),
  ortune(
    'Attention',
    [any(2, 4, 6), any(2, 5, 6), any(2, 5, 6), any(2, 1, 1, 5), undefined, any(1, 3, 4, 5)],
    { heads: 3, scale: float(0.75) },
    { what: 'a bias that is learned for all samples', unchecked: [3] },
  ),
  ortune(
    'Attention',
    [any(2, 4, 12), any(2, 5, 4), any(2, 5, 4), undefined, undefined, any(2, 6, 4, 5), any(6)],
    { heads: 6, kv_heads: 2, scale: float(0.75), softcap: float(1.5) },
    { what: 'a learned bias, sinks and a cap' },
  ),
  ortune('RmsNorm', [any(2, 3, 4), any(4)], { epsilon: float(1e-3) }),
  ortune('SwiGlu', [any(2, 3, 4), any(2, 3, 4)]),
  ortune('Rotary', [any(2, 3, 8), any(2, 3, 4), any(2, 3, 4)], {}, { unchecked: [1, 2] }),
  ortune(
    'Rotary',
    [any(2, 3, 12), any(1, 3, 6), any(1, 3, 6)],
    { transposed: 1 },
    { what: 'transposed, the same angles for all samples', unchecked: [1, 2] },
  ),
];

const norms = [
  ...['ReduceL1', 'ReduceL2', 'ReduceSumSquare', 'ReduceLogSumExp'].flatMap((op) => [
    row(op, [apart(2, 3, 4), ints(1)], { keepdims: 0 }),
    row(op, [apart(2, 3)], {}, { what: 'all axes' }),
  ]),
  row('ReduceLogSum', [positive(2, 3, 4), ints(0, 2)], { keepdims: 0 }),
];

/** Every row, in the order of the rule tables. */
export const rows: readonly Row[] = [
  ...[...binary, ...unary, ...several, ...reductions, ...normalisations],
  ...[...products, ...layouts, ...choices, ...fused, ...own, ...norms],
  ...imageRows,
  ...channelsLastRows,
  ...furtherRows,
  ...writtenOutRows,
  ...recurrentRows,
  ...storedProducts,
];

/** float64 where every float input is. */
export const floatOf = ({ inputs }: Row): Float => (inputs.some((x) => x?.dtype === 'float32') ? 'float32' : 'float64');
