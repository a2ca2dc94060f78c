// Queries on a graph for the restoring of forms: which node computes a value, which nodes read it, whether it is one
// known number, and the value as a polynomial of another. Forms are recognised by what they compute, not by the order
// in which an exporter happened to write the factors.

import { convertFloat } from '../convert.js';
import { type Graph, type Node, operatorKey, type Value } from '../graph.js';

/** Coefficient of each power of the variable. */
export type Polynomial = ReadonlyMap<number, number>;

export class Matcher {
  readonly graph: Graph;
  readonly #producers: Map<Value, Node>;
  readonly #consumers: Map<Value, Node[]>;
  readonly #outputs: Set<Value>;

  constructor(graph: Graph) {
    this.graph = graph;
    this.#producers = graph.producers();
    this.#consumers = graph.consumers();
    this.#outputs = new Set(graph.outputs.map((o) => o.name));
  }

  /** The node that computes `value`, if it is one of these operators; without any, one of the default domain. */
  producer(value: Value | undefined, ...ops: string[]): Node | undefined {
    const node = value ? this.#producers.get(value) : undefined;
    return node && isOneOf(node, ops) ? node : undefined;
  }

  consumers(value: Value): readonly Node[] {
    return this.#consumers.get(value) ?? [];
  }

  /** The only reader of a value that nothing else sees, if it is one of these operators; without any, as above. */
  onlyConsumer(value: Value, ...ops: string[]): Node | undefined {
    const readers = this.consumers(value);
    if (readers.length !== 1 || !isOneOf(readers[0]!, ops) || this.#outputs.has(value)) return undefined;
    return readers[0];
  }

  /** Whether the two values have one shape. */
  sameShape(a: Value, b: Value): boolean {
    const [p, q] = [this.graph.shape(a), this.graph.shape(b)];
    return p.length === q.length && p.every((d, i) => d === q[i]);
  }

  /** The number a constant of one element holds. */
  number(value: Value | undefined): number | undefined {
    const tensor = value ? this.graph.initializers.get(value) : undefined;
    if (tensor?.size !== 1) return undefined;
    const half = tensor.dtype === 'float16' || tensor.dtype === 'bfloat16';
    return (half ? convertFloat(tensor, 'float32') : tensor).numbers()[0];
  }

  /** The input of a two-input node beside `value`. */
  other(node: Node, value: Value): Value {
    return node.inputs[node.inputs[0] === value ? 1 : 0]!;
  }

  /** A product with (or quotient by) one number, as x · factor. */
  scaled(node: Node | undefined): { x: Value; factor: number } | undefined {
    if (node?.op !== 'Mul' && node?.op !== 'Div') return undefined;
    const [a, b] = node.inputs as [Value, Value];
    const right = this.number(b);
    if (right !== undefined) return { x: a, factor: node.op === 'Mul' ? right : 1 / right };
    const left = node.op === 'Mul' ? this.number(a) : undefined;
    return left === undefined ? undefined : { x: b, factor: left };
  }

  /** `value` as a polynomial of `x`, through Add, Sub, Mul, Div by a number and Pow by a small integer. */
  polynomial(value: Value, x: Value, depth = 8): Polynomial | undefined {
    if (value === x) return new Map([[1, 1]]);
    const constant = this.number(value);
    if (constant !== undefined) return new Map([[0, constant]]);
    const node = this.producer(value, 'Add', 'Sub', 'Mul', 'Div', 'Pow');
    if (!node || depth === 0) return undefined;
    const p = this.polynomial(node.inputs[0]!, x, depth - 1);
    const q = p && this.polynomial(node.inputs[1]!, x, depth - 1);
    return p && q && combine(node.op, p, q);
  }
}

const isOneOf = (node: Node, ops: readonly string[]): boolean =>
  ops.length === 0 ? node.domain === '' : ops.includes(operatorKey(node));

function combine(op: string, p: Polynomial, q: Polynomial): Polynomial | undefined {
  if (op === 'Add' || op === 'Sub') return sum(p, q, op === 'Add' ? 1 : -1);
  if (op === 'Mul') return product(p, q);
  const number = q.size === 1 ? q.get(0) : undefined;
  if (number === undefined) return undefined;
  if (op === 'Div') return product(p, new Map([[0, 1 / number]]));
  if (!Number.isInteger(number) || number < 1 || number > 4) return undefined;
  let power = p;
  for (let i = 1; i < number; i++) power = product(power, p);
  return power;
}

function sum(p: Polynomial, q: Polynomial, sign: number): Polynomial {
  const out = new Map(p);
  for (const [power, c] of q) out.set(power, (out.get(power) ?? 0) + sign * c);
  return out;
}

function product(p: Polynomial, q: Polynomial): Polynomial {
  const out = new Map<number, number>();
  for (const [i, a] of p) for (const [j, b] of q) out.set(i + j, (out.get(i + j) ?? 0) + a * b);
  return out;
}

/** Equal but for the rounding of a constant to the model's element type (float16 keeps three digits). */
export const close = (a: number | undefined, b: number, tolerance = 1e-3): boolean =>
  a !== undefined && Math.abs(a - b) <= tolerance * Math.abs(b);
