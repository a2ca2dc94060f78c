// Gradients of reductions: what was summed is spread again.

import {
  axisOf,
  cast,
  div,
  equal,
  exp,
  expand,
  indices,
  mul,
  neg,
  sub,
  sum,
  view,
  where,
} from '../../onnx/formulas.js';
import type { Value } from '../../onnx/graph.js';
import { attrInt } from '../../onnx/graph.js';
import { elementCount } from '../../onnx/tensor.js';
import type { InputRule, Rule, RuleContext, RuleTable } from './context.js';

/** The axes a reduction removes: all of them when none are named, unless `noop_with_empty_axes` says none. */
function reducedAxes({ b, node, x, constant }: RuleContext): number[] {
  const rank = b.shape(x[0]!).length;
  const named = constant(1) ?? [];
  if (named.length > 0) return named.map((axis) => axisOf(axis, rank));
  return attrInt(node, 'noop_with_empty_axes', 0) ? [] : indices(rank);
}

/** The value with the reduced axes back as 1. */
function restored(c: RuleContext, value: Value): Value {
  const shape = [...c.b.shape(c.x[0]!)];
  for (const axis of reducedAxes(c)) shape[axis] = 1;
  return view(c.b, value, shape);
}

const spreadSum: InputRule = (c, dy) => expand(c.b, restored(c, dy), c.b.shape(c.x[0]!));

const spreadMean: InputRule = (c, dy) => {
  const shape = c.b.shape(c.x[0]!);
  const count = elementCount(reducedAxes(c).map((axis) => shape[axis]!));
  return expand(c.b, div(c.b, restored(c, dy), count), shape);
};

/** The elements that attain the extremum share the gradient equally, as PyTorch's amax does. */
const spreadExtremum: InputRule = (c, dy) => {
  const { b, x, y } = c;
  const wins = cast(b, equal(b, x[0]!, restored(c, y[0]!)), b.type(dy).dtype);
  return mul(b, wins, div(b, restored(c, dy), sum(b, wins, reducedAxes(c))));
};

/** y = Σ |x| */
const spreadSigns: InputRule = (c, dy) => mul(c.b, restored(c, dy), c.b.op('Sign', [c.x[0]!]));

/** y = Σ x² */
const spreadSquares: InputRule = (c, dy) => mul(c.b, mul(c.b, restored(c, dy), 2), c.x[0]!);

/** y = √Σ x², so dx = dy · x / y, and 0 where y is 0. */
const spreadNorm: InputRule = (c, dy) => {
  const { b, x } = c;
  const y = restored(c, c.y[0]!);
  const none = equal(b, y, 0);
  return mul(b, where(b, none, 0, div(b, restored(c, dy), where(b, none, 1, y))), x[0]!);
};

/** y = ln Σ x, so dx = dy / e^y. */
const spreadLogSum: InputRule = (c, dy) => {
  const share = mul(c.b, restored(c, dy), exp(c.b, neg(c.b, restored(c, c.y[0]!))));
  return expand(c.b, share, c.b.shape(c.x[0]!));
};

/** y = ln Σ eˣ, so dx = dy · e^(x − y). */
const spreadLogSumExp: InputRule = (c, dy) =>
  mul(c.b, restored(c, dy), exp(c.b, sub(c.b, c.x[0]!, restored(c, c.y[0]!))));

/** y = Π x, so dx = dy · the product of all others: y / x without zeros, that of the others for an only zero. */
const spreadProduct: InputRule = (c, dy) => {
  const { b, x } = c;
  const isZero = equal(b, x[0]!, 0);
  const others = where(b, isZero, 1, x[0]!);
  const axes = reducedAxes(c);
  const product = b.op('ReduceProd', [others, b.ints(axes)], { keepdims: 1 });
  const zeros = sum(b, cast(b, isZero, b.type(dy).dtype), axes);
  const alone = where(b, equal(b, zeros, 1), product, 0);
  const share = where(b, equal(b, zeros, 0), product, 0);
  return mul(b, restored(c, dy), where(b, isZero, alone, div(b, share, others)));
};

const over = (rule: InputRule): Rule => [rule, null];

export const reduce: RuleTable = {
  ReduceSum: over(spreadSum),
  ReduceMean: over(spreadMean),
  ReduceMax: over(spreadExtremum),
  ReduceMin: over(spreadExtremum),
  ReduceProd: over(spreadProduct),
  ReduceL1: over(spreadSigns),
  ReduceL2: over(spreadNorm),
  ReduceSumSquare: over(spreadSquares),
  ReduceLogSum: over(spreadLogSum),
  ReduceLogSumExp: over(spreadLogSumExp),
};
