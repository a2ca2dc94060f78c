// Which operators follow images into channels-last, and what becomes of them there. One row per operator; a row that
// answers false leaves the node to [N, C, H, W].

import { type AttrInput, type Builder, float } from '../../onnx/builder.js';
import { view } from '../../onnx/formulas.js';
import { attrFloat, attrInt, attrInts, type Node, type Value } from '../../onnx/graph.js';
import { operatorsWith } from '../../onnx/operators.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { poolWindow, type Window, windowOf } from '../../onnx/shapes/windows.js';
import { elementCount } from '../../onnx/tensor.js';
import { axisLast, type Images } from './images.js';

export interface Following {
  b: Builder;
  images: Images;
  node: Node;
  kernels: ReadonlySet<string>;
  /** Of the graph as it was. */
  consumers: ReadonlyMap<Value, readonly Node[]>;
}

type Follow = (f: Following) => boolean;

/** Emits an operator over channels-last values in the node's place; its first output is the node's image. */
function become(f: Following, op: string, inputs: Value[], attrs: Record<string, AttrInput>, domain = ''): boolean {
  const y = f.b.op(op, inputs, attrs, { domain, name: f.node.name });
  f.images.set(f.node.outputs[0]!, y);
  return true;
}

const windowAttributes = ({ strides, dilations, before, out }: Window) => ({
  strides,
  dilations,
  pads: before,
  size: out,
});

const conv: Follow = (f) => {
  const { b, images, node } = f;
  const [x, weight, ...bias] = node.inputs as [Value, Value, ...Value[]];
  if (!images.isImage(x)) return false;
  const window = windowOf(new TypeContext(b.graph, node), b.shape(weight).slice(2));
  const attrs = { group: attrInt(node, 'group', 1), ...windowAttributes(window) };
  return become(f, 'Conv', [images.last(x), weight, ...bias], attrs, 'ortune');
};

/** Whether a window hangs over the padding, so that it counts fewer elements than its kernel and the pads imply. */
const hangsOver = ({ strides, dilations, kernel, before, after, from, out }: Window): boolean =>
  out.some((n, i) => (n - 1) * strides[i]! + (kernel[i]! - 1) * dilations[i]! + 1 > before[i]! + from[i]! + after[i]!);

const pool =
  (op: 'MaxPool' | 'AveragePool'): Follow =>
  (f) => {
    const { b, images, node, kernels } = f;
    const [x, counted] = [node.inputs[0]!, attrInt(node, 'count_include_pad', 0)];
    if (!images.has(x) || !kernels.has(`ortune.${op}`) || node.outputs[1]) return false;
    const window = poolWindow(new TypeContext(b.graph, node));
    if (counted && hangsOver(window)) return false;
    const attrs = { kernel: window.kernel, ...windowAttributes(window) };
    return become(f, op, [images.last(x)], counted ? { ...attrs, count_include_pad: 1 } : attrs, 'ortune');
  };

const given: Follow = (f) => {
  const { images, node, kernels } = f;
  const [x, ...parameters] = node.inputs as [Value, ...Value[]];
  if (!images.has(x) || !kernels.has('ortune.BatchNorm') || attrInt(node, 'training_mode', 0)) return false;
  const attrs = { epsilon: float(attrFloat(node, 'epsilon', 1e-5)), statistics: 'given', channels_last: 1 };
  return become(f, 'BatchNorm', [images.last(x), ...parameters], attrs, 'ortune');
};

/** The node as it is, with its other outputs. */
const ofBatch: Follow = ({ b, images, node, kernels }) => {
  const [x, ...parameters] = node.inputs as [Value, ...Value[]];
  if (!images.isImage(x) || !kernels.has('ortune.BatchNorm')) return false;
  const y = b.unique(`${node.outputs[0]}.last`);
  const attrs = new Map(node.attrs).set('channels_last', { kind: 'int', value: 1 });
  b.append({ ...node, inputs: [images.last(x), ...parameters], outputs: [y, ...node.outputs.slice(1)], attrs });
  images.set(node.outputs[0]!, y);
  return true;
};

/** Reductions over all places of an image, which leave its channels. */
const reduce =
  (op: string, axesOf: (f: Following) => readonly number[] | undefined): Follow =>
  (f) => {
    const { b, images, node } = f;
    const x = node.inputs[0]!;
    const axes = axesOf(f)?.map((axis) => (axis < 0 ? axis + 4 : axis));
    if (!images.has(x) || axes?.toSorted().join() !== '2,3') return false;
    const inputs = [images.last(x), b.ints([1, 2])];
    if (attrInt(node, 'keepdims', 1)) return become(f, op, inputs, { keepdims: 1 });
    b.append({ ...node, inputs });
    return true;
  };

const spatialAxes = (): number[] => [2, 3];
const givenAxes = ({ b, node }: Following): readonly number[] | undefined =>
  b.graph.initializers.get(node.inputs[1] ?? '')?.numbers();

/** An operand that broadcasts to an image, beside channels-last ones; undefined where that takes more than a view. */
function beside({ b, images }: Following, value: Value): Value | undefined {
  const shape = b.shape(value);
  if (images.isImage(value)) return images.last(value);
  if (elementCount(shape) === 1) return value;
  const [channels, ...places] = shape.slice(-3);
  return shape.length === 3 && places.every((d) => d === 1) ? view(b, value, [1, 1, 1, channels!]) : undefined;
}

/** Elementwise operators of any number of operands. */
const elementwise: Follow = (f) => {
  const { images, node } = f;
  if (!node.inputs.some((x) => x && images.has(x)) || node.outputs.length > 1) return false;
  const operands = node.inputs.map((x) => (x ? beside(f, x) : ''));
  if (operands.includes(undefined)) return false;
  return become(f, node.op, operands as Value[], Object.fromEntries(node.attrs), node.domain);
};

const concat: Follow = (f) => {
  const { images, node } = f;
  if (!node.inputs.some((x) => images.has(x))) return false;
  const axis = attrInt(node, 'axis', 0);
  return become(
    f,
    'Concat',
    node.inputs.map((x) => images.last(x)),
    { axis: axisLast[axis < 0 ? axis + 4 : axis]! },
  );
};

/** Constant pads of the places of an image. */
const pad: Follow = (f) => {
  const { b, images, node } = f;
  const [x, pads = '', value = '', axes] = node.inputs as [Value, Value?, Value?, Value?];
  const numbers = b.graph.initializers.get(pads)?.numbers();
  if (!images.has(x) || numbers?.length !== 8 || axes) return false;
  const turned = Array.from({ length: 8 }, () => 0);
  for (const [axis, to] of axisLast.entries()) for (const end of [0, 4]) turned[to + end] = numbers[axis + end]!;
  const mode = node.attrs.get('mode');
  return become(f, 'Pad', [images.last(x), b.ints(turned), value], mode ? { mode } : {});
};

/** [N, C, H, W] → [N, C, H·W] → [N, H·W, C], the tokens of a transformer, is a view of channels-last. */
const reshape: Follow = ({ b, images, node, consumers }) => {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  if (!images.has(x)) return false;
  const [n, c, ...places] = b.shape(x) as [number, number, ...number[]];
  const count = elementCount(places);
  const readers = consumers.get(y) ?? [];
  const turns =
    readers.length === 1 && readers[0]!.op === 'Transpose' && attrInts(readers[0]!, 'perm')?.join() === '0,2,1';
  if (!turns || b.shape(y).join() !== [n, c, count].join() || b.graph.outputs.some((o) => o.name === y)) return false;
  const tokens = view(b, images.last(x), [n, count, c]);
  // The transpose that follows reads it the other way round, so it is taken back there.
  b.append({
    ...node,
    op: 'Transpose',
    inputs: [tokens],
    attrs: new Map([['perm', { kind: 'ints', value: [0, 2, 1] }]]),
  });
  return true;
};

export const followers: Readonly<Record<string, Follow>> = {
  Conv: conv,
  MaxPool: pool('MaxPool'),
  AveragePool: pool('AveragePool'),
  BatchNormalization: given,
  'ortune.BatchNorm': ofBatch,
  GlobalAveragePool: reduce('ReduceMean', spatialAxes),
  GlobalMaxPool: reduce('ReduceMax', spatialAxes),
  ReduceMean: reduce('ReduceMean', givenAxes),
  Concat: concat,
  Pad: pad,
  Reshape: reshape,
  ...Object.fromEntries(operatorsWith((traits) => traits.elementwise === 'free').map((op) => [op, elementwise])),
};
