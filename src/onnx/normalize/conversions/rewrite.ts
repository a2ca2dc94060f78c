// What a conversion row is, and the small edits that conversions are made of. A row sees one node without its
// neighbours: ranks and element types are not known yet, so what depends on them is written as nodes that
// specialisation resolves.

import type { Attr, Node, Value } from '../../graph.js';
import { attrInts } from '../../graph.js';
import { Tensor } from '../../tensor.js';

/** What a conversion may read and add: constants, and nodes that run before or after the converted one. */
export interface Rewrite {
  /** The node, to be changed in place. */
  readonly node: Node;
  /** The constant that an input reads, if it is one. */
  value(input: number): Tensor | undefined;
  /** A new constant, named after the node. */
  constant(name: string, tensor: Tensor): Value;
  /** A new node with one output, placed before the converted one. */
  before(op: string, inputs: Value[], attrs?: Record<string, Attr>): Value;
  /** A new node behind the converted one: it reads the node's first output, then `inputs`, and takes over its name. */
  after(op: string, inputs: Value[], attrs?: Record<string, Attr>): void;
}

export interface Conversion {
  readonly op: string;
  /** The opset that changed the definition: nodes of an older one are converted. */
  readonly since: number;
  /** It is nodes of that opset and newer that are converted, since opset 21 has no such form. */
  readonly back: boolean;
  /** null: the old form means the same in the new definition. */
  readonly convert: ((r: Rewrite) => void) | null;
}

export const same = (since: number, ops: string): Conversion[] =>
  ops.split(' ').map((op) => ({ op, since, back: false, convert: null }));
export const changed = (since: number, convert: (r: Rewrite) => void, ops: string): Conversion[] =>
  ops.split(' ').map((op) => ({ op, since, back: false, convert }));
export const changedBack = (since: number, convert: (r: Rewrite) => void, ops: string): Conversion[] =>
  ops.split(' ').map((op) => ({ op, since, back: true, convert }));

export const int = (value: number): Attr => ({ kind: 'int', value });
export const text = (value: string): Attr => ({ kind: 'string', value });

export const setDefault = (node: Node, name: string, attr: Attr): void => {
  if (!node.attrs.has(name)) node.attrs.set(name, attr);
};

/** Takes an attribute away and returns its value. */
export function takeAttr(node: Node, name: string): Attr['value'] | undefined {
  const value = node.attrs.get(name)?.value;
  node.attrs.delete(name);
  return value;
}

/** Puts an input at a position, leaving out optional ones before it. */
export function setInput(node: Node, position: number, value: Value): void {
  while (node.inputs.length < position) node.inputs.push('');
  node.inputs[position] = value;
}

/** A list of integers as an attribute → an input; an absent or empty list leaves the input out. */
export function listToInput({ node, constant }: Rewrite, name: string, position: number): void {
  const values = attrInts(node, name);
  node.attrs.delete(name);
  if (values && values.length > 0) setInput(node, position, constant(name, Tensor.of('int64', values)));
}

/** A number as an attribute → a scalar input of the element type of the first input; left out when it is absent. */
export function numberToInput({ node, constant, before }: Rewrite, name: string, position: number): void {
  const value = takeAttr(node, name);
  if (value === undefined) return;
  const scalar = constant(name, Tensor.scalar('float32', Number(value)));
  setInput(node, position, before('CastLike', [scalar, node.inputs[0]!]));
}
