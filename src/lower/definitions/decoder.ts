// What the fused operators of decoders mean, in standard operators: normalisation by the root mean square, the gated
// unit swish(gate) · up, and rotary position embeddings by halves of a head. An input `after` of the first two is there
// for the order of nodes alone (lower/recompute-cheap.ts).

import type { Builder } from '../../onnx/builder.js';
import { add, div, mean, mul, neg, rows, sqrt, sub, sum, view } from '../../onnx/formulas.js';
import { attrFloat, attrInt, type Node, type Value } from '../../onnx/graph.js';
import type { Definition } from '../form.js';

/** √(mean(x²) + ε) of each row. */
const rootOf = (b: Builder, node: Node, x: Value): Value =>
  sqrt(b, add(b, mean(b, mul(b, x, x), [-1]), attrFloat(node, 'epsilon', 1e-5)));

/**
 * With h = x / root and g = dy · scale: dx = (g − h · mean(g · h)) / root, and dscale = Σ dy · h over the rows.
 */
const rmsNormGrad: Definition = (b, node) => {
  const [dy, x, scale] = node.inputs as [Value, Value, Value];
  const root = rootOf(b, node, x);
  const h = div(b, x, root);
  const g = mul(b, dy, scale);
  const dx = node.outputs[0] ? div(b, sub(b, g, mul(b, h, mean(b, mul(b, g, h), [-1]))), root) : '';
  const dscale = node.outputs[1] ? sum(b, rows(b, mul(b, dy, h)), [0], false) : '';
  return [dx, dscale];
};

const sigmoid = (b: Builder, x: Value): Value => b.op('Sigmoid', [x]);

/** With s the sigmoid of the gate g: dg = dy · up · s · (1 + g · (1 − s)) and dup = dy · g · s. */
const swiGluGrad: Definition = (b, node) => {
  const [dy, gate, up] = node.inputs as [Value, Value, Value];
  const s = sigmoid(b, gate);
  const slope = mul(b, s, add(b, mul(b, gate, sub(b, 1, s)), 1));
  return [node.outputs[0] ? mul(b, mul(b, dy, up), slope) : '', node.outputs[1] ? mul(b, dy, mul(b, gate, s)) : ''];
};

/** x [B, T, H·d] by x · cos + turned(x) · sin, or transposed by x · cos + turned⁻¹(x · sin); turned(a, b) = (−b, a). */
const rotary: Definition = (b, node) => {
  const [x, cos, sin] = node.inputs as [Value, Value, Value];
  const [batch, length, channels] = b.shape(x) as [number, number, number];
  const [samples, tokens, size] = b.shape(cos) as [number, number, number];
  const heads = view(b, x, [batch, length, channels / size, size]);
  const [c, s] = [cos, sin].map((angle) => view(b, angle, [samples, tokens, 1, size])) as [Value, Value];
  const transposed = attrInt(node, 'transposed', 0) !== 0;
  const halves = b.ints([size / 2, size / 2]);
  const turned = (value: Value): Value => {
    const [low, high] = b.ops('Split', [value, halves], { axis: 3 }, { outputs: 2 }) as [Value, Value];
    return b.op('Concat', transposed ? [high, neg(b, low)] : [neg(b, high), low], { axis: 3 });
  };
  const other = transposed ? turned(mul(b, heads, s)) : mul(b, turned(heads), s);
  return [view(b, add(b, mul(b, heads, c), other), b.shape(x))];
};

export const decoder: Readonly<Record<string, Definition>> = {
  'ortune.RmsNorm': (b, node) => {
    const [x, scale] = node.inputs as [Value, Value];
    return [mul(b, div(b, x, rootOf(b, node, x)), scale)];
  },
  'ortune.RmsNormGrad': rmsNormGrad,
  'ortune.SwiGlu': (b, node) => {
    const [gate, up] = node.inputs as [Value, Value];
    return [mul(b, mul(b, gate, sigmoid(b, gate)), up)];
  },
  'ortune.SwiGluGrad': swiGluGrad,
  'ortune.Rotary': rotary,
};
