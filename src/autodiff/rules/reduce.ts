// Gradients of reductions: what was summed is spread again.

import { axisOf, cast, div, equal, expand, indices, mul, sum, view } from '../../onnx/formulas.js';
import type { Value } from '../../onnx/graph.js';
import { attrInt } from '../../onnx/graph.js';
import { elementCount } from '../../onnx/tensor.js';
import type { InputRule, Rule, RuleContext, RuleTable } from '../rules.js';

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

const over = (rule: InputRule): Rule => [rule, null];

export const reduce: RuleTable = {
  ReduceSum: over(spreadSum),
  ReduceMean: over(spreadMean),
  ReduceMax: over(spreadExtremum),
  ReduceMin: over(spreadExtremum),
};
