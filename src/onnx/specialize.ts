// One set of input shapes, everything known: static types for all values, shape arithmetic and other small constants
// folded, nodes that do nothing or repeat each other gone. A training graph is built on such a graph, so that no
// gradient rule meets an unknown dimension. Values that depend on data, and trainable tensors, are never folded.

import { ModelError } from '../errors.js';
import { quote } from '../quote.js';
import { Builder } from './builder.js';
import { fold } from './fold.js';
import { type Graph, type Node, prune, type StaticType, type Value } from './graph.js';
import { guarded } from './guarded.js';
import { inferTypes, refuseUnknownOperators } from './shapes.js';
import { bindInputs } from './specialize/bind.js';
import { Shared } from './specialize/cse.js';
import { mergeRun, padAllAxes, unchanged } from './specialize/simplify.js';
import { type Unpacked, unpack } from './specialize/unpack.js';
import type { Tensor } from './tensor.js';

export interface SpecializeOptions {
  /** Initializers that training will change: nothing is folded through them. Default: none. */
  trainable?: ReadonlySet<Value>;
}

/**
 * A copy of `graph` for these input shapes, with a static type for every value in it. Inputs keep their element types,
 * graph outputs their names; an input whose shape the model fixes need not be given.
 * @throws UsageError when shapes are missing or contradict the model or each other; ModelError for an operator without
 * a type rule and for shapes that depend on data.
 */
export function specialize(
  graph: Graph,
  inputShapes: Record<Value, readonly number[]>,
  options: SpecializeOptions = {},
): Graph {
  refuseUnknownOperators(graph);
  const out = graph.clone();
  out.types.clear();
  bindInputs(out, inputShapes);
  for (const [name, { dtype, shape }] of out.initializers) out.types.set(name, { dtype, shape });
  new Specializer(out, options.trainable ?? new Set()).run();
  prune(out);
  const live = new Set([...out.inputs.map((i) => i.name), ...out.initializers.keys()]);
  for (const node of out.nodes) for (const name of node.outputs) live.add(name);
  for (const name of out.types.keys()) if (!live.has(name)) out.types.delete(name);
  for (const { name, dtype } of out.outputs)
    if (out.type(name).dtype !== dtype)
      throw new ModelError(
        `output ${quote(name)} is ${out.type(name).dtype} as its graph computes it, but the file states ${dtype}: it is damaged. ` +
          'Export the model again.',
      );
  for (const output of out.outputs)
    Object.assign(output, { ...out.type(output.name), shape: [...out.shape(output.name)] });
  return out;
}

class Specializer {
  readonly #graph: Graph;
  readonly #builder: Builder;
  readonly #trainable: ReadonlySet<Value>;
  readonly #outputs: Set<Value>;
  readonly #read: Set<Value>;
  readonly #renamed = new Map<Value, Value>();
  readonly #producers = new Map<Value, Node>();
  readonly #shared = new Shared();
  readonly #unpacked: Unpacked = new Map();

  constructor(graph: Graph, trainable: ReadonlySet<Value>) {
    this.#graph = graph;
    this.#builder = new Builder(graph);
    this.#trainable = trainable;
    this.#outputs = new Set(graph.outputs.map((o) => o.name));
    this.#read = new Set([...this.#outputs, ...graph.nodes.flatMap((n) => n.inputs)]);
  }

  run(): void {
    for (const [name, tensor] of this.#graph.initializers)
      if (!this.#trainable.has(name) && !this.#outputs.has(name))
        this.#rename(name, this.#shared.constant(name, tensor));
    const nodes = this.#graph.nodes;
    this.#graph.nodes = [];
    for (const node of nodes) this.#visit(node);
  }

  #visit(node: Node): void {
    node.inputs = node.inputs.map((input) => this.#renamed.get(input) ?? input);
    const types = inferTypes(this.#graph, node);
    for (const [i, out] of node.outputs.entries()) if (out) this.#graph.types.set(out, types[i]!);
    padAllAxes(this.#builder, node);
    if (!node.outputs.some((out) => this.#outputs.has(out)) && this.#dissolve(node, types)) return;
    for (const out of node.outputs) if (out) this.#producers.set(out, node);
    this.#graph.nodes.push(node);
  }

  /** Whether the node became constants, or names for earlier values; if not, it may have been rewritten in place. */
  #dissolve(node: Node, types: readonly StaticType[]): boolean {
    const constants = fold(this.#graph, node, types, this.#constant);
    if (constants) {
      this.#define(node, constants);
      return true;
    }
    const first = this.#graph.nodes.length;
    const parts = guarded(node, 'shape', () => this.#rewrite(node));
    for (const added of this.#graph.nodes.slice(first))
      for (const out of added.outputs) this.#producers.set(out, added);
    if (parts) {
      for (const [i, out] of node.outputs.entries()) if (out) this.#rename(out, parts[i]!);
      return true;
    }
    const same = unchanged(this.#builder, node, (v) => this.#read.has(v), this.#constant);
    if (same !== undefined) {
      this.#rename(node.outputs[0]!, same);
      return true;
    }
    const equal = this.#shared.equalTo(node);
    if (!equal) return false;
    for (const [i, out] of node.outputs.entries()) if (out) this.#rename(out, equal.outputs[i]!);
    return true;
  }

  /**
   * Nodes that this needs are appended. Values that the outputs are equal to, if the node itself is no longer needed.
   */
  #rewrite(node: Node): Value[] | undefined {
    const producer = (value: Value) => this.#producers.get(value);
    mergeRun(this.#builder, node, producer);
    return unpack(this.#builder, node, producer, this.#unpacked);
  }

  #define(node: Node, constants: readonly Tensor[]): void {
    for (const [i, out] of node.outputs.entries()) {
      if (!out) continue;
      const known = this.#shared.constant(out, constants[i]!);
      this.#rename(out, known);
      if (known === out) this.#graph.initializers.set(out, constants[i]!);
    }
  }

  #rename(value: Value, to: Value): void {
    if (value !== to) this.#renamed.set(value, to);
  }

  #constant = (value: Value): Tensor | undefined =>
    this.#trainable.has(value) ? undefined : this.#graph.initializers.get(value);
}
