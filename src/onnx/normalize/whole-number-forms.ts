// What operators that compute with whole numbers mean in floats: QLinear… of ONNX and com.microsoft, whose inputs bring
// a scale and a zero point each, and those of com.microsoft that find the scale of a float input as they run.

import type { Attr, Node, Value } from '../graph.js';
import { Tensor } from '../tensor.js';
import type { WholeNumbers } from './whole-numbers.js';

type Form = (w: WholeNumbers, node: Node) => void;

const input = ({ inputs }: Node, i: number): Value => inputs[i] ?? '';

/** The floats of an input that its scale and zero point follow; `axis`: along which it may have several. */
const at = (w: WholeNumbers, node: Node, i: number, axis = 1): Value =>
  w.floats(input(node, i), input(node, i + 1), input(node, i + 2), axis);

const without = (attrs: ReadonlyMap<string, Attr>, ...names: string[]): Map<string, Attr> =>
  new Map([...attrs].filter(([name]) => !names.includes(name)));

/** Rounds floats to what the node's output is, whose scale is input i. */
const rounded = (w: WholeNumbers, node: Node, floats: Value, i: number): void =>
  w.round(node.outputs[0]!, floats, input(node, i), input(node, i + 1));

/** Of one input with its scale, rounded to the scale behind it. */
const unary =
  (op: string, ...dropped: string[]): Form =>
  (w, node) =>
    rounded(w, node, w.add(op, [at(w, node, 0)], without(node.attrs, ...dropped)), 3);

const binary =
  (op: string): Form =>
  (w, node) =>
    rounded(w, node, w.add(op, [at(w, node, 0), at(w, node, 3)]), 6);

/** Whole numbers of 32 bits have the scale of the product that they are added to: of x times that of the weights. */
function bias(w: WholeNumbers, node: Node, i: number): Value {
  const value = input(node, i);
  if (!value) return '';
  const [x, weights] = [w.tensor(input(node, 1)), w.tensor(input(node, 4))];
  if (!x || !weights) return w.refuse('whose scales are computed');
  const [of] = x.numbers() as [number];
  const scales = weights.numbers().map((scale) => Math.fround(scale * of));
  const scale = w.constant(Tensor.of('float32', scales, scales.length === 1 ? [] : [scales.length]), 'bias_scale');
  return w.floats(value, scale, '', 0);
}

/** Of images with the channels first alone. */
const channelsFirst =
  (form: Form): Form =>
  (w, node) =>
    Number(node.attrs.get('channels_last')?.value ?? 0) === 0
      ? form(w, node)
      : w.refuse('of images whose channels come last');

/** A product behind which the float bias is added. */
function product(w: WholeNumbers, [x, weights, bias]: readonly [Value, Value, Value], out: Value): void {
  if (!bias) w.add('MatMul', [x, weights], new Map(), out);
  else w.add('Add', [w.add('MatMul', [x, weights]), bias], new Map(), out);
}

/** By `Op`, or `domain.Op` outside the default domain. */
export const wholeNumberForms: Readonly<Record<string, Form>> = {
  QLinearConv: (w, node) =>
    rounded(w, node, w.add('Conv', [at(w, node, 0), at(w, node, 3, 0), bias(w, node, 8)], node.attrs), 6),
  QLinearMatMul: (w, node) => rounded(w, node, w.add('MatMul', [at(w, node, 0), at(w, node, 3, -1)]), 6),
  'com.microsoft.QLinearConv': channelsFirst((w, node) => wholeNumberForms.QLinearConv!(w, node)),
  'com.microsoft.QGemm': (w, node) => {
    const rows = Number(node.attrs.get('transB')?.value ?? 0) !== 0;
    if (node.attrs.has('alpha') && Number(node.attrs.get('alpha')!.value) !== 1) w.refuse('with a factor');
    const inputs = [at(w, node, 0), at(w, node, 3, rows ? 0 : -1), bias(w, node, 6)];
    const [y] = node.outputs as [Value];
    if (!input(node, 7)) w.add('Gemm', inputs, without(node.attrs, 'alpha'), y);
    else rounded(w, node, w.add('Gemm', inputs, without(node.attrs, 'alpha')), 7);
  },
  'com.microsoft.QLinearAdd': binary('Add'),
  'com.microsoft.QLinearMul': binary('Mul'),
  'com.microsoft.QLinearSigmoid': unary('Sigmoid'),
  'com.microsoft.QLinearLeakyRelu': unary('LeakyRelu'),
  'com.microsoft.QLinearSoftmax': unary('Softmax', 'opset'),
  'com.microsoft.QLinearGlobalAveragePool': channelsFirst(unary('GlobalAveragePool', 'channels_last')),
  'com.microsoft.QLinearAveragePool': channelsFirst(unary('AveragePool', 'channels_last')),
  'com.microsoft.QLinearConcat': (w, node) => {
    const parts = Array.from({ length: Math.floor((node.inputs.length - 2) / 3) }, (_, i) => at(w, node, 2 + 3 * i));
    rounded(w, node, w.add('Concat', parts, node.attrs), 0);
  },
  'com.microsoft.QLinearWhere': (w, node) =>
    rounded(w, node, w.add('Where', [input(node, 0), at(w, node, 1), at(w, node, 4)]), 7),
  'com.microsoft.DynamicQuantizeMatMul': (w, node) => {
    const weights = w.floats(input(node, 1), input(node, 2), input(node, 3), -1);
    product(w, [w.roundAsItRuns(input(node, 0)), weights, input(node, 4)], node.outputs[0]!);
  },
  'com.microsoft.MatMulIntegerToFloat': (w, node) => {
    const x = w.floats(input(node, 0), input(node, 2), input(node, 4));
    product(w, [x, w.floats(input(node, 1), input(node, 3), input(node, 5), -1), input(node, 6)], node.outputs[0]!);
  },
  'com.microsoft.QEmbedLayerNormalization': (w, node) => {
    // Three tables, gamma and beta: numbers at 2 to 6, their scales from 8 on, their zero points from 13 on.
    const [word, position, segment, gamma, beta] = [2, 3, 4, 5, 6].map((at, i) =>
      input(node, at) ? w.floats(input(node, at), input(node, 8 + i), input(node, 13 + i)) : '',
    ) as [Value, Value, Value, Value, Value];
    const ids = [input(node, 0), segment ? input(node, 1) : ''];
    const inputs = [...ids, word, position, segment, gamma, beta, input(node, 7)];
    w.add('com.microsoft.EmbedLayerNormalization', inputs, node.attrs, ...node.outputs);
  },
  'com.microsoft.DynamicQuantizeLSTM': (w, node) => {
    // Weights [directions, in, 4 · hidden], which the standard's layer has the other way round.
    const [weights, recurrent] = [1, 2].map((at) => {
      const [scale, zero] = [input(node, 6 + 2 * at), input(node, 7 + 2 * at)];
      const directions = w.tensor(scale)?.shape[0] ?? 1;
      if ((w.tensor(scale)?.size ?? 0) > directions && directions > 1)
        w.refuse('with a scale for each gate of both directions');
      const axis = directions > 1 ? 0 : 2;
      const floats = w.floats(input(node, at), w.vector(scale), w.vector(zero), axis);
      return w.add('Transpose', [floats], new Map([['perm', { kind: 'ints', value: [0, 2, 1] }]]));
    }) as [Value, Value];
    const x = w.roundAsItRuns(input(node, 0));
    const rest = [3, 4, 5, 6, 7].map((at) => input(node, at));
    w.add('LSTM', [x, weights, recurrent, ...rest], node.attrs, ...node.outputs);
  },
  'com.microsoft.QAttention': (w, node) => {
    const x = w.floats(input(node, 0), input(node, 3), input(node, 6));
    const weights = w.floats(input(node, 1), input(node, 4), input(node, 7), -1);
    if (node.outputs[1]) w.refuse('with a past');
    const inputs = [x, weights, input(node, 2), input(node, 5), input(node, 8)];
    w.add('com.microsoft.Attention', inputs, node.attrs, node.outputs[0]!);
  },
};
