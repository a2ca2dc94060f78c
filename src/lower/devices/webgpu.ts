// What the runtime's WebGPU provider lacks, or has in a form that fails when it runs (MaxPool with Indices) or that
// adds up in any order (ScatterElements with add, whose atomics make two runs differ), in operators that it has.
// Measured on onnxruntime-node 1.30; what is missing here and there is named when a session is made, never left to the
// CPU.

import type { Builder } from '../../onnx/builder.js';
import { isFloat } from '../../onnx/dtype.js';
import {
  add,
  axisOf,
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
  view,
  where,
} from '../../onnx/formulas.js';
import { attrInt, type Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { sliceRanges } from '../../onnx/shapes/layout.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import type { Definition, Form } from '../form.js';
import { unrolled } from '../recurrent/unrolled.js';
import { maxPoolGradByTaps } from './pooling.js';
import { averageOf, chain, embeddingGrad, gatherND, mish, numbers, softplus, stridesOf, wrap, x0 } from './several.js';

const constantOfShape: Definition = (b, node) => {
  const given = node.attrs.get('value')?.value;
  const value = given instanceof Tensor ? given : Tensor.of('float32', [0]);
  return [expand(b, b.constant(Tensor.view(value.dtype, [], value.data())), b.shape(node.outputs[0]!))];
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

/** One Gather of single elements of the flat tensor; the provider's own takes floats alone. */
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

/** By operator; see `lower`. */
export const webgpuForms: ReadonlyMap<string, Form> = new Map(
  Object.entries({
    ConstantOfShape: constantOfShape,
    Sum: chain(add),
    Mean: averageOf,
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
    ...unrolled,
    Mish: mish,
    HardSwish: hardSwish,
    'ortune.EmbeddingGrad': embeddingGrad,
    'ortune.MaxPoolScatter': maxPoolGradByTaps,
  } satisfies Record<string, Form>),
);
