// Operators that put elements elsewhere, or sum or scale them in a known way, in terms of those that have rules:
// columns back into images, maxima back to their places, reversed sequences, selections, crops, determinants.

import { convolveBack } from '../../onnx/formulas/convolution.js';
import {
  add,
  div,
  indices,
  inverse,
  less,
  mean,
  mul,
  pad,
  sqrt,
  sub,
  transpose,
  view,
  where,
  zeros,
} from '../../onnx/formulas.js';
import { attrInt, attrInts, type Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { cropOrPad, keptPlaces } from '../../onnx/shapes/further.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import type { Definition } from '../form.js';

/**
 * Columns [N, C·K, L] are what a convolution with K filters, each of them 1 at one place of the block, gives of every
 * channel; the image is its transpose.
 */
const col2Im: Definition = (b, node) => {
  const numbers = (input: number): number[] => b.graph.initializers.get(node.inputs[input]!)!.numbers();
  const [from, kernel] = [numbers(1), numbers(2)];
  const axes = from.length;
  const strides = attrInts(node, 'strides') ?? from.map(() => 1);
  const dilations = attrInts(node, 'dilations') ?? from.map(() => 1);
  const pads = attrInts(node, 'pads') ?? [...from, ...from].map(() => 0);
  const [before, after] = [pads.slice(0, axes), pads.slice(axes)];
  const out = from.map(
    (d, i) => Math.floor((d + before[i]! + after[i]! - (kernel[i]! - 1) * dilations[i]! - 1) / strides[i]!) + 1,
  );
  const columns = node.inputs[0]!;
  const [n, rows] = b.shape(columns) as [number, number];
  const places = elementCount(kernel);
  const ones = Tensor.of(
    b.type(columns).dtype,
    Float32Array.from({ length: places * places }, (_, i) => +(i % (places + 1) === 0)),
    [places, 1, ...kernel],
  );
  const images = view(b, columns, [(n * rows) / places, places, ...out]);
  const image = convolveBack(b, images, b.constant(ones), { kernel, strides, dilations, before, after, from, out }, 1);
  return [view(b, image, [n, rows / places, ...from])];
};

/** Maxima back at their places in the whole tensor, zeros elsewhere. */
const maxUnpool: Definition = (b, node) => {
  const [x, places] = node.inputs as [Value, Value];
  const { dtype, shape } = b.type(node.outputs[0]!);
  const flat = (value: Value): Value => view(b, value, [elementCount(b.shape(value))]);
  const none = zeros(b, { dtype, shape: [elementCount(shape)] });
  return [view(b, b.op('ScatterElements', [none, flat(places), flat(x)], { axis: 0 }), shape)];
};

/** Step t of a sequence of n steps is step n − 1 − t before, and what lies behind its end stays. */
const reverseSequence: Definition = (b, node) => {
  const [x, lengths] = node.inputs as [Value, Value];
  const shape = b.shape(x);
  const [batch, time] = [attrInt(node, 'batch_axis', 1), attrInt(node, 'time_axis', 0)];
  const order = [time, batch, ...indices(shape.length).filter((i) => i !== time && i !== batch)];
  const [steps, count] = [shape[time]!, shape[batch]!];
  const t = b.constant(Tensor.of('int64', indices(steps), [steps, 1]));
  const reversed = where(b, less(b, t, lengths), sub(b, sub(b, lengths, 1), t), t);
  const rows = add(b, mul(b, reversed, count), b.constant(Tensor.of('int64', indices(count))));
  const moved = transpose(b, x, order);
  const table = view(b, moved, [steps * count, elementCount(shape) / (steps * count)]);
  const y = view(b, b.op('Gather', [table, rows], { axis: 0 }), b.shape(moved));
  return [transpose(b, y, inverse(order))];
};

const compress: Definition = (b, node) => {
  const { axis, places } = keptPlaces(new TypeContext(b.graph, node));
  const x = node.inputs[0]!;
  const from = axis === undefined ? view(b, x, [elementCount(b.shape(x))]) : x;
  return [b.op('Gather', [from, b.ints(places)], { axis: axis ?? 0 })];
};

const centerCropPad: Definition = (b, node) => [pad(b, node.inputs[0]!, cropOrPad(new TypeContext(b.graph, node)))];

/** (x − mean) / (deviation + 1e-9) over the axes. */
const meanVariance: Definition = (b, node) => {
  const x = node.inputs[0]!;
  const axes = attrInts(node, 'axes') ?? [0, 2, 3];
  const centred = sub(b, x, mean(b, x, axes));
  return [div(b, centred, add(b, sqrt(b, mean(b, mul(b, centred, centred), axes)), 1e-9))];
};

const largestDeterminant = 4;

/** By the elements of the first row and what is left without each: exact in no division, and n! terms for n rows. */
const det: Definition = (b, node) => {
  const x = node.inputs[0]!;
  const shape = b.shape(x);
  const n = shape.at(-1)!;
  if (n > largestDeterminant)
    new TypeContext(b.graph, node).fail(
      `a determinant of ${n} rows has no gradient here, only those of up to ${largestDeterminant}; ` +
        'export the model without it',
    );
  const batch = shape.slice(0, -2);
  const cells = b.ops(
    'Split',
    [view(b, x, [elementCount(batch), n * n])],
    { axis: 1, num_outputs: n * n },
    {
      outputs: n * n,
    },
  );
  const minor = (row: number, columns: readonly number[]): Value => {
    const cell = (column: number): Value => cells[row * n + column]!;
    if (columns.length === 1) return cell(columns[0]!);
    const terms = columns.map((column, i) => {
      const rest = columns.filter((other) => other !== column);
      return { term: mul(b, cell(column), minor(row + 1, rest)), plus: i % 2 === 0 };
    });
    return terms.slice(1).reduce((sum, { term, plus }) => (plus ? add : sub)(b, sum, term), terms[0]!.term);
  };
  return [view(b, minor(0, indices(n)), batch)];
};

export const arrangements = {
  Col2Im: col2Im,
  MaxUnpool: maxUnpool,
  ReverseSequence: reverseSequence,
  Compress: compress,
  CenterCropPad: centerCropPad,
  MeanVarianceNormalization: meanVariance,
  Det: det,
} as const satisfies Record<string, Definition>;
