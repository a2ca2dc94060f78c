// Other nodes in the place of one: what operators of files, fused operators, devices and gradients are written out
// with.

import type { Builder } from './builder.js';
import type { Node, Value } from './graph.js';

/** Appends to the builder's graph and gives the node's outputs in order; undefined: the node stays. */
export type Form = (b: Builder, node: Node) => readonly (Value | undefined)[] | undefined;

/**
 * The nodes that `form` makes of this one, taken out of the builder's graph again; the last of them give its outputs,
 * under their names. Undefined where there is nothing to put in its place.
 */
export function spelledOut(b: Builder, node: Node, form: Form): Node[] | undefined {
  const { prefix } = b;
  const { nodes } = b.graph;
  const first = nodes.length;
  b.prefix = `${node.name}/`;
  const values = form(b, node);
  b.prefix = prefix;
  const added = nodes.splice(first);
  if (!values) return undefined;
  const made = new Set(added.flatMap(({ outputs }) => outputs));
  const names = new Map<Value, Value>();
  const copies: Node[] = [];
  for (const [i, out] of node.outputs.entries()) {
    const value = values[i];
    if (!out || value === undefined) continue;
    if (made.has(value) && !names.has(value)) names.set(value, out);
    else copies.push({ ...copyNode, name: b.unique(out), inputs: [value], outputs: [out], attrs: new Map() });
  }
  const renamed = (value: Value): Value => names.get(value) ?? value;
  for (const part of [...added, ...copies]) {
    part.inputs = part.inputs.map(renamed);
    part.outputs = part.outputs.map(renamed);
  }
  for (const value of names.keys()) b.graph.types.delete(value);
  return [...added, ...copies];
}

const copyNode = { op: 'Identity', domain: '' };

/**
 * Puts them at the end of the builder's graph, whose types are known.
 * @returns whether there is something to put in the node's place
 */
export function spellOut(b: Builder, node: Node, form: Form): boolean {
  const parts = spelledOut(b, node, form);
  if (parts) b.graph.nodes.push(...parts);
  return parts !== undefined;
}
