import { describe, expect, it } from 'vitest';
import { Graph, type StaticType } from '#ortune/onnx/graph.js';
import { inferTypes, typedOperators } from '#ortune/onnx/shapes.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { furtherRefusals } from './further-cases.js';
import { outputsOf } from './graphs.js';
import { describeCase, nodeOf, type OperatorCase, operatorCases, x } from './operator-cases.js';

const infer = (c: OperatorCase): StaticType[] => {
  const { graph, node } = nodeOf(c);
  return inferTypes(graph, node);
};

describe('output types', () => {
  it.each(operatorCases.map((c) => [describeCase(c), c] as const))('are what the runtime gives: %s', async (_, c) => {
    const types = infer(c);
    const { node } = nodeOf(c);
    const graph = new Graph();
    graph.nodes = [node];
    graph.inputs = c.inputs.flatMap((t, i) => (t ? [{ name: `x${i}`, dtype: t.dtype, shape: [...t.shape] }] : []));
    graph.outputs = node.outputs.map((name, i) => ({ name, dtype: types[i]!.dtype, shape: undefined }));
    const feeds = Object.fromEntries(c.inputs.flatMap((t, i) => (t ? [[`x${i}`, t]] : [])));
    const found = await outputsOf(graph, feeds);
    for (const [i, name] of node.outputs.entries()) {
      const { dtype, shape } = found.get(name)!;
      expect(types[i]).toEqual({ dtype, shape: [...shape] });
    }
  });

  it('are checked for every operator of the standard and the com.microsoft domain', () => {
    for (const domain of ['', 'com.microsoft']) {
      const tested = new Set(operatorCases.filter((c) => (c.domain ?? '') === domain).map((c) => c.op));
      expect(typedOperators(domain).filter((op) => !tested.has(op))).toEqual([]);
    }
  });
});

const ortune = (op: string, inputs: Tensor[], attrs: OperatorCase['attrs'] = {}, outputs = 1): number[][] =>
  infer({ op, domain: 'ortune', inputs, attrs, outputs }).map((t) => [...t.shape]);
const labels = Tensor.of('int64', [0, 1]);

describe('output types of the domain ortune', () => {
  it('follow the gradients they belong to', () => {
    expect(ortune('GeluGrad', [x(2, 3), x(2, 3)])).toEqual([[2, 3]]);
    expect(ortune('SoftmaxGrad', [x(2, 3), x(2, 3)])).toEqual([[2, 3]]);
    expect(ortune('LogSoftmaxGrad', [x(2, 3), x(2, 3)])).toEqual([[2, 3]]);
    expect(ortune('LayerNormalizationGrad', [x(2, 3), x(2, 3), x(3)], { axis: -1 }, 3)).toEqual([[2, 3], [3], [3]]);
    expect(ortune('BiasGrad', [x(2, 3, 4)])).toEqual([[4]]);
    expect(ortune('EmbeddingGrad', [x(2, 3, 4), Tensor.of('int64', [0, 1, 2, 3, 4, 5], [2, 3])], { rows: 9 })).toEqual([
      [9, 4],
    ]);
    expect(ortune('Dropout', [x(2, 3), Tensor.of('uint32', [1, 2, 3, 4])], { id: 1 })).toEqual([[2, 3]]);
    expect(ortune('FakeQuantize', [x(2, 3), x(3)])).toEqual([[2, 3]]);
    expect(() => ortune('FakeQuantize', [x(2, 3), x(2)])).toThrow(/scales \[2\] do not fit \[2,3\] along axis 1/);
    expect(ortune('CrossEntropy', [x(2, 3), labels], {}, 2)).toEqual([[], [2]]);
    expect(ortune('CrossEntropyGrad', [x(), x(2, 3), x(2), labels])).toEqual([[2, 3]]);
  });

  it('are y and statistics per channel for BatchNorm, in either layout', () => {
    const [image, last, c] = [x(2, 3, 4, 4), x(2, 4, 4, 3), [x(3), x(3), x(3), x(3)]];
    const statistics = [[3], [3], [3], [3]];
    expect(ortune('BatchNorm', [image, ...c], {}, 5)).toEqual([[2, 3, 4, 4], ...statistics]);
    expect(ortune('BatchNorm', [last, ...c], { channels_last: 1 }, 5)).toEqual([[2, 4, 4, 3], ...statistics]);
    expect(ortune('BatchNormGrad', [image, image, ...c], {}, 3)).toEqual([[2, 3, 4, 4], [3], [3]]);
    expect(() => ortune('BatchNorm', [last, ...c], {}, 5)).toThrow(/input 1 \[3\] must have 4 channels/);
    expect(() => ortune('BatchNorm', [x(3), ...c], {}, 5)).toThrow(/the input \[3\] has no channels/);
    expect(() => ortune('BatchNorm', [x(1, 3), ...c], {}, 5)).toThrow(/more than one value per channel/);
    expect(() => ortune('BatchNormGrad', [last, image, ...c], {}, 3)).toThrow(/must have one shape/);
  });

  it('are q, and two statistics per head and query, for attention', () => {
    const [q, k] = [x(2, 4, 6), x(2, 5, 6)];
    const shapes = [
      [2, 4, 6],
      [2, 3, 4, 2],
    ];
    expect(ortune('Attention', [q, k, k], { heads: 3 }, 2)).toEqual(shapes);
    expect(ortune('Attention', [q, k, k, x(2, 1, 4, 5)], { heads: 3 }, 2)).toEqual(shapes);
    const learned = x(1, 3, 4, 5);
    expect(ortune('Attention', [q, k, k, x(1, 1, 1, 5), labels, learned, x(3)], { heads: 3 }, 2)).toEqual(shapes);
    const others = [x(1, 1, 1, 5), labels, q, x(2, 3, 4, 2), learned];
    expect(ortune('AttentionGrad', [q, q, k, k, ...others], { heads: 3 }, 4)[3]).toEqual([1, 3, 4, 5]);
    expect(ortune('AttentionGrad', [q, q, k, k], { heads: 3 }, 3)).toEqual([
      [2, 4, 6],
      [2, 5, 6],
      [2, 5, 6],
    ]);
  });

  it.each<[string, Tensor[], number, RegExp]>([
    ['rows of another rank', [x(4, 6), x(4, 6), x(4, 6)], 3, /q \[4,6\].* must be \[B, T, C\]/],
    ['v unlike k', [x(2, 4, 6), x(2, 5, 6), x(2, 4, 6)], 3, /k \[2,5,6\] and v \[2,4,6\] must be/],
    ['another batch of keys', [x(2, 4, 6), x(1, 4, 6), x(1, 4, 6)], 3, /must be/],
    ['heads that do not divide', [x(2, 4, 6), x(2, 4, 6), x(2, 4, 6)], 4, /6 channels do not split into 4 heads/],
    ['no heads', [x(2, 4, 6), x(2, 4, 6), x(2, 4, 6)], 0, /into 0 heads/],
    ['a bias of rank 3', [x(2, 4, 6), x(2, 4, 6), x(2, 4, 6), x(3, 4, 4)], 3, /the bias \[3,4,4\] does not/],
    [
      'a learned bias that broadcasts',
      [x(2, 4, 6), x(2, 4, 6), x(2, 4, 6), x(1, 1, 1, 4), labels, x(1, 1, 4, 4)],
      3,
      /the learned bias \[1,1,4,4\] is not of the scores/,
    ],
    [
      'sinks of other heads',
      [x(2, 4, 6), x(2, 4, 6), x(2, 4, 6), x(1, 1, 1, 4), labels, x(1, 3, 4, 4), x(2)],
      3,
      /the sinks \[2\] are not of 3 heads/,
    ],
    ['a bias that enlarges', [x(2, 4, 6), x(2, 4, 6), x(2, 4, 6), x(2, 3, 4, 5)], 3, /the bias \[2,3,4,5\]/],
  ])('refuse attention over %s', (_, inputs, heads, message) => {
    expect(() => ortune('Attention', inputs, { heads }, 2)).toThrow(message);
  });

  it('refuse a loss whose labels do not fit and an embedding gradient without its rows', () => {
    expect(() => ortune('CrossEntropy', [x(3, 4), labels], {}, 2)).toThrow(/logits \[3,4\] and labels \[2\]/);
    expect(() => ortune('EmbeddingGrad', [x(2, 4), labels])).toThrow(/'rows' is missing/);
  });
});

const i64 = (...values: number[]) => Tensor.of('int64', values);
const image = x(1, 4, 6, 6);
const window = { kernel_shape: [2, 2] };
const refusals: [string, OperatorCase, RegExp][] = [
  [
    'a convolution of other channels',
    { op: 'Conv', inputs: [image, x(2, 3, 3, 3)] },
    /weights \[2,3,3,3\] in 1 groups/,
  ],
  ['a convolution of other axes', { op: 'Conv', inputs: [image, x(2, 4, 3)] }, /window of 1 axes does not slide over/],
  ['strides of other axes', { op: 'MaxPool', inputs: [image], attrs: { ...window, strides: [2] } }, /'strides' has 1/],
  ['a window larger than its input', { op: 'Conv', inputs: [image, x(2, 4, 7, 1)] }, /7 is larger than .* axis of 6/],
  ['a pool without its window', { op: 'AveragePool', inputs: [image] }, /'kernel_shape' is missing/],
  ['a transposed convolution of other channels', { op: 'ConvTranspose', inputs: [image, x(3, 4, 2, 2)] }, /do not fit/],
  [
    'a transposed convolution to more than it gives',
    { op: 'ConvTranspose', inputs: [image, x(4, 3, 2, 2)], attrs: { output_shape: [9, 7] } },
    /an axis of 6 becomes at most 7, which is less than the wanted 9/,
  ],
  ['statistics of other channels', { op: 'InstanceNormalization', inputs: [image, x(4), x(3)] }, /input 2 \[3\] must/],
  ['channels of a scalar', { op: 'GroupNormalization', inputs: [x(), x(1), x(1)] }, /has no channels/],
  ['a block of nothing', { op: 'DepthToSpace', inputs: [image] }, /block of 0 does not fit/],
  ['channels that make no block', { op: 'DepthToSpace', inputs: [image], attrs: { blocksize: 3 } }, /4 channels/],
  ['an image that makes no block', { op: 'SpaceToDepth', inputs: [image], attrs: { blocksize: 4 } }, /image of 6x6/],
  ['a resize to nothing', { op: 'Resize', inputs: [image] }, /neither scales nor sizes/],
  ['scales of other axes', { op: 'Resize', inputs: [image, undefined, x(2)] }, /input 2 has 2 entries for 4 axes/],
  ['an equation for other operands', { op: 'Einsum', inputs: [x(2)], attrs: { equation: 'i,j' } }, /does not fit 1 op/],
  ['a term that is none', { op: 'Einsum', inputs: [x(2)], attrs: { equation: '1' } }, /'1' is no term/],
  ['a term of other axes', { op: 'Einsum', inputs: [x(2)], attrs: { equation: 'ij' } }, /does not name the 1 axes/],
  ['an output of nowhere', { op: 'Einsum', inputs: [x(2)], attrs: { equation: 'i->j' } }, /names 'j', no operand/],
  ['a label of two sizes', { op: 'Einsum', inputs: [x(2), x(3)], attrs: { equation: 'i,i' } }, /'i' is both 2 and 3/],
  ['an unknown operator', { op: 'Mystery', inputs: [x(2)] }, /operator Mystery of domain 'ai.onnx' \(node 'it'\)/],
  ['an unknown domain', { op: 'Add', domain: 'acme', inputs: [x(2)] }, /operator Add of domain 'acme'/],
  ['shapes that do not broadcast', { op: 'Add', inputs: [x(2), x(3)] }, /'it' \(Add\): shapes \[2\] and \[3\]/],
  ['mixed element types', { op: 'Add', inputs: [x(2), i64(1, 2)] }, /float32 and int64/],
  ['an axis outside', { op: 'Gather', inputs: [x(2), i64(0)], attrs: { axis: 3 } }, /axis 3 is outside/],
  ['a missing input', { op: 'MatMul', inputs: [x(2)] }, /input 1 is missing/],
  ['a missing shape', { op: 'Reshape', inputs: [x(2)] }, /input 1 is missing/],
  [
    'inner dimensions that differ',
    { op: 'MatMul', inputs: [x(2, 3), x(4, 2)] },
    /inner dimensions of \[2,3\] and \[4,2\]/,
  ],
  ['a product of scalars', { op: 'MatMul', inputs: [x(), x(2)] }, /no scalars/],
  ['a Gemm of other ranks', { op: 'Gemm', inputs: [x(2), x(2, 2)] }, /needs matrices/],
  ['a Gemm that does not fit', { op: 'Gemm', inputs: [x(2, 3), x(2, 3)] }, /inner dimensions/],
  ['a Gemm bias that does not fit', { op: 'Gemm', inputs: [x(2, 3), x(3, 1), x(2, 2)] }, /the bias \[2,2\]/],
  [
    'rows of a tensor that are transposed',
    { op: 'GemmBf16', domain: 'ortune', inputs: [x(2, 3, 4), x(3, 2)], attrs: { transA: 1 } },
    /needs rows and a matrix, found \[2,3,4\] and \[3,2\]/,
  ],
  ['a reshape to another size', { op: 'Reshape', inputs: [x(2, 3), i64(4, -1)] }, /cannot reshape \[2,3\] to \[4,-1\]/],
  ['a reshape that copies too far', { op: 'Reshape', inputs: [x(2), i64(2, 0)] }, /copies dimension 1/],
  ['a permutation of another rank', { op: 'Transpose', inputs: [x(2, 3)], attrs: { perm: [0] } }, /perm \[0\]/],
  ['a permutation outside', { op: 'Transpose', inputs: [x(2, 3)], attrs: { perm: [0, 2] } }, /perm \[0,2\]/],
  ['squeezing an axis that is not 1', { op: 'Squeeze', inputs: [x(2, 3), i64(0)] }, /axis 0 of \[2,3\] is not 1/],
  ['scalar indices of GatherND', { op: 'GatherND', inputs: [x(2), Tensor.scalar('int64', 0)] }, /scalar/],
  ['a step of 0', { op: 'Slice', inputs: [x(2), i64(0), i64(1), i64(0), i64(0)] }, /step is 0/],
  ['parts that do not add up', { op: 'Split', inputs: [x(5), i64(2, 2)], outputs: 2 }, /parts \[2,2\]/],
  ['joining shapes that differ', { op: 'Concat', inputs: [x(2, 3), x(3, 2)], attrs: { axis: 0 } }, /cannot join/],
  ['too few repeats', { op: 'Tile', inputs: [x(2, 3), i64(2)] }, /repeats/],
  [
    'a scale that does not broadcast',
    { op: 'LayerNormalization', inputs: [x(2, 3), x(4)] },
    /do not broadcast|does not broadcast/,
  ],
  ['a scale that enlarges', { op: 'LayerNormalization', inputs: [x(2, 1), x(3)] }, /input 1 \[3\] does not broadcast/],
  ['a cast to text', { op: 'Cast', inputs: [x(2)], attrs: { to: 8 } }, /element type 8/],
  ['a random tensor without a shape', { op: 'RandomNormal', inputs: [] }, /'shape' is missing/],
  ...furtherRefusals,
  ['more outputs than there are', { op: 'Relu', inputs: [x(2)], outputs: 2 }, /2 outputs, but the operator has 1/],
];

describe('a contradiction', () => {
  it.each(refusals)('is refused by node and reason: %s', (_, c, message) => {
    expect(() => infer(c)).toThrow(message);
  });

  it('is a shape that depends on data', () => {
    const { graph, node } = nodeOf({ op: 'Reshape', inputs: [x(2), i64(2)] });
    graph.initializers.delete('x1');
    expect(() => inferTypes(graph, node)).toThrow(
      /input 1 \('x1'\) decides the output's shape but depends on the data/,
    );
  });

  it('is an input nobody has typed', () => {
    const { graph, node } = nodeOf({ op: 'Relu', inputs: [x(2)] });
    graph.types.clear();
    expect(() => inferTypes(graph, node)).toThrow(/input 0 \('x0'\) has no static type/);
  });
});
