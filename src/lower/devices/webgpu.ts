// What the runtime's WebGPU provider lacks, or has in a form that fails when it runs (MaxPool with Indices) or that adds up
// in any order (ScatterElements with add, whose atomics make two runs differ), in operators that it has. Measured on
// onnxruntime-node 1.30; what is missing here and there is named when a session is made, never left to the CPU.

import type { Builder } from '../../onnx/builder.js';
import { isFloat } from '../../onnx/dtype.js';
import {
  add,
  axisOf,
  cast,
  equal,
  exp,
  expand,
  indices,
  less,
  log,
  max,
  mul,
  not,
  sub,
  sum,
  tanh,
  view,
  where,
} from '../../onnx/formulas.js';
import { attrInt, type Node, type StaticType, type Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { sliceRanges } from '../../onnx/shapes/layout.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import type { Definition, Form } from '../lower.js';
import { maxPoolGradByTaps } from './pooling.js';

const x0 = (node: Node): Value => node.inputs[0]!;

/** index, counted from the front where it is negative. */
const wrap = (b: Builder, index: Value, length: number): Value =>
  where(b, less(b, index, 0), add(b, index, length), index);

/** Whole numbers of the index's own type, as a constant. */
const numbers = (b: Builder, index: Value, values: readonly number[], shape: readonly number[]): Value =>
  b.constant(Tensor.of(b.type(index).dtype, values, shape));

const constantOfShape: Definition = (b, node) => {
  const given = node.attrs.get('value')?.value;
  const value = given instanceof Tensor ? given : Tensor.of('float32', [0]);
  return [expand(b, b.constant(Tensor.view(value.dtype, [], value.data())), b.shape(node.outputs[0]!))];
};

/** An operator of many inputs as a chain of one of two. */
const chain =
  (pair: (b: Builder, x: Value, y: Value) => Value): Definition =>
  (b, node) => {
    const [first, ...rest] = node.inputs as [Value, ...Value[]];
    const all = rest.reduce((x, y) => pair(b, x, y), first);
    return [all === first ? b.op('Identity', [first]) : all];
  };

const sign: Definition = (b, node) => {
  const x = x0(node);
  const { dtype } = b.type(x);
  const negative = where(b, less(b, x, 0), b.scalar(dtype, -1), 0);
  return [where(b, less(b, 0, x), b.scalar(dtype, 1), negative)];
};

/** Of whole numbers: what is left has the divisor's sign, as in Python. */
const mod: Definition = (b, node) => {
  const [x, y] = node.inputs as [Value, Value];
  const left = sub(b, x, mul(b, b.op('Div', [x, y]), y));
  const other = b.op('And', [not(b, equal(b, left, 0)), not(b, equal(b, less(b, left, 0), less(b, y, 0)))]);
  return [where(b, other, add(b, left, y), left)];
};

const oneHot: Definition = (b, node) => {
  const [index, , values] = node.inputs as [Value, Value, Value];
  const shape = b.shape(node.outputs[0]!);
  const axis = axisOf(attrInt(node, 'axis', -1), shape.length);
  const depth = shape[axis]!;
  const along = shape.map((_, i) => (i === axis ? depth : 1));
  const classes = numbers(b, index, indices(depth), along);
  const hit = equal(b, view(b, wrap(b, index, depth), shape.with(axis, 1)), classes);
  const [off, on] = b.ops('Split', [values], { axis: 0, num_outputs: 2 }, { outputs: 2 }) as [Value, Value];
  return [where(b, hit, on, off)];
};

const logSoftmax: Definition = (b, node) => {
  const x = x0(node);
  const axes = [attrInt(node, 'axis', -1)];
  const centred = sub(b, x, max(b, x, axes));
  return [sub(b, centred, log(b, sum(b, exp(b, centred), axes)))];
};

/** ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|) */
const softplus = (b: Builder, x: Value): Value => {
  const small = exp(b, b.op('Neg', [b.op('Abs', [x])]));
  return add(b, b.op('Relu', [x]), log(b, add(b, small, 1)));
};

const hardSwish: Definition = (b, node) => {
  const x = x0(node);
  const gate = b.op('Clip', [
    add(b, mul(b, x, 1 / 6), 0.5),
    b.scalar(b.type(x).dtype, 0),
    b.scalar(b.type(x).dtype, 1),
  ]);
  return [mul(b, x, gate)];
};

const either: Definition = (b, node) => {
  const [x, y] = node.inputs as [Value, Value];
  return [not(b, b.op('And', [not(b, x), not(b, y)]))];
};

/** Σ place · stride for every place of a tensor of `shape`, as a constant. */
function offsets(b: Builder, index: Value, shape: readonly number[], strides: readonly number[]): Value {
  const along = shape.map((length, axis) => indices(length).map((i) => i * strides[axis]!));
  return numbers(
    b,
    index,
    along.reduce((all, axis) => all.flatMap((a) => axis.map((i) => a + i)), [0]),
    shape,
  );
}

const stridesOf = (shape: readonly number[]): number[] => shape.map((_, axis) => elementCount(shape.slice(axis + 1)));

/** One Gather of rows of the flat tensor: GatherND's own indices are int64, which the provider does not compute with. */
const gatherND: Definition = (b, node) => {
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

/** The same for single elements; the provider's own takes floats alone. */
const gatherElements: Definition = (b, node) => {
  const [x, index] = node.inputs as [Value, Value];
  const shape = b.shape(x);
  const axis = axisOf(attrInt(node, 'axis', 0), shape.length);
  const strides = stridesOf(shape);
  const place = mul(b, wrap(b, index, shape[axis]!), strides[axis]!);
  const others = offsets(
    b,
    index,
    b.shape(index).map((d, i) => (i === axis ? 1 : d)),
    strides,
  );
  return [b.op('Gather', [view(b, x, [elementCount(shape)]), add(b, place, others)], { axis: 0 })];
};

/** Whole numbers are gathered, axis by axis; the provider slices floats alone. */
const slice: Form = (b, node) => {
  const x = x0(node);
  if (isFloat(b.type(x).dtype)) return undefined;
  const cut = sliceRanges(new TypeContext(b.graph, node)).reduce((value, { axis, start, step, length }) => {
    const places = b.constant(
      Tensor.of(
        'int32',
        indices(length).map((i) => start + i * step),
        [length],
      ),
    );
    return b.op('Gather', [value, places], { axis });
  }, x);
  return [cut === x ? b.op('Identity', [x]) : cut];
};

/** Elements of the matrix that says which places hold the same index: 64 MB. */
const sameElements = 2 ** 24;

/**
 * Every row of dy becomes the sum over all rows of the same index, as a product with the matrix of equal indices; rows of
 * one index are then equal to the last bit, and it does not matter which of them a scatter writes last.
 */
const embeddingGrad: Definition = (b, node) => {
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
    // The provider slices floats alone.
    const some = to - from === count ? below : b.op('Gather', [below, places], { axis: 0 });
    return b.op('MatMul', [cast(b, equal(b, some, beside), type.dtype), rows]);
  });
  const all = sums.length === 1 ? sums[0]! : b.op('Concat', sums, { axis: 0 });
  const zeros = expand(b, b.scalar(type.dtype, 0), type.shape);
  const places = expand(b, view(b, index, [count, 1]), [count, columns]);
  return [view(b, b.op('ScatterElements', [zeros, places, all], { axis: 0 }), shape)];
};

/** By operator; see `lower`. */
export const webgpuForms: ReadonlyMap<string, Form> = new Map(
  Object.entries({
    ConstantOfShape: constantOfShape,
    Sum: chain((b, x, y) => add(b, x, y)),
    Max: chain((b, x, y) => where(b, less(b, x, y), y, x)),
    Min: chain((b, x, y) => where(b, less(b, x, y), x, y)),
    Sign: sign,
    Mod: mod,
    OneHot: oneHot,
    Or: either,
    Slice: slice,
    GatherND: gatherND,
    GatherElements: gatherElements,
    LogSoftmax: logSoftmax,
    Softplus: (b, node) => [softplus(b, x0(node))],
    Mish: (b, node) => [mul(b, x0(node), tanh(b, softplus(b, x0(node))))],
    HardSwish: hardSwish,
    'ortune.EmbeddingGrad': embeddingGrad,
    'ortune.MaxPoolScatter': maxPoolGradByTaps,
  } satisfies Record<string, Form>),
);
