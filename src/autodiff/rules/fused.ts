// Gradients of fused operators: those of com.microsoft that optimised exports contain, and those of the domain ortune
// that tasks and transfer put into the graph. Each recomputes what its forward pass did not keep.

import { add, exp, mul, neg, sub, sum, transpose, view, zeros } from '../../onnx/formulas.js';
import { attrInt, attrString, type Node, type Value } from '../../onnx/graph.js';
import type { InputRule, RuleContext, RuleTable } from './context.js';
import { layerNormalizationGrad } from './normalise.js';

const geluGrad = ({ b }: RuleContext, dy: Value, x: Value, approximate: string): Value =>
  b.op('GeluGrad', [dy, x], { approximate }, { domain: 'ortune' });

/** y = gelu(x + bias), bias along the last axis or left out: input 0 or 1. */
const biasGelu =
  (input: number, approximate: (node: Node) => string): InputRule =>
  (c, dy) => {
    const [x, bias] = c.x as [Value, Value?];
    const form = approximate(c.node);
    if (!bias) return geluGrad(c, dy, x, form);
    const attrs = { approximate: form };
    return c.once('both', () => c.b.ops('BiasGeluGrad', [dy, x, bias], attrs, { domain: 'ortune', outputs: 2 }))[
      input
    ]!;
  };

const exact = (): string => 'none';
const byTanh = (): string => 'tanh';
const asNamed = (node: Node): string => attrString(node, 'approximate', 'none');

/** What a SkipLayerNormalization normalises: input + skip + bias, its fourth output. */
const skipSum = (c: RuleContext): Value =>
  c.once('sum', () => {
    if (c.y[3]) return c.y[3];
    const [input, skip, , , bias] = c.x;
    const total = add(c.b, input!, skip!);
    return bias ? add(c.b, total, bias) : total;
  });

/** Gradient of the normalised output alone: 0 for the sum, 1 for gamma, 2 for beta. */
const skipNormalised =
  (output: number): InputRule =>
  (c) => {
    const dy = c.dy[0] ?? zeros(c.b, c.b.type(c.y[0]!));
    return layerNormalizationGrad(c, dy, skipSum(c), c.x[2]!, -1, 1e-12)[output]!;
  };

/** The gradient of the sum, for each of its terms: through the normalisation and through the fourth output. */
const skipTerm: InputRule = (c) =>
  c.once('dsum', () => {
    const kept = c.dy[3];
    if (!c.dy[0]) return kept!;
    const dsum = skipNormalised(0)(c, c.dy[0]);
    return kept ? add(c.b, dsum, kept) : dsum;
  });

const crossEntropyInputs = ({ x, output }: RuleContext, dloss: Value): Value[] => [
  dloss,
  x[0]!,
  output(1),
  ...x.slice(1),
];

const crossEntropy: InputRule = (c, dloss) =>
  c.b.op('CrossEntropyGrad', crossEntropyInputs(c, dloss), Object.fromEntries(c.node.attrs), { domain: 'ortune' });

/** The mask is a function of (key, id, element): the same operator on dy applies it again. */
const dropout: InputRule = ({ b, node, x }, dy) =>
  b.op('Dropout', [dy, x[1]!], Object.fromEntries(node.attrs), { domain: 'ortune' });

/** dq, dk, dv and that of the learned bias in one operator. The other bias takes none: what is trained is apart. */
const attention =
  (output: number): InputRule =>
  (c, dy) =>
    c.once('AttentionGrad', () => {
      const [q, k, v, bias = '', key = '', ...further] = c.x as [Value, Value, Value, ...Value[]];
      const inputs = [dy, q, k, v, bias, key, c.y[0]!, c.output(1), ...further.map((x) => x ?? '')];
      const outputs = further[0] ? 4 : 3;
      return c.b.ops('AttentionGrad', inputs, Object.fromEntries(c.node.attrs), { domain: 'ortune', outputs });
    })[output]!;

/**
 * A sink [H] takes the share P = exp(sink − m) · r of every row, m and r being its statistics, and no value: with D =
 * Σ dy·y of the row, dsink = −Σ P · D over samples and rows.
 */
const attentionSink: InputRule = (c, dy) => {
  const { b } = c;
  const sink = c.x[6]!;
  const [heads] = b.shape(sink) as [number];
  const [batch, length, channels] = b.shape(dy) as [number, number, number];
  const [top, r] = b.ops('Split', [c.output(1)], { axis: 3, num_outputs: 2 }, { outputs: 2 }) as [Value, Value];
  const share = mul(b, exp(b, sub(b, view(b, sink, [1, heads, 1, 1]), top)), r);
  const along = sum(b, view(b, mul(b, dy, c.y[0]!), [batch, length, heads, channels / heads]), [3]);
  return neg(b, sum(b, mul(b, share, transpose(b, along, [0, 2, 1, 3])), [0, 2, 3], false));
};

const ofOrtune = { domain: 'ortune', outputs: 2 };

/** dx and dscale. */
const rmsNorm =
  (output: number): InputRule =>
  ({ b, node, x, once }, dy) =>
    once('RmsNormGrad', () => b.ops('RmsNormGrad', [dy, x[0]!, x[1]!], Object.fromEntries(node.attrs), ofOrtune))[
      output
    ]!;

/** Of the gate and of what it multiplies. */
const swiGlu =
  (output: number): InputRule =>
  ({ b, x, once }, dy) =>
    once('SwiGluGrad', () => b.ops('SwiGluGrad', [dy, x[0]!, x[1]!], {}, ofOrtune))[output]!;

/** A rotation's transpose is its gradient. */
const rotary: InputRule = ({ b, node, x }, dy) =>
  b.op('Rotary', [dy, x[1]!, x[2]!], { transposed: 1 - attrInt(node, 'transposed', 0) }, { domain: 'ortune' });

export const fused: RuleTable = {
  Gelu: [(c, dy) => geluGrad(c, dy, c.x[0]!, asNamed(c.node))],
  'com.microsoft.Gelu': [(c, dy) => geluGrad(c, dy, c.x[0]!, 'none')],
  'com.microsoft.BiasGelu': [biasGelu(0, exact), biasGelu(1, exact)],
  'com.microsoft.FastGelu': [biasGelu(0, byTanh), biasGelu(1, byTanh)],
  'ortune.BiasGelu': [biasGelu(0, asNamed), biasGelu(1, asNamed)],
  'com.microsoft.SkipLayerNormalization': {
    anyOutput: [skipTerm, skipTerm, skipNormalised(1), skipNormalised(2), skipTerm],
  },
  'ortune.CrossEntropy': [crossEntropy, null, null, null],
  'ortune.Dropout': [dropout, null],
  'ortune.Transpose': [({ b }, dy) => b.op('Transpose', [dy], {}, { domain: 'ortune' })],
  'ortune.RmsNorm': [rmsNorm(0), rmsNorm(1)],
  'ortune.SwiGlu': [swiGlu(0), swiGlu(1)],
  // Angles are made of positions; they are fused only where no gradient is wanted of them.
  'ortune.Rotary': [rotary, null, null],
  'ortune.Attention': [attention(0), attention(1), attention(2), null, null, attention(3), attentionSink],
};
