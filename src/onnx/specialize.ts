// One set of input shapes, everything known: static types for all values, shape arithmetic and other small constants
// folded, nodes that do nothing or repeat each other gone. A training graph is built on such a graph, so that no
// gradient rule meets an unknown dimension. Values that depend on data, and trainable tensors, are never folded.

import { ModelError } from '../errors.js';
import { quote } from '../quote.js';
import { checkRepeated } from './budget.js';
import { Builder, toAttr } from './builder.js';
import { meaningOf } from './defined/definition.js';
import { definedOperators } from './defined/table.js';
import { fold } from './fold.js';
import { forgetViews } from './formulas.js';
import { type Construct, type Graph, type Node, operatorKey, prune, type StaticType, type Value } from './graph.js';
import { guarded } from './guarded.js';
import { inferTypes } from './shapes.js';
import { bindInputs } from './specialize/bind.js';
import { Branches } from './specialize/branches.js';
import { Shared } from './specialize/cse.js';
import type { Host } from './specialize/host.js';
import { isOfSequences, resolveSequence } from './specialize/sequences.js';
import { mergeRun, padAllAxes, unchanged } from './specialize/simplify.js';
import { type Unpacked, unpack } from './specialize/unpack.js';
import { unroll } from './specialize/unroll.js';
import { Tensor } from './tensor.js';
import { refuseUnknownOperators } from './unknown.js';

export interface SpecializeOptions {
  /** Initializers that training will change: nothing is folded through them. Default: none. */
  trainable?: ReadonlySet<Value>;
  /** Is told of every If, Loop and Scan what has become of it: 'then_branch', 'both branches', '3 iterations'. */
  onControl?: (construct: Construct, became: string) => void;
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
  takeEmpty(out);
  for (const [name, { dtype, shape }] of out.initializers) out.types.set(name, { dtype, shape });
  new Specializer(out, options).run();
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

/** Inputs without elements are known: a cache of nothing, which what reads it dissolves with. */
function takeEmpty(graph: Graph): void {
  const isEmpty = ({ name }: { name: Value }): boolean => graph.shape(name).includes(0);
  for (const { name, dtype } of graph.inputs.filter(isEmpty))
    graph.initializers.set(name, Tensor.of(dtype, [], graph.shape(name)));
  graph.inputs = graph.inputs.filter((input) => !isEmpty(input));
}

class Specializer implements Host {
  readonly #graph: Graph;
  readonly #builder: Builder;
  readonly #trainable: ReadonlySet<Value>;
  readonly #outputs: Set<Value>;
  readonly #read: Set<Value>;
  readonly #renamed = new Map<Value, Value>();
  readonly #producers = new Map<Value, Node>();
  readonly #shared = new Shared();
  readonly #unpacked: Unpacked = new Map();
  readonly #branches: Branches;
  readonly #sequences = new Map<Value, readonly Value[]>();
  /** Nodes of repeated bodies so far. */
  #repeated = 0;
  readonly #onControl: (construct: Construct, became: string) => void;

  constructor(graph: Graph, { trainable = new Set(), onControl = () => {} }: SpecializeOptions) {
    this.#graph = graph;
    this.#builder = new Builder(graph);
    this.#branches = new Branches(this.#builder, (value) => this.constant(value));
    this.#trainable = trainable;
    this.#onControl = onControl;
    for (const [construct, became] of graph.decided) onControl(construct, became);
    this.#outputs = new Set(graph.outputs.map((o) => o.name));
    this.#read = new Set([...this.#outputs, ...graph.nodes.flatMap((n) => n.inputs)]);
  }

  run(): void {
    for (const [name, tensor] of this.#graph.initializers)
      if (!this.#trainable.has(name) && !this.#outputs.has(name))
        this.#rename(name, this.#shared.constant(name, tensor));
    const nodes = this.#graph.nodes;
    this.#graph.nodes = [];
    this.#walk(nodes, undefined);
  }

  /** Visits nodes in turn, those of bodies that are repeated by their Loop or Scan. `within`: the one they stand in. */
  #walk(nodes: readonly Node[], within: Construct | undefined): void {
    this.#branches.enter(nodes, this.resolve);
    const repeated = new Map<Construct, { begin?: Node; body: Node[] }>();
    const partsOf = (construct: Construct) => {
      const parts = repeated.get(construct) ?? { body: [] };
      repeated.set(construct, parts);
      return parts;
    };
    const own = nodes.filter((node) => {
      const around = outermostLoop(node, within);
      if (around) partsOf(around).body.push(node);
      return !around;
    });
    for (const node of own) {
      const { construct } = node;
      const parts = construct && construct.op !== 'If' ? partsOf(construct) : undefined;
      if (!parts) this.#visit(node);
      else if (!parts.begin) parts.begin = node;
      else if (this.#branches.around(node.block, this.resolve)) {
        const count = unroll(this, { begin: parts.begin, body: parts.body, end: node });
        this.#onControl(construct!, `${count} iteration${count === 1 ? '' : 's'}`);
      }
    }
  }

  #visit(node: Node): void {
    const open = this.#branches.around(node.block, this.resolve);
    if (!open) return;
    node.inputs = node.inputs.map((input) => this.resolve(input));
    if (node.construct && this.#chosen(node)) return;
    if (isOfSequences(node)) {
      resolveSequence(this, node, this.#sequences);
      return;
    }
    if (open.length > 0) this.#branches.gate(node, open, this.resolve, this.#trainable);
    this.#branches.computed(node.outputs, node.block);
    delete node.block;
    delete node.construct;
    const defined = definedOperators.get(operatorKey(node));
    if (defined) {
      const known = new Set(this.#graph.initializers.keys());
      const parts = meaningOf(defined, this.#builder, node, this.constant);
      for (const [name, tensor] of this.#graph.initializers)
        if (!known.has(name)) this.#rename(name, this.#shared.made(name, tensor));
      for (const part of parts) this.#visit(part);
      // Nodes that were visited may have given way to others.
      forgetViews(this.#builder);
      return;
    }
    const types = inferTypes(this.#graph, node);
    for (const [i, out] of node.outputs.entries()) if (out) this.#graph.types.set(out, types[i]!);
    padAllAxes(this.#builder, node);
    if (!node.outputs.some((out) => this.#outputs.has(out)) && this.#dissolve(node, types)) return;
    for (const out of node.outputs) if (out) this.#producers.set(out, node);
    this.#graph.nodes.push(node);
  }

  /** Whether an output of an If is what one branch gives; if not, the node has become a choice between both. */
  #chosen(node: Node): boolean {
    const [condition, then, otherwise] = node.inputs as [Value, Value, Value];
    const holds = this.#branches.holds(condition);
    this.#onControl(node.construct!, holds === undefined ? 'both branches' : holds ? 'then_branch' : 'else_branch');
    if (holds !== undefined) {
      this.alias(node.outputs[0]!, holds ? then : otherwise);
      return true;
    }
    this.#branches.check(node);
    node.inputs[0] = this.#branches.scalar(condition);
    return false;
  }

  /** Whether the node became constants, or names for earlier values; if not, it may have been rewritten in place. */
  #dissolve(node: Node, types: readonly StaticType[]): boolean {
    const constants = fold(this.#graph, node, types, this.constant);
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
    const same = unchanged(this.#builder, node, (v) => this.#read.has(v), this.constant);
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

  constant = (value: Value): Tensor | undefined =>
    this.#trainable.has(value) ? undefined : this.#graph.initializers.get(value);

  resolve = (value: Value): Value => {
    let name = value;
    for (let next = this.#renamed.get(name); next !== undefined; next = this.#renamed.get(name)) name = next;
    return name;
  };

  shape(value: Value): readonly number[] {
    return this.#graph.shape(value);
  }

  define(stem: string, tensor: Tensor): Value {
    return this.#builder.constant(tensor, stem);
  }

  alias(out: Value, value: Value): void {
    const sequence = this.#sequences.get(value);
    if (sequence) this.#sequences.set(out, sequence);
    else if (!this.#outputs.has(out)) this.#rename(out, value);
    else
      this.#visit({
        name: this.#builder.unique('Identity'),
        op: 'Identity',
        domain: '',
        inputs: [value],
        outputs: [out],
        attrs: new Map(),
      });
  }

  add(op: string, inputs: readonly Value[], attrs: Record<string, number>, outputs = 1): Value[] {
    const name = this.#builder.unique(op);
    const values = Array.from({ length: outputs }, () => this.#builder.unique(`${name}.y`));
    for (const input of inputs) this.#read.add(input);
    const given = new Map(Object.entries(attrs).map(([key, value]) => [key, toAttr(value)]));
    this.#visit({ name, op, domain: '', inputs: [...inputs], outputs: [...values], attrs: given });
    return values.map(this.resolve);
  }

  slices(value: Value, axis: number): Value[] {
    const at = this.define('axis', Tensor.of('int64', [axis]));
    const length = this.shape(value).at(axis) ?? 0;
    const parts =
      length === 1 ? [value] : length === 0 ? [] : this.add('Split', [value], { axis, num_outputs: length }, length);
    return parts.map((part) => this.add('Squeeze', [part, at], {})[0]!);
  }

  stacked(values: readonly Value[], axis: number, fresh: boolean): Value {
    const at = this.define('axis', Tensor.of('int64', [axis]));
    const parts = fresh ? values.map((value) => this.add('Unsqueeze', [value, at], {})[0]!) : values;
    return parts.length === 1 ? parts[0]! : this.add('Concat', parts, { axis })[0]!;
  }

  iterate(
    body: readonly Node[],
    construct: Construct,
    scope: Map<Value, Value>,
    iteration: number,
  ): (value: Value) => Value {
    const called = (value: Value): Value => scope.get(value) ?? value;
    for (const node of body)
      for (const out of node.outputs) if (out) scope.set(out, this.#builder.unique(`${out}@${iteration}`));
    const copies = body.map((node) => ({
      ...node,
      name: this.#builder.unique(`${node.name}@${iteration}`),
      inputs: node.inputs.map(called),
      outputs: node.outputs.map(called),
    }));
    this.#repeated += 1 + copies.length;
    checkRepeated(this.#repeated, construct, this.#graph.maxBytes);
    for (const node of copies) for (const input of node.inputs) this.#read.add(input);
    this.#walk(copies, construct);
    return (value) => this.resolve(called(value));
  }
}

/** The outermost Loop or Scan that a node stands in, of those inside `within`. */
function outermostLoop({ block }: Node, within: Construct | undefined): Construct | undefined {
  let found: Construct | undefined;
  for (let at = block; at && at.of !== within; at = at.outer) if (at.of.op !== 'If') found = at.of;
  return found;
}
