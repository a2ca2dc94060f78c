// Gradients of pooling. Averages and p-norms are convolutions of every channel with a kernel of ones, so their gradient
// is the transposed convolution, of all channels as images of one channel. A maximum sends its gradient to where it
// stood.

import { averagePoolGrad, spread } from '../../onnx/formulas/pooling.js';
import { div, equal, expand, mul, pow, view, where, zeros } from '../../onnx/formulas.js';
import { attrInt, type Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { poolWindow, type Window } from '../../onnx/shapes/windows.js';
import { elementCount } from '../../onnx/tensor.js';
import type { InputRule, RuleContext, RuleTable } from './context.js';

const windowFor = ({ b, node }: RuleContext): Window => poolWindow(new TypeContext(b.graph, node));

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
