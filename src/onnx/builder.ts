// Appends nodes to a statically shaped graph: every node's output types are inferred as it is added, so a rule can
// read the shape of what it has just built. Constants become shared initializers.

import type { DataType } from './dtype.js';
import { type Attr, type Graph, infoOf, type Node, type StaticType, type Value } from './graph.js';
import { inferTypes } from './shapes.js';
import { Tensor } from './tensor.js';

/** Attribute values as written in code; `int` unless said otherwise by `float()`. */
export type AttrInput = Attr | number | string | readonly number[] | readonly string[] | Tensor;

/** Marks a number (or numbers) as a float attribute; plain numbers are ints. */
export const float = (value: number | readonly number[]): Attr =>
  typeof value === 'number' ? { kind: 'float', value } : { kind: 'floats', value };

export function toAttr(value: AttrInput): Attr {
  if (typeof value === 'number') return { kind: 'int', value };
  if (typeof value === 'string') return { kind: 'string', value };
  if (value instanceof Tensor) return { kind: 'tensor', value };
  if (Array.isArray(value)) return typeof value[0] === 'string' ? { kind: 'strings', value } : { kind: 'ints', value };
  return value as Attr;
}

export interface OpOptions {
  domain?: string;
  /** Number of outputs (default 1). */
  outputs?: number;
  /** Node name and stem of its value names; made unique. */
  name?: string;
}

export type FinishedNode = Omit<Node, 'domain' | 'attrs'> & Partial<Pick<Node, 'domain' | 'attrs'>>;

export class Builder {
  readonly graph: Graph;
  /** Prefix of every new name, which distinguishes what was added from what was there. */
  prefix = '';
  #used: Set<string>;
  #counters = new Map<string, number>();
  #constants = new Map<string, Value>();

  constructor(graph: Graph) {
    this.graph = graph;
    this.#used = new Set([...graph.initializers.keys(), ...graph.inputs.map((i) => i.name)]);
    for (const node of graph.nodes) {
      this.#used.add(node.name);
      for (const out of node.outputs) this.#used.add(out);
    }
  }

  /** A name not yet used by any node or value. */
  unique(stem: string): string {
    const base = this.prefix + stem;
    let name = base;
    for (let n = this.#counters.get(base) ?? 0; this.#used.has(name); ) {
      name = `${base}_${++n}`;
      this.#counters.set(base, n);
    }
    this.#used.add(name);
    return name;
  }

  type(value: Value): StaticType {
    return this.graph.type(value);
  }

  shape(value: Value): readonly number[] {
    return this.graph.shape(value);
  }

  /** Adds a graph input. */
  input(name: Value, dtype: DataType, shape: readonly number[]): Value {
    this.#used.add(name);
    this.graph.types.set(name, { dtype, shape });
    this.graph.inputs.push(infoOf(this.graph, name));
    return name;
  }

  /** Adds a graph output: the value of that name, or a copy of another under it. */
  output(name: Value, value: Value = name): void {
    if (value !== name) this.copy(value, name);
    this.graph.outputs.push(infoOf(this.graph, name));
  }

  /** Appends an Identity, which gives a value another name. */
  copy(value: Value, name: Value): void {
    this.#used.add(name);
    this.append({ name: this.unique('Identity'), op: 'Identity', inputs: [value], outputs: [name] });
  }

  /** Adds one node and returns its first output. */
  op(op: string, inputs: readonly Value[], attrs: Record<string, AttrInput> = {}, options: OpOptions = {}): Value {
    return this.ops(op, inputs, attrs, options)[0]!;
  }

  /** Adds one node and returns all its outputs. */
  ops(op: string, inputs: readonly Value[], attrs: Record<string, AttrInput> = {}, options: OpOptions = {}): Value[] {
    const name = this.unique(options.name ?? op);
    const count = options.outputs ?? 1;
    const node: Node = {
      name,
      op,
      domain: options.domain ?? '',
      inputs: [...inputs],
      outputs: Array.from({ length: count }, (_, i) =>
        this.unique(count === 1 ? `${name.slice(this.prefix.length)}.y` : `${name.slice(this.prefix.length)}.y${i}`),
      ),
      attrs: new Map(Object.entries(attrs).map(([key, value]) => [key, toAttr(value)])),
    };
    while (node.inputs.at(-1) === '') node.inputs.pop();
    this.append(node);
    return node.outputs;
  }

  /** Appends a finished node, of the default domain unless it says another, and infers the types of its outputs. */
  append(finished: FinishedNode): void {
    const node: Node = { domain: '', attrs: new Map(), ...finished };
    const types = inferTypes(this.graph, node);
    for (const [i, out] of node.outputs.entries()) if (out) this.graph.types.set(out, types[i]!);
    this.graph.nodes.push(node);
  }

  /** A constant; equal small constants are shared. */
  constant(tensor: Tensor, stem = 'const'): Value {
    const key =
      tensor.byteLength <= 256
        ? `${tensor.dtype}[${tensor.shape}]${Buffer.from(tensor.bytes()).toString('base64')}`
        : undefined;
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known !== undefined && this.graph.initializers.has(known)) return known;
    const name = this.unique(stem);
    this.graph.initializers.set(name, tensor);
    this.graph.types.set(name, { dtype: tensor.dtype, shape: tensor.shape });
    if (key !== undefined) this.#constants.set(key, name);
    return name;
  }

  scalar(dtype: DataType, value: number): Value {
    return this.constant(Tensor.scalar(dtype, value));
  }

  /** A one-dimensional int64 constant: axes, shapes, starts. */
  ints(values: readonly number[]): Value {
    return this.constant(Tensor.of('int64', values));
  }
}
