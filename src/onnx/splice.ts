// A static graph put into another: its nodes behind those that are there, its inputs values of the other.

import type { Builder } from './builder.js';
import type { Graph, Value } from './graph.js';

/**
 * Adds the nodes and initializers of `part` under new names.
 * @param inputs what stands for each input of `part`, of its type
 * @returns the value of each output
 */
export function splice(b: Builder, part: Graph, inputs: ReadonlyMap<Value, Value>): Map<Value, Value> {
  const names = new Map<Value, Value>([['', ''], ...inputs]);
  for (const [name, tensor] of part.initializers) names.set(name, b.constant(tensor, name));
  for (const node of part.nodes) {
    const outputs = node.outputs.map((name) => (name === '' ? '' : b.unique(name)));
    for (const [i, name] of node.outputs.entries()) names.set(name, outputs[i]!);
    b.append({ ...node, name: b.unique(node.name), inputs: node.inputs.map((name) => names.get(name)!), outputs });
  }
  return new Map(part.outputs.map(({ name }) => [name, names.get(name)!]));
}
