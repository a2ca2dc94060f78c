// Gradients of softmax and layer normalisation, by the fused operators of the domain ortune where one fits. The
// definitions of those, with their derivations, are in lower/definitions.

import { float } from '../../onnx/builder.js';
import { axisOf, exp, expand, mul, sub, sum } from '../../onnx/formulas.js';
import { attrFloat, attrInt, type Value } from '../../onnx/graph.js';
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

const layerNormalization =
  (output: number): InputRule =>
  (c, dy) =>
    layerNormalizationGrad(c, dy, c.x[0]!, c.x[1]!, axisFromBack(c))[output]!;

export const normalise: RuleTable = {
  Softmax: [softmax],
  LogSoftmax: [logSoftmax],
  LayerNormalization: [layerNormalization(0), layerNormalization(1), layerNormalization(2)],
};
