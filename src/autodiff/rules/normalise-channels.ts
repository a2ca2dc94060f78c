// Gradients of normalisations of images [N, C, …]: per channel with given statistics (BatchNormalization as inference
// runs it) or with the batch's own (ortune.BatchNorm), per image and group of channels (GroupNormalization;
// InstanceNormalization is one group per channel), and to unit p-norm.

import { perChannelSum } from '../../onnx/formulas/convolution.js';
import {
  add,
  axisOf,
  div,
  equal,
  indices,
  mean,
  mul,
  neg,
  pow,
  sqrt,
  sub,
  sum,
  view,
  where,
} from '../../onnx/formulas.js';
import { attrFloat, attrInt, type Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import type { InputRule, RuleContext, RuleTable } from './context.js';

/** A value [C] as [1, C, 1, …]: beside x. */
const besideImage = ({ b, x }: RuleContext, value: Value): Value =>
  view(
    b,
    value,
    b.shape(x[0]!).map((d, axis) => (axis === 1 ? d : 1)),
  );

/** 1 / √(variance + ε) */
const inverseDeviation = ({ b, node }: RuleContext, variance: Value): Value =>
  b.op('Reciprocal', [sqrt(b, add(b, variance, attrFloat(node, 'epsilon', 1e-5)))]);

/**
 * y = x̂ · scale + bias with x̂ = (x − mean) · r, r = 1/√(variance + ε), all but x per channel. Statistics are inputs,
 * so every gradient is a product: dx = dy·scale·r, dscale = Σ dy·x̂, dbias = Σ dy, dmean = −scale·r·dbias and dvariance
 * = −½·scale·r²·dscale.
 */
function batchParts(c: RuleContext, dy: Value) {
  const { b, node, x, once } = c;
  if (attrInt(node, 'training_mode', 0) !== 0)
    new TypeContext(b.graph, node).fail(
      'statistics of the batch have a gradient in ortune.BatchNorm alone, not in the standard operator',
    );
  const r = once('r', () => inverseDeviation(c, x[4]!));
  const slope = (): Value => once('slope', () => mul(b, x[1]!, r));
  const dscale = (): Value =>
    once('dscale', () => {
      const normalised = mul(b, sub(b, x[0]!, besideImage(c, x[3]!)), besideImage(c, r));
      return perChannelSum(b, mul(b, dy, normalised));
    });
  const dbias = (): Value => once('dbias', () => perChannelSum(b, dy));
  return { r, slope, dscale, dbias };
}

const batchInput: InputRule = (c, dy) => mul(c.b, dy, besideImage(c, batchParts(c, dy).slope()));
const batchScale: InputRule = (c, dy) => batchParts(c, dy).dscale();
const batchBias: InputRule = (c, dy) => batchParts(c, dy).dbias();
const batchMean: InputRule = (c, dy) => {
  const { slope, dbias } = batchParts(c, dy);
  return neg(c.b, mul(c.b, slope(), dbias()));
};
const batchVariance: InputRule = (c, dy) => {
  const { r, slope, dscale } = batchParts(c, dy);
  return mul(c.b, mul(c.b, mul(c.b, slope(), r), dscale()), -0.5);
};

/**
 * With the statistics of the batch, mean and deviation depend on x as well; what they were is kept by the forward pass.
 * The running averages are no part of the loss.
 */
const fromBatch =
  (output: number): InputRule =>
  (c, dy) =>
    c.once('grad', () => {
      const [x, scale, bias] = c.x as [Value, Value, Value];
      const inputs = [dy, x, scale, bias, c.output(1), c.output(2)];
      const attrs = Object.fromEntries(c.node.attrs);
      return c.b.ops('BatchNormGrad', inputs, attrs, { domain: 'ortune', outputs: 3 });
    })[output]!;

/** x̂ and r over x viewed as [N, groups, elements]. */
function grouped(c: RuleContext, groups: number): { normalised: Value; r: Value } {
  const { b, x, once } = c;
  return once('grouped', () => {
    const shape = b.shape(x[0]!);
    const rows = view(b, x[0]!, [shape[0]!, groups, elementCount(shape.slice(1)) / groups]);
    const centred = sub(b, rows, mean(b, rows, [2]));
    const r = inverseDeviation(c, mean(b, mul(b, centred, centred), [2]));
    return { normalised: mul(b, centred, r), r };
  });
}

/**
 * y = x̂ · scale + bias, x̂ = (x − mean)·r over the elements of a group, scale and bias per channel. With g = dy·scale:
 * dx = r·(g − mean(g) − x̂·mean(g·x̂)),  dscale = Σ dy·x̂,  dbias = Σ dy.
 */
function groupInput(c: RuleContext, dy: Value, groups: number): Value {
  const { b, x } = c;
  const { normalised, r } = grouped(c, groups);
  const g = view(b, mul(b, dy, besideImage(c, x[1]!)), b.shape(normalised));
  const along = mul(b, normalised, mean(b, mul(b, g, normalised), [2]));
  return view(b, mul(b, r, sub(b, sub(b, g, mean(b, g, [2])), along)), b.shape(x[0]!));
}

const groupScale = (c: RuleContext, dy: Value, groups: number): Value =>
  perChannelSum(c.b, mul(c.b, dy, view(c.b, grouped(c, groups).normalised, c.b.shape(dy))));

const inGroups = (groups: (c: RuleContext) => number): InputRule[] => [
  (c, dy) => groupInput(c, dy, groups(c)),
  (c, dy) => groupScale(c, dy, groups(c)),
  ({ b }, dy) => perChannelSum(b, dy),
];

/** y = x / n with n the 1- or 2-norm along the axis: dx = (dy − slope · Σ dy·y) / n, slope = ∂n/∂x: sign x, or y. */
const lpNormalization: InputRule = ({ b, node, x, y }, dy) => {
  const axis = axisOf(attrInt(node, 'axis', -1), b.shape(dy).length);
  const one = attrInt(node, 'p', 2) === 1;
  const size = b.op(one ? 'ReduceL1' : 'ReduceL2', [x[0]!, b.ints([axis])]);
  const slope = one ? b.op('Sign', [x[0]!]) : y[0]!;
  const none = equal(b, size, 0);
  const turned = sub(b, dy, mul(b, slope, sum(b, mul(b, dy, y[0]!), [axis])));
  return where(b, none, 0, div(b, turned, where(b, none, 1, size)));
};

/**
 * y = x · s^−β, s = bias + α/size · Σ x² over `size` channels around each (one more behind than before it when even):
 * dx = dy · s^−β − 2αβ/size · x · Σ (dy · x · s^(−β−1)) over the channels that x counts for. The sums over channels are
 * products with a band of ones. Krizhevsky et al. 2012.
 */
const localResponse: InputRule = ({ b, node, x }, dy) => {
  const shape = b.shape(x[0]!);
  const [n, channels] = shape as [number, number];
  const size = attrInt(node, 'size', 1);
  const [alpha, beta] = [attrFloat(node, 'alpha', 1e-4) / size, attrFloat(node, 'beta', 0.75)];
  const before = Math.floor((size - 1) / 2);
  const counts = (c: number, other: number) => other >= c - before && other < c - before + size;
  const band = (transposed: boolean): Value => {
    const ones = indices(channels).flatMap((c) =>
      indices(channels).map((other) => +(transposed ? counts(other, c) : counts(c, other))),
    );
    return b.constant(Tensor.of(b.type(dy).dtype, ones, [channels, channels]), 'band');
  };
  const rows = (value: Value): Value => view(b, value, [n, channels, elementCount(shape.slice(2))]);
  const [image, slope] = [rows(x[0]!), rows(dy)];
  const squares = b.op('MatMul', [band(false), mul(b, image, image)]);
  const s = add(b, mul(b, squares, alpha), attrFloat(node, 'bias', 1));
  const direct = mul(b, slope, pow(b, s, -beta));
  const through = b.op('MatMul', [band(true), mul(b, mul(b, slope, image), pow(b, s, -beta - 1))]);
  return view(b, sub(b, direct, mul(b, mul(b, image, through), 2 * alpha * beta)), shape);
};

export const normaliseChannels: RuleTable = {
  BatchNormalization: [batchInput, batchScale, batchBias, batchMean, batchVariance],
  'ortune.BatchNorm': [fromBatch(0), fromBatch(1), fromBatch(2), null, null],
  GroupNormalization: inGroups(({ node }) => attrInt(node, 'num_groups', 1)),
  InstanceNormalization: inGroups(({ b, x }) => b.shape(x[0]!)[1]!),
  LpNormalization: [lpNormalization],
  LRN: [localResponse],
};
