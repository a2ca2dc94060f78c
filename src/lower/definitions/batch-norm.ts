// BatchNormalization, with the statistics of the batch or given ones and with the activation behind it, and its
// gradient, in standard operators. Over the n values of a channel: mean, biased variance (in two passes, since E[x²] −
// mean² loses what large means leave), y = x̂·scale + bias with x̂ = (x − mean)·r, r = 1/√(variance + ε), and running ←
// momentum·running + (1 − momentum)·batch, with the variance times n/(n − 1), as PyTorch has it. Source: Ioffe and
// Szegedy, Batch Normalization (2015).

import type { Builder } from '../../onnx/builder.js';
import { add, indices, mean, mul, sqrt, sub, sum, view } from '../../onnx/formulas.js';
import { attrFloat, attrInt, attrString, type Node, type Value } from '../../onnx/graph.js';
import { channelAxis } from '../../onnx/shapes/batch-norm.js';
import { elementCount } from '../../onnx/tensor.js';
import type { Definition } from '../form.js';
import { activationOf } from './activation.js';

/** How the channels of x lie: the axes that are summed, values per channel, and [C] as it broadcasts to x. */
function channelsOf(b: Builder, node: Node, x: Value) {
  const shape = b.shape(x);
  const channels = channelAxis(attrInt(node, 'channels_last', 0) !== 0, shape.length);
  const beside = shape.map((d, axis) => (axis === channels ? d : 1));
  return {
    axes: indices(shape.length).filter((axis) => axis !== channels),
    count: elementCount(shape) / shape[channels]!,
    beside: (value: Value): Value => view(b, value, beside),
    flat: (value: Value): Value => view(b, value, [shape[channels]!]),
  };
}

const isGiven = (node: Node): boolean => attrString(node, 'statistics', 'batch') === 'given';
const inverseDeviation = (b: Builder, node: Node, variance: Value): Value =>
  b.op('Reciprocal', [sqrt(b, add(b, variance, attrFloat(node, 'epsilon', 1e-5)))]);

const batchNorm: Definition = (b, node) => {
  const [x, scale, bias, runningMean, runningVariance] = node.inputs as [Value, Value, Value, Value, Value];
  const { axes, count, beside, flat } = channelsOf(b, node, x);
  const given = isGiven(node);
  const centre = given ? beside(runningMean) : mean(b, x, axes);
  const centred = sub(b, x, centre);
  const variance = given ? beside(runningVariance) : mean(b, mul(b, centred, centred), axes);
  const r = inverseDeviation(b, node, variance);
  const z = add(b, mul(b, centred, mul(b, r, beside(scale))), beside(bias));
  const momentum = attrFloat(node, 'momentum', 0.9);
  const average = (running: Value, batch: Value, factor: number): Value =>
    add(b, mul(b, running, momentum), mul(b, flat(batch), (1 - momentum) * factor));
  return [
    activationOf(node).value(b, z),
    node.outputs[1] ? flat(centre) : '',
    node.outputs[2] ? flat(r) : '',
    node.outputs[3] ? average(runningMean, centre, 1) : '',
    node.outputs[4] ? average(runningVariance, variance, count / (count - 1)) : '',
  ];
};

/**
 * With z = x̂·scale + bias and g = dy·f′(z): dbias = Σ g, dscale = Σ g·x̂, and dx = scale·r·(g − mean(g) −
 * x̂·mean(g·x̂)), or scale·r·g for given statistics.
 */
const batchNormGrad: Definition = (b, node) => {
  const [dy, x, scale, bias, batchMean, r] = node.inputs as [Value, Value, Value, Value, Value, Value];
  const { axes, count, beside, flat } = channelsOf(b, node, x);
  const normalised = mul(b, sub(b, x, beside(batchMean)), beside(r));
  const g = activationOf(node).grad(b, dy, add(b, mul(b, normalised, beside(scale)), beside(bias)));
  const dbias = sum(b, g, axes);
  const dscale = sum(b, mul(b, g, normalised), axes);
  const slope = mul(b, beside(scale), beside(r));
  const dx = (): Value => {
    if (isGiven(node)) return mul(b, g, slope);
    const along = mul(b, normalised, mul(b, dscale, 1 / count));
    return mul(b, sub(b, sub(b, g, mul(b, dbias, 1 / count)), along), slope);
  };
  return [node.outputs[0] ? dx() : '', node.outputs[1] ? flat(dscale) : '', node.outputs[2] ? flat(dbias) : ''];
};

export const batchNormalisation: Readonly<Record<string, Definition>> = {
  'ortune.BatchNorm': batchNorm,
  'ortune.BatchNormGrad': batchNormGrad,
};
