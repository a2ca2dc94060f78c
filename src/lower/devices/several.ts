// Forms that more than one provider needs: of operators that it lacks, or whose own kernel takes int64 alone or adds up
// in any order.

import type { Builder } from '../../onnx/builder.js';
import { add, cast, equal, exp, expand, indices, less, log, mul, sum, tanh, view, where } from '../../onnx/formulas.js';
import { attrInt, type Node, type StaticType, type Value } from '../../onnx/graph.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import type { Definition } from '../form.js';

export const x0 = (node: Node): Value => node.inputs[0]!;

/** index, counted from the front where it is negative. */
export const wrap = (b: Builder, index: Value, length: number): Value =>
  where(b, less(b, index, 0), add(b, index, length), index);

/** Whole numbers of the index's own type, as a constant. */
export const numbers = (b: Builder, index: Value, values: readonly number[], shape: readonly number[]): Value =>
  b.constant(Tensor.of(b.type(index).dtype, values, shape));

export const stridesOf = (shape: readonly number[]): number[] =>
  shape.map((_, axis) => elementCount(shape.slice(axis + 1)));

/** An operator of many inputs as a chain of one of two. */
export const chain =
  (pair: (b: Builder, x: Value, y: Value) => Value): Definition =>
  (b, node) => {
    const [first, ...rest] = node.inputs as [Value, ...Value[]];
    const all = rest.reduce((x, y) => pair(b, x, y), first);
    return [all === first ? b.op('Identity', [first]) : all];
  };

/** Mean of several tensors. */
export const averageOf: Definition = (b, node) => {
  const [total] = chain(add)(b, node) as [Value];
  return [mul(b, total, 1 / node.inputs.length)];
};

/** ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|) */
export const softplus = (b: Builder, x: Value): Value => {
  const small = exp(b, b.op('Neg', [b.op('Abs', [x])]));
  return add(b, b.op('Relu', [x]), log(b, add(b, small, 1)));
};

export const mish: Definition = (b, node) => [mul(b, x0(node), tanh(b, softplus(b, x0(node))))];

/** One Gather of rows of the flat tensor: GatherND's own indices are int64, which devices do not compute with. */
export const gatherND: Definition = (b, node) => {
  const [x, index] = node.inputs as [Value, Value];
  const [shape, places] = [b.shape(x), b.shape(index)];
  const batchAxes = attrInt(node, 'batch_dims', 0);
  const depth = places.at(-1)!;
  const dims = shape.slice(batchAxes, batchAxes + depth);
  const last = places.length - 1;
  const wrapped = where(b, less(b, index, 0), add(b, index, numbers(b, index, dims, [depth])), index);
  let row = mul(b, wrapped, numbers(b, index, stridesOf(dims), [depth]));
  row = depth === 1 ? view(b, row, places.slice(0, -1)) : sum(b, row, [last], false);
  const batch = shape.slice(0, batchAxes);
  if (elementCount(batch) > 1) {
    const starts = indices(elementCount(batch)).map((i) => i * elementCount(dims));
    row = add(b, row, numbers(b, index, starts, [...batch, ...places.slice(batchAxes, -1).map(() => 1)]));
  }
  const columns = shape.slice(batchAxes + depth);
  const table = view(b, x, [elementCount(batch) * elementCount(dims), ...columns]);
  return [b.op('Gather', [table, row], { axis: 0 })];
};

/** Elements of the matrix that says which places hold the same index: 64 MB. */
const sameElements = 2 ** 24;

/**
 * Every row of dy becomes the sum over all rows of the same index, as a product with the matrix of equal indices; rows
 * of one index are then equal to the last bit, and it does not matter which of them a scatter writes last.
 */
export const embeddingGrad: Definition = (b, node) => {
  const [dy, given] = node.inputs as [Value, Value];
  const shape = b.shape(node.outputs[0]!);
  const [table, columns] = [shape[0]!, elementCount(shape.slice(1))];
  const count = elementCount(b.shape(given));
  const index = wrap(b, given, table);
  const rows = view(b, dy, [count, columns]);
  const type: StaticType = { dtype: b.type(dy).dtype, shape: [table, columns] };
  const beside = view(b, index, [1, count]);
  const step = Math.max(1, Math.floor(sameElements / count));
  const sums = indices(Math.ceil(count / step)).map((part) => {
    const [from, to] = [part * step, Math.min(count, (part + 1) * step)];
    const below = view(b, index, [count, 1]);
    const places = numbers(
      b,
      index,
      indices(to - from).map((i) => from + i),
      [to - from],
    );
    // Gathered, since not every provider slices whole numbers.
    const some = to - from === count ? below : b.op('Gather', [below, places], { axis: 0 });
    return b.op('MatMul', [cast(b, equal(b, some, beside), type.dtype), rows]);
  });
  const all = sums.length === 1 ? sums[0]! : b.op('Concat', sums, { axis: 0 });
  const zeros = expand(b, b.scalar(type.dtype, 0), type.shape);
  const places = expand(b, view(b, index, [count, 1]), [count, columns]);
  return [view(b, b.op('ScatterElements', [zeros, places, all], { axis: 0 }), shape)];
};
