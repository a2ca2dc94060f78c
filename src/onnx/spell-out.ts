// Puts other nodes in the place of one: what fused operators, devices and gradients are written out with.

import type { Builder } from './builder.js';
import type { Node, Value } from './graph.js';

/**
 * Appends what `form` makes of the node to the builder's graph; its last values take the names of the node's outputs,
 * which must be different values.
 * @returns whether there is something to put in the node's place
 */
export function spellOut(b: Builder, node: Node, form: (b: Builder, node: Node) => Value[] | undefined): boolean {
  const first = b.graph.nodes.length;
  const { prefix } = b;
  b.prefix = `${node.name}/`;
  const values = form(b, node);
  b.prefix = prefix;
  if (!values) return false;
  const added = b.graph.nodes.slice(first);
  for (const [i, out] of node.outputs.entries()) {
    if (!out) continue;
    const value = values[i]!;
    const producer = added.find((n) => n.outputs.includes(value));
    if (!producer) {
      b.copy(value, out);
      continue;
    }
    for (const n of added) {
      n.outputs = n.outputs.map((o) => (o === value ? out : o));
      n.inputs = n.inputs.map((x) => (x === value ? out : x));
    }
    b.graph.types.delete(value);
  }
  return true;
}
