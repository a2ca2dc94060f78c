// Gradients of pooling. Averages and p-norms are convolutions of every channel with a kernel of ones, so their gradient is
// the transposed convolution, of all channels as images of one channel. A maximum sends its gradient to where it stood.

import type { Builder } from '../../onnx/builder.js';
import { div, equal, expand, indices, mul, pow, view, where, zeros } from '../../onnx/formulas.js';
import { attrInt, type Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { poolWindow, type Window } from '../../onnx/shapes/windows.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import type { InputRule, RuleContext, RuleTable } from '../rules.js';
import { convolveBack } from './convolution.js';

const windowFor = ({ b, node }: RuleContext): Window => poolWindow(new TypeContext(b.graph, node));

/** Each output's value added to every element of its window. */
function spread(b: Builder, value: Value, window: Window, shape: readonly number[]): Value {
  const [n, channels, ...out] = b.shape(value) as [number, number, ...number[]];
  const ones = Tensor.of(b.type(value).dtype, new Float32Array(elementCount(window.kernel)).fill(1), [
    1,
    1,
    ...window.kernel,
  ]);
  const images = view(b, value, [n * channels, 1, ...out]);
  return view(b, convolveBack(b, images, b.constant(ones), window, 1), shape);
}

/**
 * Elements that each window averages, [1, 1, …out]: those inside the input, or inside the padded input with
 * count_include_pad. A window that hangs over the padding as well (ceil_mode) counts no more than that.
 */
function counts({ kernel, strides, dilations, before, after, from, out }: Window, padded: boolean): Tensor {
  const along = out.map((length, axis) =>
    indices(length).map((o) => {
      const start = o * strides[axis]! - before[axis]!;
      const [low, high] = padded ? [-before[axis]!, from[axis]! + after[axis]!] : [0, from[axis]!];
      const positions = indices(kernel[axis]!).map((k) => start + k * dilations[axis]!);
      return positions.filter((p) => p >= low && p < high).length;
    }),
  );
  const table = along.reduce<number[]>((all, axis) => all.flatMap((a) => axis.map((n) => a * n)), [1]);
  return Tensor.of('float64', table, [1, 1, ...out]);
}

/** dx = Σ over the windows of dy / count, of `shape`. */
export function averagePoolGrad(
  b: Builder,
  dy: Value,
  window: Window,
  padded: boolean,
  shape: readonly number[],
): Value {
  const table = counts(window, padded);
  const count = b.constant(Tensor.of(b.type(dy).dtype, table.numbers(), table.shape));
  return spread(b, div(b, dy, count), window, shape);
}

const averagePool: InputRule = (c, dy) =>
  averagePoolGrad(c.b, dy, windowFor(c), attrInt(c.node, 'count_include_pad', 0) !== 0, c.b.shape(c.x[0]!));

/**
 * y = (Σ |x|^p)^(1/p), so dx = |x|^(p−1) · sign x · Σ over the windows of dy · y^(1−p), and 0 where a norm is 0.
 * `across` adds a window's value to each of its elements.
 */
function normPool({ b, node, x, y }: RuleContext, dy: Value, across: (value: Value) => Value): Value {
  const p = attrInt(node, 'p', 2);
  const sign = b.op('Sign', [x[0]!]);
  if (p === 1) return mul(b, sign, across(dy));
  const none = equal(b, y[0]!, 0);
  const share = where(b, none, 0, div(b, dy, pow(b, where(b, none, 1, y[0]!), p - 1)));
  const slope = p === 2 ? x[0]! : mul(b, sign, pow(b, b.op('Abs', [x[0]!]), p - 1));
  return mul(b, slope, across(share));
}

const lpPool: InputRule = (c, dy) => normPool(c, dy, (value) => spread(c.b, value, windowFor(c), c.b.shape(c.x[0]!)));
const globalLpPool: InputRule = (c, dy) => normPool(c, dy, (value) => expand(c.b, value, c.b.shape(c.x[0]!)));

/** Positions in the whole tensor come with the maxima (Indices); windows overlap, so what meets adds up. */
export function maxPoolGrad(b: Builder, dy: Value, places: Value, shape: readonly number[]): Value {
  const count = elementCount(b.shape(dy));
  const none = zeros(b, { dtype: b.type(dy).dtype, shape: [elementCount(shape)] });
  const added = b.op('ScatterElements', [none, view(b, places, [count]), view(b, dy, [count])], { reduction: 'add' });
  return view(b, added, shape);
}

const maxPool: InputRule = (c, dy) => {
  const { b, node, x, y, output } = c;
  if (attrInt(node, 'storage_order', 0) !== 0)
    new TypeContext(b.graph, node).fail('storage_order 1 has no gradient here; export the model without it');
  const { kernel, strides, dilations, before } = windowFor(c);
  const attrs = { kernel_shape: kernel, strides, dilations, pads: before };
  return b.op('MaxPoolScatter', [dy, output(1), x[0]!, y[0]!], attrs, { domain: 'ortune' });
};

/** dx = dy / count everywhere. */
const globalAveragePool: InputRule = ({ b, x }, dy) => {
  const shape = b.shape(x[0]!);
  return expand(b, div(b, dy, elementCount(shape.slice(2))), shape);
};

/** The first of equal maxima takes the gradient, as in MaxPool and in PyTorch's adaptive pooling. */
const globalMaxPool: InputRule = ({ b, x }, dy) => {
  const shape = b.shape(x[0]!);
  const rows = [shape[0]!, shape[1]!, elementCount(shape.slice(2))];
  const place = b.op('ArgMax', [view(b, x[0]!, rows)], { axis: 2 });
  const none = zeros(b, { dtype: b.type(dy).dtype, shape: rows });
  return view(b, b.op('ScatterElements', [none, place, view(b, dy, [...rows.slice(0, 2), 1])], { axis: 2 }), shape);
};

export const pooling: RuleTable = {
  AveragePool: [averagePool],
  MaxPool: [maxPool],
  LpPool: [lpPool],
  GlobalAveragePool: [globalAveragePool],
  GlobalMaxPool: [globalMaxPool],
  GlobalLpPool: [globalLpPool],
};
