// Gradients of trigonometric and hyperbolic functions and their inverses.

import type { Builder } from '../../onnx/builder.js';
import { add, div, mul, neg, sqrt, sub } from '../../onnx/formulas.js';
import type { Value } from '../../onnx/graph.js';
import type { Rule, RuleTable } from './context.js';

/** dy times a slope, or divided by one, computed from x. */
const times = (slope: (b: Builder, x: Value) => Value): Rule => [({ b, x }, dy) => mul(b, dy, slope(b, x[0]!))];
const over = (slope: (b: Builder, x: Value) => Value): Rule => [({ b, x }, dy) => div(b, dy, slope(b, x[0]!))];

/** x² + c */
const plus = (b: Builder, x: Value, c: number): Value => add(b, mul(b, x, x), c);
/** 1 − x² */
const rest = (b: Builder, x: Value): Value => sub(b, 1, mul(b, x, x));

export const trigonometry: RuleTable = {
  Sin: times((b, x) => b.op('Cos', [x])),
  Cos: times((b, x) => neg(b, b.op('Sin', [x]))),
  Tan: [({ b, y }, dy) => mul(b, dy, plus(b, y[0]!, 1))],
  Asin: over((b, x) => sqrt(b, rest(b, x))),
  Acos: over((b, x) => neg(b, sqrt(b, rest(b, x)))),
  Atan: over((b, x) => plus(b, x, 1)),
  Sinh: times((b, x) => b.op('Cosh', [x])),
  Cosh: times((b, x) => b.op('Sinh', [x])),
  Asinh: over((b, x) => sqrt(b, plus(b, x, 1))),
  Acosh: over((b, x) => sqrt(b, plus(b, x, -1))),
  Atanh: over((b, x) => rest(b, x)),
};
