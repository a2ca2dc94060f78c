// Gradients of operators that work element by element. Sums over broadcast axes are backward.ts's work.

import type { Builder } from '../../onnx/builder.js';
import { cast, div, equal, exp, less, log, mul, neg, pow, sub, where } from '../../onnx/formulas.js';
import type { Value } from '../../onnx/graph.js';
import type { InputRule, Rule, RuleContext, RuleTable } from './context.js';
import { isNorm, squareRoot } from './roots.js';

const identity: InputRule = (_, dy) => dy;

/** dx = dy · p · x^(p−1), and 0 where p = 0 (0 · ∞ at x = 0 otherwise). */
function powBase(c: RuleContext, dy: Value): Value {
  const { b, x, constant } = c;
  const fixed = constant(1);
  if (fixed?.length === 1) {
    const p = fixed[0]!;
    if (p === 0) return mul(b, dy, 0);
    if (p === 1) return dy;
    if (isNorm(c, p)) {
      const none = equal(b, x[0]!, 0);
      return where(b, none, 0, mul(b, dy, mul(b, pow(b, where(b, none, 1, x[0]!), p - 1), p)));
    }
    const slope = p === 2 ? x[0]! : pow(b, x[0]!, p - 1);
    return mul(b, dy, mul(b, slope, p));
  }
  const p = cast(b, x[1]!, b.type(x[0]!).dtype);
  const slope = mul(b, p, pow(b, x[0]!, sub(b, p, 1)));
  return where(b, equal(b, p, 0), 0, mul(b, dy, slope));
}

/** dp = dy · y · ln x, and 0 where x = 0, as the limit for p > 0 is. */
function powExponent({ b, x, y }: RuleContext, dy: Value): Value {
  const flat = equal(b, x[0]!, 0);
  return where(b, flat, 0, mul(b, dy, mul(b, y[0]!, log(b, where(b, flat, 1, x[0]!)))));
}

/** The inputs that attain the extremum share the gradient equally, as PyTorch's maximum and amax do. */
const extremum: Rule = {
  variadic: ({ b, x, y, once }, input, dy) => {
    const { dtype } = b.type(dy);
    const wins = once('wins', () => x.map((value) => cast(b, equal(b, value, y[0]!), dtype)));
    if (wins.length === 1) return dy;
    const count = once('count', () => b.op('Sum', wins));
    return div(b, mul(b, dy, wins[input]!), count);
  },
};

/** dx = dy where low ≤ x ≤ high. */
function clip({ b, x }: RuleContext, dy: Value): Value {
  let dx = dy;
  if (x[1]) dx = where(b, less(b, x[0]!, x[1]), 0, dx);
  if (x[2]) dx = where(b, less(b, x[2], x[0]!), 0, dx);
  return dx;
}

/** ONNX Dropout is the identity unless `training_mode` is true; then dx = dy · mask / (1 − ratio). */
function dropout(c: RuleContext, dy: Value): Value {
  const { b, x } = c;
  if (!x[2] || c.constant(2)?.[0] === 0) return dy;
  const keep = x[1] ? sub(b, 1, cast(b, x[1], b.type(dy).dtype)) : 0.5;
  const kept = div(b, cast(b, c.output(1), b.type(dy).dtype), keep);
  return where(b, x[2], mul(b, dy, kept), dy);
}

const twoOverRootPi = 2 / Math.sqrt(Math.PI);
const reciprocalSlope = (b: Builder, y: Value): Value => neg(b, mul(b, y, y));

export const elementwise: RuleTable = {
  Add: [identity, identity],
  Sub: [identity, ({ b }, dy) => neg(b, dy)],
  Mul: [({ b, x }, dy) => mul(b, dy, x[1]!), ({ b, x }, dy) => mul(b, dy, x[0]!)],
  Div: [({ b, x }, dy) => div(b, dy, x[1]!), ({ b, x, y }, dy) => neg(b, div(b, mul(b, dy, y[0]!), x[1]!))],
  Pow: [powBase, powExponent],
  Sum: { variadic: (_, __, dy) => dy },
  Mean: { variadic: ({ b, x }, _, dy) => div(b, dy, x.length) },
  // x − y · trunc(x / y): floats take the sign of x (fmod).
  Mod: [
    identity,
    ({ b, x }, dy) => {
      const quotient = div(b, x[0]!, x[1]!);
      const whole = mul(b, b.op('Sign', [quotient]), b.op('Floor', [b.op('Abs', [quotient])]));
      return neg(b, mul(b, dy, whole));
    },
  ],
  Max: extremum,
  Min: extremum,
  Where: [null, ({ b, x }, dy) => where(b, x[0]!, dy, 0), ({ b, x }, dy) => where(b, x[0]!, 0, dy)],

  Neg: [({ b }, dy) => neg(b, dy)],
  Abs: [({ b, x }, dy) => mul(b, dy, b.op('Sign', [x[0]!]))],
  Sqrt: [squareRoot],
  Reciprocal: [({ b, y }, dy) => mul(b, dy, reciprocalSlope(b, y[0]!))],
  Exp: [({ b, y }, dy) => mul(b, dy, y[0]!)],
  Log: [({ b, x }, dy) => div(b, dy, x[0]!)],
  Erf: [({ b, x }, dy) => mul(b, dy, mul(b, exp(b, neg(b, mul(b, x[0]!, x[0]!))), twoOverRootPi))],
  Tanh: [({ b, y }, dy) => mul(b, dy, sub(b, 1, mul(b, y[0]!, y[0]!)))],
  Sigmoid: [({ b, y }, dy) => mul(b, dy, mul(b, y[0]!, sub(b, 1, y[0]!)))],
  Relu: [({ b, y }, dy) => where(b, less(b, 0, y[0]!), dy, 0)],
  // A bound takes the gradient of what it cut off.
  Clip: [
    clip,
    ({ b, x }, dy) => where(b, less(b, x[0]!, x[1]!), dy, 0),
    ({ b, x }, dy) => where(b, less(b, x[2]!, x[0]!), dy, 0),
  ],
  Identity: [identity],
  Cast: [({ b, x }, dy) => cast(b, dy, b.type(x[0]!).dtype)],
  CastLike: [({ b, x }, dy) => cast(b, dy, b.type(x[0]!).dtype), null],
  Dropout: [dropout, null, null],
};
