// The graph every stage works on: ONNX nodes over named values. A loaded graph may have symbolic dimensions; after
// specialisation `types` holds a static type for every value. Nodes are kept in topological order.
// This is not the file format: `load` and `save` translate.

import { quote } from '../quote.js';
import { bytesPerElement, type DataType } from './dtype.js';
import { elementCount, type Tensor } from './tensor.js';

/** A value's name. The empty name stands for an omitted optional input or output, as in ONNX. */
export type Value = string;

export type Attribute = number | bigint | string | Tensor | readonly number[] | readonly bigint[] | readonly string[];

/** An attribute as ONNX types it: integers arrive as number (bigint beyond 2^53), so the kind is kept beside. */
export interface Attr {
  readonly kind: 'int' | 'float' | 'string' | 'tensor' | 'ints' | 'floats' | 'strings';
  readonly value: Attribute;
}

/** A node of the file with sub-graphs (blocks.ts), whose nodes stand among those of the graph. */
export interface Construct {
  readonly op: 'If' | 'Loop' | 'Scan';
  /** Of the file's node, or of what it computes. */
  readonly name: string;
  /** Of a Scan: how many values it slices, and its attributes of lists. */
  readonly scan?: { readonly inputs: number; readonly lists: ReadonlyMap<string, readonly number[]> };
}

/** The sub-graph that a node stands in: it runs only as its construct says. */
export interface Block {
  readonly of: Construct;
  /** 0: the then_branch or the body, 1: the else_branch. */
  readonly branch: number;
  readonly outer: Block | undefined;
}

export interface Node {
  /** Unique within the graph; dropout masks and messages depend on it. */
  name: string;
  op: string;
  /** '' is the default ONNX domain. */
  domain: string;
  inputs: Value[];
  outputs: Value[];
  attrs: Map<string, Attr>;
  /** Before specialisation: the sub-graph that it came from. */
  block?: Block;
  /**
   * Before specialisation, what stands for a node with sub-graphs. Of an If: a Where for each output, over the
   * condition and what both branches give. Of a Loop or Scan: a node that gives what the body takes, and behind the
   * body one that takes the node's inputs and all that the body gives.
   */
  construct?: Construct;
}

/** A number, a symbolic name, or null when unknown. */
export type Dim = number | string | null;

export interface ValueInfo {
  name: Value;
  dtype: DataType;
  /** undefined: unknown rank. */
  shape: Dim[] | undefined;
}

export interface StaticType {
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

export class Graph {
  name = 'graph';
  /** Version of the default ONNX domain. */
  opset = 21;
  nodes: Node[] = [];
  /** Bytes that one value may take (budget.ts). */
  maxBytes = Number.MAX_SAFE_INTEGER;
  /** Graph inputs without initializers. */
  inputs: ValueInfo[] = [];
  outputs: ValueInfo[] = [];
  initializers = new Map<Value, Tensor>();
  /** Inputs of the file that have one value here, and are none of the graph's. */
  bound = new Map<Value, number>();
  /** The nodes with sub-graphs that are none any more, and what they have become. */
  decided = new Map<Construct, string>();
  /** Static types, filled by specialisation and by the builder. */
  types = new Map<Value, StaticType>();

  type(value: Value): StaticType {
    const type = this.types.get(value);
    if (!type) throw new Error(`value ${quote(value)} has no static type`);
    return type;
  }

  shape(value: Value): readonly number[] {
    return this.type(value).shape;
  }

  /** The node that computes each value. */
  producers(): Map<Value, Node> {
    const map = new Map<Value, Node>();
    for (const node of this.nodes) for (const out of node.outputs) if (out) map.set(out, node);
    return map;
  }

  /** The nodes that read each value, in graph order, once per node. */
  consumers(): Map<Value, Node[]> {
    const map = new Map<Value, Node[]>();
    for (const node of this.nodes)
      for (const input of new Set(node.inputs)) {
        if (!input) continue;
        const list = map.get(input);
        if (list) list.push(node);
        else map.set(input, [node]);
      }
    return map;
  }

  /** Shares tensors and types, copies structure: surgery on the clone leaves the original alone. */
  clone(): Graph {
    const copy = new Graph();
    copy.name = this.name;
    copy.opset = this.opset;
    copy.maxBytes = this.maxBytes;
    copy.nodes = this.nodes.map((n) => ({
      ...n,
      inputs: [...n.inputs],
      outputs: [...n.outputs],
      attrs: new Map(n.attrs),
    }));
    copy.inputs = this.inputs.map((v) => ({ ...v }));
    copy.outputs = this.outputs.map((v) => ({ ...v }));
    copy.initializers = new Map(this.initializers);
    copy.types = new Map(this.types);
    copy.bound = new Map(this.bound);
    copy.decided = new Map(this.decided);
    return copy;
  }
}

/**
 * Drops nodes whose outputs nobody reads, initializers nobody uses and the types of both; unread optional outputs lose
 * their name.
 */
export function prune(graph: Graph): void {
  const live = new Set(graph.outputs.map((o) => o.name));
  const kept: Node[] = [];
  const forget = (value: Value): void => {
    if (value) graph.types.delete(value);
  };
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i]!;
    if (!node.outputs.some((o) => o && live.has(o))) {
      node.outputs.forEach(forget);
      continue;
    }
    // The parts of a Split and the places of a TopK are not optional, nor is the first output of any standard operator.
    if (node.op !== 'Split' && node.op !== 'TopK') {
      const keeps = (out: Value, i: number): boolean => live.has(out) || (i === 0 && node.domain === '');
      for (const [i, out] of node.outputs.entries()) if (!keeps(out, i)) forget(out);
      node.outputs = node.outputs.map((o, i) => (keeps(o, i) ? o : ''));
      while (node.outputs.at(-1) === '') node.outputs.pop();
    }
    for (const input of node.inputs) if (input) live.add(input);
    kept.push(node);
  }
  graph.nodes = kept.reverse();
  for (const name of graph.initializers.keys())
    if (!live.has(name)) {
      graph.initializers.delete(name);
      forget(name);
    }
}

/** The nodes that depend on any of these values, in graph order. */
export function dependentNodes(graph: Graph, values: Iterable<Value>): Set<Node> {
  const depends = new Set(values);
  const found = new Set<Node>();
  for (const node of graph.nodes) {
    if (!node.inputs.some((input) => depends.has(input))) continue;
    found.add(node);
    for (const out of node.outputs) if (out) depends.add(out);
  }
  return found;
}

/** The values themselves and all that is computed from them. */
export function dependentValues(graph: Graph, values: Iterable<Value>): Set<Value> {
  const found = new Set(values);
  for (const node of dependentNodes(graph, found)) for (const out of node.outputs) if (out) found.add(out);
  return found;
}

/** The nodes that take part in computing any of these values. */
export function ancestors(graph: Graph, values: Iterable<Value>): Set<Node> {
  const wanted = new Set(values);
  const found = new Set<Node>();
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((out) => out && wanted.has(out))) continue;
    found.add(node);
    for (const input of node.inputs) if (input) wanted.add(input);
  }
  return found;
}

/** Bytes of a value of a static graph. */
export function bytesOf(graph: Graph, value: Value): number {
  const { dtype, shape } = graph.type(value);
  return elementCount(shape) * bytesPerElement(dtype);
}

/** A value of a static graph, as its inputs and outputs are stated. */
export function infoOf(graph: Graph, name: Value): ValueInfo & { shape: number[] } {
  const { dtype, shape } = graph.type(name);
  return { name, dtype, shape: [...shape] };
}

/** How tables name an operator: `Op`, or `domain.Op` outside the default domain. */
export const operatorKey = (node: { readonly op: string; readonly domain: string }): string =>
  node.domain ? `${node.domain}.${node.op}` : node.op;

export const attrInt = (node: Node, name: string, fallback: number): number => {
  const attr = node.attrs.get(name);
  return attr === undefined ? fallback : Number(attr.value);
};
export const attrFloat = attrInt;
export const attrString = (node: Node, name: string, fallback: string): string => {
  const attr = node.attrs.get(name);
  return attr === undefined ? fallback : String(attr.value);
};
export const attrInts = (node: Node, name: string): number[] | undefined => {
  const attr = node.attrs.get(name);
  return attr === undefined ? undefined : (attr.value as readonly (number | bigint)[]).map(Number);
};
