// One row per operator (more where an option changes the shape): inputs with values, attributes, number of outputs.
// Type rules and the evaluation of constants are both held against the stock runtime on these rows.

import { float, toAttr } from '#ortune/onnx/builder.js';
import { Graph, type Node } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { caseOf } from '../support/recurrent.js';
import {
  bools,
  each,
  fill,
  INT64_MAX,
  int,
  ints,
  microsoft,
  natural,
  type OperatorCase,
  positive,
  row,
  scalar,
  x,
} from './case-values.js';
import { furtherCases } from './further-cases.js';
import { imageCases } from './image-cases.js';

export { type OperatorCase, x } from './case-values.js';

/** The case as one node of a graph; its inputs are constants, so that integers that decide shapes are known. */
export function nodeOf({ op, domain = '', inputs, attrs = {}, outputs = 1 }: OperatorCase): {
  graph: Graph;
  node: Node;
} {
  const graph = new Graph();
  for (const [i, tensor] of inputs.entries()) {
    if (!tensor) continue;
    graph.initializers.set(`x${i}`, tensor);
    graph.types.set(`x${i}`, tensor);
  }
  const node = {
    name: 'it',
    op,
    domain,
    inputs: inputs.map((t, i) => (t ? `x${i}` : '')),
    outputs: Array.from({ length: outputs }, (_, i) => `y${i}`),
    attrs: new Map(Object.entries(attrs).map(([name, value]) => [name, toAttr(value)])),
  };
  graph.nodes = [node];
  return { graph, node };
}

const elementwise = [
  ...each('Abs Ceil Floor Neg Relu Round Sign', (op) => [row(op, [x(2, 3)]), row(op, [x()])]),
  ...each('Abs Neg Sign Identity', (op) => [row(op, [int(4)])]),
  ...each('Acos Acosh Asin Asinh Atan Atanh Celu Cos Cosh Elu Erf Exp Gelu HardSigmoid HardSwish Identity', (op) => [
    row(op, [x(2, 3)]),
  ]),
  ...each('LeakyRelu Log Mish Reciprocal Selu Shrink Sigmoid Sin Sinh Softplus Softsign Sqrt Tan Tanh', (op) => [
    row(op, [positive(2, 3)]),
  ]),
  ...each('Hardmax LogSoftmax Softmax LpNormalization', (op) => [
    row(op, [x(2, 3)]),
    row(op, [x(2, 3, 2)], { axis: 1 }),
  ]),
  row('ThresholdedRelu', [x(2, 3)]),
  row('LRN', [x(1, 4, 2, 3)], { size: 3 }),
  row('MeanVarianceNormalization', [x(1, 2, 2, 2)]),
  row('PRelu', [x(2, 3), x(3)]),
  row('CumSum', [int(2, 3), scalar(1)]),
  row('Clip', [x(2, 3), Tensor.scalar('float32', -0.5), Tensor.scalar('float32', 0.5)]),
  row('Clip', [int(6), undefined, scalar(3)]),
  row('Trilu', [x(2, 3, 4)]),
  row('Trilu', [int(3, 3), scalar(-1)], { upper: 0 }),
  row('BitwiseNot', [int(3)]),
  row('Not', [bools(4)]),
  ...each('IsInf IsNaN', (op) => [row(op, [Tensor.of('float32', [0, Number.NaN, Infinity])])]),
  ...each('Add Sub Mul Div', (op) => [
    row(op, [x(2, 1, 3), x(4, 1)]),
    row(op, [int(2, 3), natural(3)]),
    row(op, [Tensor.of('int32', [7, -7, 5]), Tensor.scalar('int32', 2)]),
  ]),
  ...each('Max Mean Min Sum', (op) => [row(op, [x(2, 1), x(3), x(1, 1, 1)])]),
  ...each('Max Min', (op) => [row(op, [int(2, 3), int(3)])]),
  row('Pow', [Tensor.of('float32', [0, 0.25, 9, 196, 16777216]), Tensor.scalar('float32', 0.5)]),
  row('Mod', [int(5), Tensor.of('int64', [3, -3, 3, -3, 5])]),
  row('Mod', [int(5), Tensor.of('int64', [3, -3, 3, -3, 5])], { fmod: 1 }),
  row('Mod', [x(3), positive(3)], { fmod: 1 }),
  ...each('And Or Xor', (op) => [row(op, [bools(2, 3), bools(3)])]),
  ...each('BitwiseAnd BitwiseOr BitwiseXor', (op) => [row(op, [int(2, 3), int(3)])]),
  row('BitShift', [fill('uint32', [3], (i) => i + 1), fill('uint32', [1], () => 2)], { direction: 'LEFT' }),
  ...each('Equal Greater GreaterOrEqual Less LessOrEqual', (op) => [
    row(op, [x(2, 3), x(3)]),
    row(op, [int(2, 1), int(1, 3)]),
  ]),
  row('Pow', [x(2, 3), Tensor.scalar('float32', 2)]),
  row('Pow', [x(2, 3), scalar(2)]),
  row('Pow', [positive(2, 3), x(3)]),
  row('Where', [bools(2, 1), x(3), x(1)]),
  row('Where', [bools(3), int(3), int(2, 3)]),
  row('Cast', [x(2, 3)], { to: 7 }),
  row('Cast', [x(2, 3)], { to: 9 }),
  row('Cast', [int(2, 3)], { to: 1 }),
  row('Cast', [int(2, 3)], { to: 6 }),
  row('Cast', [bools(3)], { to: 7 }),
  row('CastLike', [int(3), x(1)]),
  row('Dropout', [x(2, 3)], {}, 2),
];

const layout = [
  row('Reshape', [x(2, 6), ints(0, -1, 2)]),
  row('Reshape', [x(2, 0), ints(0, 3)], { allowzero: 1 }),
  row('Flatten', [x(2, 3, 4)]),
  row('Flatten', [x(2, 3, 4)], { axis: -1 }),
  row('Flatten', [x(2, 3)], { axis: 0 }),
  row('Transpose', [x(2, 3, 4)]),
  row('Transpose', [int(2, 3, 4)], { perm: [1, 0, 2] }),
  row('Squeeze', [x(1, 2, 1)]),
  row('Squeeze', [x(1, 2, 1), ints(-1)]),
  row('Unsqueeze', [x(2, 3), ints(0, -1)]),
  row('Gather', [x(3, 4), Tensor.of('int64', [0, -1, 2, 1], [2, 2])]),
  row('Gather', [int(3, 4), scalar(-2)], { axis: 1 }),
  row('GatherElements', [x(3, 2), Tensor.of('int64', [0, -1, 2, 1], [2, 2])]),
  row('GatherElements', [x(2, 3), Tensor.of('int64', [0, -1, 2, 1], [2, 2])], { axis: 1 }),
  row('GatherND', [x(2, 3, 4), Tensor.of('int64', [0, 1, 1, 2], [2, 2])]),
  row('GatherND', [x(2, 3, 4), Tensor.of('int64', [1, 2], [2, 1])], { batch_dims: 1 }),
  row('ScatterElements', [x(3, 2), Tensor.of('int64', [1, 2], [1, 2]), x(1, 2)]),
  row('ScatterND', [x(4, 2), Tensor.of('int64', [1, 2], [2, 1]), x(2, 2)]),
  row('Slice', [x(5, 4), ints(1), ints(4)]),
  row('Slice', [x(5, 4), ints(-2, 0), Tensor.of('int64', [INT64_MAX, -1n]), ints(0, 1), ints(1, 2)]),
  row('Slice', [int(5, 4), ints(-1), Tensor.of('int64', [-INT64_MAX]), ints(0), ints(-2)]),
  row('Split', [x(7, 2)], { num_outputs: 3 }, 3),
  row('Split', [int(2, 5), ints(2, 3)], { axis: 1 }, 2),
  row('Concat', [x(2, 3), x(2, 1)], { axis: -1 }),
  row('Concat', [ints(1), ints(2, 3)], { axis: 0 }),
  row('Expand', [x(3, 1), ints(2, 1, 4)]),
  row('Tile', [int(2, 3), ints(2, 2)]),
  row('Pad', [x(2, 3), ints(0, 1, 2, 0)]),
  row('Pad', [x(2, 3), ints(1, 2), undefined, ints(-1)]),
];

const reductions = [
  ...each('L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare', (name) => [
    row(`Reduce${name}`, [positive(2, 3, 4), ints(-1, 0)]),
    row(`Reduce${name}`, [positive(2, 3, 4), ints(1)], { keepdims: 0 }),
    row(`Reduce${name}`, [positive(2, 3)]),
    row(`Reduce${name}`, [positive(2, 3)], { noop_with_empty_axes: 1 }),
  ]),
  ...each('Max Min Prod Sum', (name) => [
    row(`Reduce${name}`, [int(2, 3, 4), ints(1)]),
    row(`Reduce${name}`, [int(2, 3)], { keepdims: 0 }),
  ]),
  row('ReduceSum', [int(2, 3)], { noop_with_empty_axes: 1 }),
  row('ArgMax', [x(2, 3)], { axis: 1, keepdims: 0 }),
  row('ArgMin', [x(2, 3)]),
  row('TopK', [x(2, 5), ints(3)], {}, 2),
  row('MatMul', [x(2, 1, 3, 4), x(5, 4, 2)]),
  row('MatMul', [x(4), x(2, 4, 3)]),
  row('MatMul', [x(3, 4), x(4)]),
  row('MatMul', [x(4), x(4)]),
  row('Gemm', [x(4, 2), x(3, 4), x(3)], { transA: 1, transB: 1 }),
  row('Gemm', [x(2, 4), x(4, 3)]),
  row('LayerNormalization', [x(2, 3, 4), x(4), x(4)], {}, 3),
  row('LayerNormalization', [x(2, 3, 4), x(3, 4)], { axis: 1 }, 3),
];

const made = [
  row('Shape', [x(2, 3, 4)]),
  row('Shape', [x(2, 3, 4)], { start: -2, end: 3 }),
  row('Shape', [x(2, 3, 4)], { start: 1, end: -1 }),
  row('Size', [x(2, 3)]),
  row('ConstantOfShape', [ints(2, 3)]),
  row('ConstantOfShape', [ints(2)], { value: ints(7) }),
  row('Range', [scalar(2), scalar(11), scalar(3)]),
  row('Range', [scalar(3), scalar(-4), scalar(-2)]),
  row('Range', [Tensor.scalar('float32', 0), Tensor.scalar('float32', 4), Tensor.scalar('float32', 1)]),
  row('NonZero', [Tensor.of('int64', [1, 0, 2, 3], [2, 2])]),
  row('OneHot', [ints(0, 2), scalar(3), Tensor.of('float32', [0, 1])], { axis: 0 }),
  row('OneHot', [Tensor.of('int64', [0, -1, 5, 2], [2, 2]), ints(3), ints(7, 8)], { axis: 1 }),
  row('OneHot', [ints(1), ints(4), ints(1, 2)]),
  row('EyeLike', [x(3, 3)]),
  ...each('RandomNormalLike RandomUniformLike Bernoulli', (op) => [row(op, [positive(2, 3)])]),
  ...each('RandomNormal RandomUniform', (op) => [row(op, [], { shape: [2, 3] })]),
];

const fused = [
  row('FusedMatMul', [x(2, 3, 4), x(2, 5, 4)], { transB: 1, alpha: float(0.5) }),
  row('FusedMatMul', [x(3, 2, 4), x(2, 3, 5)], { transA: 1, transBatchA: 1 }),
  row('FusedMatMul', [x(2, 4), x(2, 3)], { transA: 1 }),
  row('Gelu', [x(2, 3)]),
  row('BiasGelu', [x(2, 3), x(3)]),
  row('FastGelu', [x(2, 3), x(3)]),
  row('SkipLayerNormalization', [x(1, 2, 4), x(1, 2, 4), x(4), x(4), x(4)], {}, 4),
  row('MatMulNBits', [x(2, 3, 32), Tensor.of('uint8', Array(32).fill(19), [2, 2, 8]), x(4)], {
    N: 2,
    K: 32,
    bits: 4,
    block_size: 16,
  }),
  row('MatMulBnb4', [x(2, 3, 24), Tensor.of('uint8', Array(24).fill(19), [24]), x(3)], {
    N: 2,
    K: 24,
    block_size: 16,
    quant_type: 1,
  }),
  row('GatherBlockQuantized', [Tensor.of('uint8', Array(40).fill(19), [5, 8]), Tensor.of('int64', [1, 4]), x(5, 1)], {
    bits: 4,
    block_size: 16,
    quantize_axis: 1,
  }),
  row('GatherBlockQuantized', [Tensor.of('uint8', Array(80).fill(9), [5, 16]), Tensor.of('int64', [3], []), x(5, 1)], {
    bits: 8,
    block_size: 16,
    quantize_axis: 1,
  }),
].map(microsoft);

const stored = (shape: number[]) => Tensor.of('int8', Array(shape.reduce((n, d) => n * d, 1)).fill(-3), shape);

const rounded = [
  row('DequantizeLinear', [stored([2, 3]), x()]),
  row('DequantizeLinear', [stored([2, 3, 4]), x(3), stored([3])], { axis: 1 }),
  row('DequantizeLinear', [stored([5, 3]), x(3, 3)], { axis: 0, block_size: 2 }),
  row('DynamicQuantizeLinear', [x(2, 3)], {}, 3),
];

const recurrentCases = (['LSTM', 'GRU', 'RNN'] as const).flatMap((op): OperatorCase[] => [
  caseOf({ op, what: 'plain' }),
  caseOf({ op, what: 'both directions', attrs: { direction: 'bidirectional' }, lengths: [2, 4, 3], states: true }),
]);

export const operatorCases: readonly OperatorCase[] = [
  ...[...elementwise, ...layout, ...reductions, ...made, ...fused, ...rounded],
  ...imageCases,
  ...furtherCases,
  ...recurrentCases,
];

export const describeCase = ({ op, domain, inputs, attrs }: OperatorCase): string =>
  `${domain ? `${domain}.` : ''}${op}(${inputs.map((t) => (t ? `${t.dtype}[${t.shape}]` : '-')).join(', ')}) ${JSON.stringify(attrs, (k, v) => (v instanceof Tensor ? k : v))}`;
