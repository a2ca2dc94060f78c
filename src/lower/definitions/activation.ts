// Activations by name and their slopes, in standard operators: what ortune.Activation and the `activation` of other
// operators mean. Slopes are PyTorch's: 0 for ReLU at 0 and for ReLU6 at both ends.

import { type Builder, float } from '../../onnx/builder.js';
import { add, less, mul, sub, where } from '../../onnx/formulas.js';
import { attrString, type Node, type Value } from '../../onnx/graph.js';
import { quote } from '../../quote.js';
import type { Definition } from '../form.js';

interface Form {
  value(b: Builder, z: Value): Value;
  /** dy · f′(z) */
  grad(b: Builder, dy: Value, z: Value): Value;
}

const sigmoid = (b: Builder, z: Value): Value => b.op('Sigmoid', [z]);
const hardSigmoid = (b: Builder, z: Value): Value =>
  b.op('HardSigmoid', [z], { alpha: float(1 / 6), beta: float(0.5) });
/** dy where low < z < high, else 0. */
const between = (b: Builder, dy: Value, z: Value, low: number, high: number): Value =>
  where(b, b.op('And', [less(b, low, z), less(b, z, high)]), dy, 0);

const forms: Readonly<Record<string, Form>> = {
  none: { value: (_, z) => z, grad: (_, dy) => dy },
  Relu: { value: (b, z) => b.op('Relu', [z]), grad: (b, dy, z) => where(b, less(b, 0, z), dy, 0) },
  Relu6: {
    value: (b, z) => b.op('Clip', [z, b.scalar(b.type(z).dtype, 0), b.scalar(b.type(z).dtype, 6)]),
    grad: (b, dy, z) => between(b, dy, z, 0, 6),
  },
  HardSigmoid: { value: hardSigmoid, grad: (b, dy, z) => between(b, mul(b, dy, 1 / 6), z, -3, 3) },
  HardSwish: {
    value: (b, z) => mul(b, z, hardSigmoid(b, z)),
    grad: (b, dy, z) => {
      const inside = between(b, mul(b, dy, add(b, mul(b, z, 1 / 3), 0.5)), z, -3, 3);
      return where(b, b.op('LessOrEqual', [b.scalar(b.type(z).dtype, 3), z]), dy, inside);
    },
  },
  Swish: {
    value: (b, z) => mul(b, z, sigmoid(b, z)),
    grad: (b, dy, z) => {
      const s = sigmoid(b, z);
      return mul(b, dy, mul(b, s, add(b, mul(b, z, sub(b, 1, s)), 1)));
    },
  },
};

/** The activation that a node names; none where it names none. */
export function activationOf(node: Node): Form {
  const name = attrString(node, 'activation', 'none');
  const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
  if (!form) throw new Error(`node ${quote(node.name)}: there is no activation ${quote(name)}`);
  return form;
}

export const activations: Readonly<Record<string, Definition>> = {
  'ortune.Activation': (b, node) => [activationOf(node).value(b, node.inputs[0]!)],
  'ortune.ActivationGrad': (b, node) => [activationOf(node).grad(b, node.inputs[0]!, node.inputs[1]!)],
};
