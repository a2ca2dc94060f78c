// Finds nodes that compute what an earlier node has computed (exporters write the attention mask once per layer), and
// small constants that are equal. Trainable tensors and random operators are never shared.

import { createHash } from 'node:crypto';
import type { Node, Value } from '../graph.js';
import { Tensor } from '../tensor.js';

const random = new Set([
  'Bernoulli',
  'Dropout',
  'Multinomial',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
]);

function keyOf(node: Node): string | undefined {
  if (random.has(node.op)) return undefined;
  const attrs = [...node.attrs].sort(([a], [b]) => (a < b ? -1 : 1));
  if (attrs.some(([, attr]) => attr.value instanceof Tensor)) return undefined;
  return JSON.stringify([
    node.domain,
    node.op,
    node.inputs,
    attrs.map(([name, { kind, value }]) => [name, kind, String(value)]),
  ]);
}

export class Shared {
  #nodes = new Map<string, Node>();
  #constants = new Map<string, Value>();

  /** The earlier node that computes the same outputs, else undefined; the node is remembered then. */
  equalTo(node: Node): Node | undefined {
    const key = keyOf(node);
    if (key === undefined) return undefined;
    const equal = this.#nodes.get(key);
    if (equal && node.outputs.every((out, i) => !out || equal.outputs[i])) return equal;
    this.#nodes.set(key, node);
    return undefined;
  }

  /** The name of an equal constant seen before (at most 64 bytes), else `name`. */
  constant(name: Value, tensor: Tensor): Value {
    return tensor.byteLength > 64 ? name : this.made(name, tensor);
  }

  /** The same whatever its size: of constants that a layer's attention is given, such as causal masks. */
  made(name: Value, tensor: Tensor): Value {
    const bytes = Buffer.from(tensor.bytes());
    const values = bytes.length > 64 ? createHash('sha256').update(bytes).digest() : bytes;
    const key = `${tensor.dtype}[${tensor.shape}]${values.toString('latin1')}`;
    const known = this.#constants.get(key);
    if (known === undefined) this.#constants.set(key, name);
    return known ?? name;
  }
}
