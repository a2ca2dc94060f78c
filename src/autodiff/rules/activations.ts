// Gradients of activation functions beyond those that elementwise.ts has. At a kink the slope is that from the left, as
// in PyTorch.

import { add, div, exp, less, mul, sub, tanh, where } from '../../onnx/formulas.js';
import { attrFloat, type Value } from '../../onnx/graph.js';
import type { InputRule, RuleContext, RuleTable } from './context.js';

/** dy where x is above 0, else dy · slope. */
const leaky = ({ b, x }: RuleContext, dy: Value, slope: Value | number): Value =>
  where(b, less(b, 0, x[0]!), dy, mul(b, dy, slope));

const leakyRelu: InputRule = (c, dy) => leaky(c, dy, attrFloat(c.node, 'alpha', 0.01));

/** y = x for x > 0, slope · x else; the slope broadcasts to x. */
const prelu: InputRule = (c, dy) => leaky(c, dy, c.x[1]!);
const preluSlope: InputRule = ({ b, x }, dy) => where(b, less(b, 0, x[0]!), 0, mul(b, dy, x[0]!));

/** y = α(eˣ − 1) for x ≤ 0, whose slope is αeˣ = y + α. */
const elu: InputRule = (c, dy) => leaky(c, dy, add(c.b, c.y[0]!, attrFloat(c.node, 'alpha', 1)));

/** y = γx for x > 0, γα(eˣ − 1) else. */
const selu: InputRule = (c, dy) => {
  const [alpha, gamma] = [
    attrFloat(c.node, 'alpha', 1.6732631921768188),
    attrFloat(c.node, 'gamma', 1.0507010221481323),
  ];
  return leaky(c, mul(c.b, dy, gamma), mul(c.b, exp(c.b, c.x[0]!), alpha));
};

/** y = α(e^(x/α) − 1) for x ≤ 0, whose slope is e^(x/α). */
const celu: InputRule = (c, dy) => leaky(c, dy, exp(c.b, div(c.b, c.x[0]!, attrFloat(c.node, 'alpha', 1))));

/** y = x for x > α, 0 else. */
const thresholdedRelu: InputRule = ({ b, node, x }, dy) => where(b, less(b, attrFloat(node, 'alpha', 1), x[0]!), dy, 0);

/** y = 0 between −λ and λ, x moved towards 0 by the bias beyond. */
const shrink: InputRule = ({ b, node, x }, dy) =>
  where(b, less(b, attrFloat(node, 'lambd', 0.5), b.op('Abs', [x[0]!])), dy, 0);

/** y = max(0, min(1, αx + β)): the slope α between the bounds. */
const hardSigmoid: InputRule = ({ b, node, y }, dy) => {
  const inside = where(b, less(b, y[0]!, 1), mul(b, dy, attrFloat(node, 'alpha', 0.2)), 0);
  return where(b, less(b, 0, y[0]!), inside, 0);
};

/** y = x · max(0, min(1, x/6 + ½)): slope 0 up to −3, x/3 + ½ up to 3, 1 beyond. */
const hardSwish: InputRule = ({ b, x }, dy) => {
  const ramp = mul(b, dy, add(b, div(b, x[0]!, 3), 0.5));
  return where(b, less(b, -3, x[0]!), where(b, less(b, x[0]!, 3), ramp, dy), 0);
};

const sigmoid = ({ b, x }: RuleContext): Value => b.op('Sigmoid', [x[0]!]);

/** y = ln(1 + eˣ) */
const softplus: InputRule = (c, dy) => mul(c.b, dy, sigmoid(c));

/** y = x / (1 + |x|), so dx = dy / (1 + |x|)². */
const softsign: InputRule = ({ b, x }, dy) => {
  const bottom = add(b, b.op('Abs', [x[0]!]), 1);
  return div(b, dy, mul(b, bottom, bottom));
};

/** y = x·t, t = tanh(ln(1 + eˣ)): dx = dy · (t + x·(1 − t²)·σ(x)). */
const mish: InputRule = (c, dy) => {
  const { b, x } = c;
  const t = tanh(b, b.op('Softplus', [x[0]!]));
  return mul(b, dy, add(b, t, mul(b, mul(b, x[0]!, sub(b, 1, mul(b, t, t))), sigmoid(c))));
};

export const activations: RuleTable = {
  LeakyRelu: [leakyRelu],
  PRelu: [prelu, preluSlope],
  Elu: [elu],
  Selu: [selu],
  Celu: [celu],
  ThresholdedRelu: [thresholdedRelu],
  Shrink: [shrink],
  HardSigmoid: [hardSigmoid],
  HardSwish: [hardSwish],
  Softplus: [softplus],
  Softsign: [softsign],
  Mish: [mish],
};
