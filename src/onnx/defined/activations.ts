// Activations that files have and the standard operators of opset 21 lack, and those that ONNX Runtime's optimizer has
// joined with the product in front of them.

import { type AttrInput, float } from '../builder.js';
import { add, mul } from '../formulas.js';
import type { Value } from '../graph.js';
import type { DefinedNode, DefinedTable } from './definition.js';

/** x · σ(αx) */
const swish = ({ b }: DefinedNode, x: Value, alpha: number): Value =>
  mul(b, x, b.op('Sigmoid', [alpha === 1 ? x : mul(b, x, alpha)]));

/** x · ½(1 + erf(x / √2)) in one operator. */
const gelu = ({ b }: DefinedNode, x: Value): Value => b.op('Gelu', [x]);

/** The activations by which the optimizer's fused operators name what follows, and the names of their numbers. */
const followers: Readonly<Record<string, readonly string[]>> = {
  Relu: [],
  Sigmoid: [],
  Tanh: [],
  Softplus: [],
  Softsign: [],
  LeakyRelu: ['alpha'],
  ThresholdedRelu: ['alpha'],
  Elu: ['alpha'],
  Celu: ['alpha'],
  Selu: ['alpha', 'gamma'],
  HardSigmoid: ['alpha', 'beta'],
};

/**
 * What the activation of this name makes of x.
 * @param number the activation's number of a name; undefined where the node does not say it, so that it is the standard
 *   operator's default
 */
export function follow(
  c: DefinedNode,
  x: Value,
  activation: string,
  number: (name: string, place: number) => number | undefined,
): Value {
  const { b } = c;
  if (activation === '') return x;
  if (activation === 'Clip') {
    const { dtype } = b.type(x);
    const [low, high] = [number('min', 0), number('max', 1)];
    return b.op('Clip', [
      x,
      low === undefined ? '' : b.scalar(dtype, low),
      high === undefined ? '' : b.scalar(dtype, high),
    ]);
  }
  if (activation === 'HardSwish') return b.op('HardSwish', [x]);
  if (activation === 'Gelu') return gelu(c, x);
  const names = Object.hasOwn(followers, activation) ? followers[activation] : undefined;
  if (!names)
    c.fail(`attribute 'activation' is '${activation}', which ortune does not know; save the model without it`);
  const attrs: Record<string, AttrInput> = {};
  for (const [place, name] of names.entries()) {
    const value = number(name, place);
    if (value !== undefined) attrs[name] = float(value);
  }
  return b.op(activation, [x], attrs);
}

/** The product alone, in its own operator, and the activation behind it. */
const fusedGemm = (c: DefinedNode): Value[] => {
  const own = [...c.node.attrs].filter(([name]) => !name.startsWith('activation'));
  const y = c.b.op('Gemm', c.node.inputs, Object.fromEntries(own));
  return [
    follow(c, y, c.text('activation', ''), (name) =>
      c.node.attrs.has(`activation_${name}`) ? c.float(`activation_${name}`, 0) : undefined,
    ),
  ];
};

export const activations: DefinedTable = {
  'com.microsoft.QuickGelu': {
    inputs: 1,
    attributes: 'alpha',
    define: (c) => [swish(c, c.x(0), c.float('alpha', 1.702))],
  },
  Swish: { inputs: 1, attributes: 'alpha', define: (c) => [swish(c, c.x(0), c.float('alpha', 1))] },
  'com.microsoft.FusedGemm': {
    inputs: 3,
    attributes: 'alpha beta transA transB activation activation_alpha activation_beta activation_gamma',
    define: fusedGemm,
  },
  'com.microsoft.TransposeMatMul': {
    inputs: 2,
    attributes: 'alpha transA transB',
    define: ({ b, node }) => [
      b.op('FusedMatMul', node.inputs, Object.fromEntries(node.attrs), { domain: 'com.microsoft' }),
    ],
  },
  // [N, …, C] + bias [C] + skip
  'com.microsoft.BiasAdd': { inputs: 3, define: (c) => [add(c.b, add(c.b, c.x(0), c.x(1)), c.x(2))] },
  // The left half of the channels times the GELU of the right half.
  'com.microsoft.BiasSplitGelu': {
    inputs: 2,
    define: (c) => {
      const y = add(c.b, c.x(0), c.x(1));
      const [left, right] = c.b.ops('Split', [y], { axis: -1, num_outputs: 2 }, { outputs: 2 }) as [Value, Value];
      return [mul(c.b, left, gelu(c, right))];
    },
  },
};
