// Gradients of softmax and layer normalisation, by the fused operators of the domain ortune where one fits. The
// definitions of those, with their derivations, are in lower/definitions.

import { float } from '../../onnx/builder.js';
import { add, axisOf, cast, div, exp, expand, mul, sub, sum, zeros } from '../../onnx/formulas.js';
import { attrFloat, attrInt, type Value } from '../../onnx/graph.js';
import { elementCount } from '../../onnx/tensor.js';
import type { InputRule, RuleContext, RuleTable } from './context.js';

const axisFromBack = ({ b, node, x }: RuleContext): number => {
  const { length } = b.shape(x[0]!);
  return axisOf(attrInt(node, 'axis', -1), length) - length;
};

/** dx = y · (dy − Σ dy·y) along the axis. */
const softmax: InputRule = (c, dy) => {
  const { b, y } = c;
  const axis = axisFromBack(c);
  if (axis === -1) return b.op('SoftmaxGrad', [dy, y[0]!], {}, { domain: 'ortune' });
  return mul(b, y[0]!, sub(b, dy, sum(b, mul(b, dy, y[0]!), [axis])));
};

/** dx = dy − exp(y) · Σ dy along the axis. */
const logSoftmax: InputRule = (c, dy) => {
  const { b, y } = c;
  const axis = axisFromBack(c);
  if (axis === -1) return b.op('LogSoftmaxGrad', [dy, y[0]!], {}, { domain: 'ortune' });
  return sub(b, dy, mul(b, exp(b, y[0]!), sum(b, dy, [axis])));
};

/**
 * dx, dscale and dbias of a layer normalisation of `x` over its trailing axes from `axis` (negative) on. Outputs that
 * nobody reads are dropped afterwards. A scale that broadcasts over the normalised axes is expanded first, so dscale
 * and dbias have the shape of those axes.
 */
export function layerNormalizationGrad(
  { b, node, once }: RuleContext,
  dy: Value,
  x: Value,
  scale: Value,
  axis: number,
  defaultEpsilon = 1e-5,
): readonly Value[] {
  return once('LayerNormalizationGrad', () => {
    const attrs = { axis, epsilon: float(attrFloat(node, 'epsilon', defaultEpsilon)) };
    const full = expand(b, scale, b.shape(x).slice(axis));
    return b.ops('LayerNormalizationGrad', [dy, x, full], attrs, { domain: 'ortune', outputs: 3 });
  });
}

const layerNormalization = (c: RuleContext, input: number): Value => {
  const [dy] = c.dy;
  if (dy) return layerNormalizationGrad(c, dy, c.x[0]!, c.x[1]!, axisFromBack(c))[input]!;
  return zeros(c.b, c.b.type(c.x[input]!));
};

/** The mean m and r = 1/√(variance + ε) of N elements are outputs too: dm/dx = 1/N and dr/dx = −r³ · (x − m) / N. */
const layerNormalizationInput: InputRule = (c) => {
  const { b, x, y, dy } = c;
  const shape = b.shape(x[0]!);
  const count = elementCount(shape.slice(axisFromBack(c)));
  const { dtype } = b.type(x[0]!);
  let dx = dy[0] && layerNormalization(c, 0);
  const plus = (term: Value): Value => (dx ? add(b, dx, cast(b, term, dtype)) : cast(b, term, dtype));
  if (dy[1]) dx = plus(expand(b, div(b, dy[1], count), shape));
  if (dy[2]) {
    const [m, r] = [c.output(1), y[2]!];
    const slope = mul(b, mul(b, mul(b, r, r), r), mul(b, dy[2], -1 / count));
    dx = plus(mul(b, sub(b, cast(b, x[0]!, b.type(m).dtype), m), slope));
  }
  return dx!;
};

export const normalise: RuleTable = {
  Softmax: [softmax],
  LogSoftmax: [logSoftmax],
  LayerNormalization: {
    anyOutput: [layerNormalizationInput, (c) => layerNormalization(c, 1), (c) => layerNormalization(c, 2)],
  },
};
