// What the fused gradient operators of the domain ortune mean, in standard operators. The kernels in native/ops must
// compute the same, and tests compare both with a float64 reference.

import type { Builder } from '../../onnx/builder.js';
import { maxPoolGrad } from '../../onnx/formulas/pooling.js';
import {
  add,
  axisOf,
  cast,
  erf,
  exp,
  expand,
  indices,
  mean,
  mul,
  rows,
  sqrt,
  sub,
  sum,
  tanh,
  view,
  zeros,
} from '../../onnx/formulas.js';
import { attrFloat, attrInt, attrString, type Value } from '../../onnx/graph.js';
import { elementCount } from '../../onnx/tensor.js';
import type { Definition } from '../form.js';

const square = (b: Builder, x: Value): Value => mul(b, x, x);

/** gelu(x) = x·Φ(x), so dx = dy · (Φ(x) + x·φ(x)) with the normal distribution's Φ and φ. */
function exactGeluGrad(b: Builder, dy: Value, x: Value): Value {
  const cdf = mul(b, add(b, erf(b, mul(b, x, Math.SQRT1_2)), 1), 0.5);
  const pdf = mul(b, exp(b, mul(b, square(b, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return mul(b, dy, add(b, cdf, mul(b, x, pdf)));
}

/** gelu(x) = ½x(1 + t), t = tanh(u), u = √(2/π)(x + 0.044715x³), so dx = dy · ½(1 + t + x(1 − t²)u′). */
function tanhGeluGrad(b: Builder, dy: Value, x: Value): Value {
  const [k, c] = [Math.sqrt(2 / Math.PI), 0.044715];
  const xx = square(b, x);
  const t = tanh(b, mul(b, mul(b, x, add(b, mul(b, xx, c), 1)), k));
  const du = mul(b, add(b, mul(b, xx, 3 * c), 1), k);
  const slope = mul(b, mul(b, x, sub(b, 1, square(b, t))), du);
  return mul(b, mul(b, dy, 0.5), add(b, add(b, t, 1), slope));
}

const geluGrad: Definition = (b, node) => {
  const [dy, x] = node.inputs as [Value, Value];
  return [attrString(node, 'approximate', 'none') === 'tanh' ? tanhGeluGrad(b, dy, x) : exactGeluGrad(b, dy, x)];
};

/** The gradient of gelu(x + bias) for x, and its sum over the rows for the bias. */
const biasGeluGrad: Definition = (b, node) => {
  const [dy, x, bias] = node.inputs as [Value, Value, Value];
  const total = add(b, x, bias);
  const tanhForm = attrString(node, 'approximate', 'none') === 'tanh';
  const dx = tanhForm ? tanhGeluGrad(b, dy, total) : exactGeluGrad(b, dy, total);
  return [dx, node.outputs[1] ? sum(b, rows(b, dx), [0], false) : ''];
};

/**
 * y = x̂·scale + bias with x̂ = (x − mean)·r, r = 1/√(variance + ε), over the normalised axes. With g = dy·scale:
 * dx = r·(g − mean(g) − x̂·mean(g·x̂)), dscale = Σ dy·x̂ and dbias = Σ dy over the other axes.
 */
const layerNormalizationGrad: Definition = (b, node) => {
  const [dy, x, scale] = node.inputs as [Value, Value, Value];
  const rank = b.shape(x).length;
  const first = axisOf(attrInt(node, 'axis', -1), rank);
  const inner = indices(rank).slice(first);
  const outer = indices(rank).slice(0, first);
  const overRows = (value: Value) => view(b, sum(b, value, outer, false), b.shape(scale));
  const dbias = () => (outer.length ? overRows(dy) : dy);
  const [wantsX, wantsScale, wantsBias] = [0, 1, 2].map((i) => !!node.outputs[i]);
  if (!wantsX && !wantsScale) return ['', '', dbias()];

  const centred = sub(b, x, mean(b, x, inner));
  const r = b.op('Reciprocal', [sqrt(b, add(b, mean(b, square(b, centred), inner), attrFloat(node, 'epsilon', 1e-5)))]);
  const normalised = mul(b, centred, r);
  const dscale = () => (outer.length ? overRows(mul(b, dy, normalised)) : mul(b, dy, normalised));
  const dx = () => {
    const g = mul(b, dy, scale);
    const along = mul(b, normalised, mean(b, mul(b, g, normalised), inner));
    return mul(b, r, sub(b, sub(b, g, mean(b, g, inner)), along));
  };
  return [wantsX ? dx() : '', wantsScale ? dscale() : '', wantsBias ? dbias() : ''];
};

/** dx = scale · y · (dy − Σ dy·y) over the last axis. */
const softmaxGrad: Definition = (b, node) => {
  const [dy, y] = node.inputs as [Value, Value];
  const scale = attrFloat(node, 'scale', 1);
  const dx = mul(b, y, sub(b, dy, sum(b, mul(b, dy, y), [-1])));
  return [scale === 1 ? dx : mul(b, dx, scale)];
};

/** dx = dy − exp(y) · Σ dy over the last axis. */
const logSoftmaxGrad: Definition = (b, node) => {
  const [dy, y] = node.inputs as [Value, Value];
  return [sub(b, dy, mul(b, exp(b, y), sum(b, dy, [-1])))];
};

/** The sum over all axes but the last. */
const biasGrad: Definition = (b, node) => {
  const dy = node.inputs[0]!;
  return [b.shape(dy).length === 1 ? dy : sum(b, rows(b, dy), [0], false)];
};

/** Rows of dy added into a table of zeros; the runtime's ScatterElements is single-threaded and keeps one order. */
const embeddingGrad: Definition = (b, node) => {
  const [dy, index] = node.inputs as [Value, Value];
  const shape = b.shape(node.outputs[0]!);
  const columns = elementCount(shape.slice(1));
  const count = elementCount(b.shape(index));
  const table = zeros(b, { dtype: b.type(dy).dtype, shape: [shape[0]!, columns] });
  const where = expand(b, view(b, cast(b, index, 'int64'), [count, 1]), [count, columns]);
  const added = b.op('ScatterElements', [table, where, view(b, dy, [count, columns])], { axis: 0, reduction: 'add' });
  return [view(b, added, shape)];
};

/** dy added at the places of the maxima: [dy, places, x, y], of which this needs the first two and the shape of x. */
const maxPoolScatter: Definition = (b, node) => {
  const [dy, places, x] = node.inputs as [Value, Value, Value];
  return [maxPoolGrad(b, dy, places, b.shape(x))];
};

export const fusedGradients: Readonly<Record<string, Definition>> = {
  'ortune.GeluGrad': geluGrad,
  'ortune.BiasGeluGrad': biasGeluGrad,
  'ortune.LayerNormalizationGrad': layerNormalizationGrad,
  'ortune.SoftmaxGrad': softmaxGrad,
  'ortune.LogSoftmaxGrad': logSoftmaxGrad,
  'ortune.BiasGrad': biasGrad,
  'ortune.EmbeddingGrad': embeddingGrad,
  'ortune.MaxPoolScatter': maxPoolScatter,
};
