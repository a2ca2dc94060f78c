// Reverse-mode differentiation as a graph-to-graph transform. The walk is the only place that decides which gradients
// are needed, sums them over broadcast axes, adds up fan-out, names what it adds ('grad.' …) and reports operators
// without a rule; rules say only the mathematics. Griewank and Walther, Evaluating Derivatives, chapter 3.

import { ModelError } from '../errors.js';
import type { Builder } from '../onnx/builder.js';
import { isFloat } from '../onnx/dtype.js';
import { add, filled, forgetViews, indices, sameShape, sum, view, zeros } from '../onnx/formulas.js';
import { type Node, operatorKey, type Value } from '../onnx/graph.js';
import { guarded } from '../onnx/guarded.js';
import { inferTypes } from '../onnx/shapes.js';
import { spellOut } from '../onnx/spell-out.js';
import { elementCount } from '../onnx/tensor.js';
import { quote } from '../quote.js';
import { findPaths, type Paths } from './paths.js';
import type { RuleContext } from './rules/context.js';
import { inputRule, rules } from './rules.js';

export interface BackwardOptions {
  /** Gradient of the loss itself, of its shape; default ones. */
  seed?: Value | undefined;
}

/**
 * Appends to the builder's graph the gradients of `loss` with respect to each value of `wrt`.
 * @param loss a float value; with more than one element, the sum of them weighted by `seed`
 * @param wrt float values of the graph: parameters, inputs or intermediate values
 * @returns per value of `wrt` its gradient, of the same shape and element type, under a name of its own
 * ('grad.' + value); zeros for a value that does not reach the loss
 * @throws ModelError listing every operator without a gradient rule on a path from `wrt` to the loss
 */
export function backward(
  b: Builder,
  loss: Value,
  wrt: readonly Value[],
  options: BackwardOptions = {},
): Map<Value, Value> {
  for (const value of [loss, ...wrt])
    if (!isFloat(b.type(value).dtype)) throw new Error(`${quote(value)} is ${b.type(value).dtype}, not a float value`);
  let paths = findPaths(b.graph, loss, wrt);
  if (writeOut(b, paths.nodes)) paths = findPaths(b.graph, loss, wrt);
  if (paths.missing.length > 0) throw missingRules(paths.missing);

  const prefix = b.prefix;
  b.prefix = 'grad.';
  try {
    const first = b.graph.nodes.length;
    const gradients = walk(b, loss, wrt, paths, options.seed);
    const named = nameGradients(b, wrt, gradients, first);
    dropUnread(b, first, new Set(named.values()));
    return named;
  } finally {
    b.prefix = prefix;
    forgetViews(b);
  }
}

/** Puts the definitions of operators that have one in their place; whether there were any. */
function writeOut(b: Builder, nodes: ReadonlySet<Node>): boolean {
  const definitionOf = (node: Node) => {
    const rule = nodes.has(node) ? rules.get(operatorKey(node)) : undefined;
    return rule && 'definition' in rule ? rule.definition : undefined;
  };
  const all = b.graph.nodes;
  if (!all.some(definitionOf)) return false;
  b.graph.nodes = [];
  for (const node of all) {
    // A view that is made here is there for what follows; one that was made before may stand further on.
    forgetViews(b);
    const definition = definitionOf(node);
    if (!definition || !guarded(node, 'gradient', () => spellOut(b, node, definition))) b.graph.nodes.push(node);
  }
  forgetViews(b);
  return true;
}

/** Visits the nodes on the paths from the last to the first; returns the gradient of every value of `wrt` reached. */
function walk(b: Builder, loss: Value, wrt: readonly Value[], paths: Paths, seed: Value | undefined) {
  const wanted = new Set(wrt);
  const terms = new Map<Value, Value[]>([[loss, [seed ?? filled(b, b.type(loss), 1)]]]);
  const gradients = new Map<Value, Value>();
  const settle = (value: Value): Value | undefined => {
    const parts = terms.get(value);
    if (!parts) return undefined;
    const total = accumulate(b, parts);
    terms.set(value, [total]);
    if (wanted.has(value)) gradients.set(value, total);
    return total;
  };
  for (const node of b.graph.nodes.slice().reverse()) {
    if (!paths.nodes.has(node)) continue;
    const dy = node.outputs.map((y) => (y ? settle(y) : undefined));
    const context = contextOf(b, node, dy, paths);
    for (const [i, x] of node.inputs.entries()) {
      if (!context.needs(i)) continue;
      const rule = inputRule(rules.get(operatorKey(node)) ?? null, i)!;
      const dx = guarded(node, 'gradient', () => reduceTo(b, rule(context, dy[0]!), b.shape(x)));
      if (b.type(dx).dtype !== b.type(x).dtype) throw new Error(`the rule of ${node.op} changes the element type`);
      const list = terms.get(x);
      if (list) list.push(dx);
      else terms.set(x, [dx]);
    }
  }
  for (const value of wrt) settle(value);
  return gradients;
}

function contextOf(b: Builder, node: Node, dy: (Value | undefined)[], paths: Paths): RuleContext {
  const made = new Map<string, unknown>();
  const rule = rules.get(operatorKey(node)) ?? null;
  return {
    b,
    node,
    x: node.inputs,
    y: node.outputs,
    dy,
    once: <T>(key: string, make: () => T): T => {
      if (!made.has(key)) made.set(key, make());
      return made.get(key) as T;
    },
    needs: (input) => paths.active.has(node.inputs[input] ?? '') && inputRule(rule, input) !== null,
    constant: (input) => {
      const value = node.inputs[input];
      return value && !paths.active.has(value) ? b.graph.initializers.get(value)?.numbers() : undefined;
    },
    output: (index) => nameOutput(b, node, index),
  };
}

/** Gives an unnamed optional output of a forward node a name, so that its gradient can read it. */
function nameOutput(b: Builder, node: Node, index: number): Value {
  while (node.outputs.length <= index) node.outputs.push('');
  if (!node.outputs[index]) {
    const name = b.unique(`${node.name}.y${index}`);
    node.outputs[index] = name;
    b.graph.types.set(name, inferTypes(b.graph, node)[index]!);
  }
  return node.outputs[index]!;
}

const accumulate = (b: Builder, parts: readonly Value[]): Value =>
  parts.length === 1 ? parts[0]! : parts.length === 2 ? add(b, parts[0]!, parts[1]!) : b.op('Sum', parts);

/**
 * Sums a gradient over the axes along which its value was broadcast. A value that was repeated as a whole (a bias, a
 * position embedding) is the sum of rows that ortune.BiasGrad computes.
 */
function reduceTo(b: Builder, g: Value, shape: readonly number[]): Value {
  const from = b.shape(g);
  if (sameShape(from, shape)) return g;
  const size = elementCount(shape);
  const lead = from.length - shape.length;
  const summed = indices(from.length).filter((i) => i < lead || (shape[i - lead] === 1 && from[i] !== 1));
  const kept = indices(from.length).filter((i) => !summed.includes(i));
  if (elementCount(kept.map((i) => from[i]!)) !== size)
    throw new Error(`a gradient of shape [${from}] does not reduce to [${shape}] (${g})`);
  if (elementCount(from) === size) return view(b, g, shape);
  const wholeRows = (summed.at(-1) ?? -1) < (kept.find((i) => from[i] !== 1) ?? -1);
  if (wholeRows && size > 1)
    return view(b, b.op('BiasGrad', [view(b, g, [elementCount(from) / size, size])], {}, { domain: 'ortune' }), shape);
  return view(b, sum(b, g, summed, false), shape);
}

/** Every gradient under the name 'grad.' + value, zeros where none arrived. */
function nameGradients(
  b: Builder,
  wrt: readonly Value[],
  reached: ReadonlyMap<Value, Value>,
  first: number,
): Map<Value, Value> {
  const gradients = new Map(wrt.map((value) => [value, reached.get(value) ?? zeros(b, b.type(value))]));
  const producers = new Map<Value, Node>();
  for (const node of b.graph.nodes.slice(first)) for (const out of node.outputs) producers.set(out, node);
  const renamed = new Map<Value, Value>();
  const named = new Map<Value, Value>();
  for (const [value, gradient] of gradients) {
    const name = b.unique(value);
    named.set(value, name);
    const producer = producers.get(gradient);
    if (producer && !renamed.has(gradient)) {
      renamed.set(gradient, name);
      producer.outputs = producer.outputs.map((out) => (out === gradient ? name : out));
      b.graph.types.set(name, b.type(gradient));
    } else b.copy(gradient, name);
  }
  for (const node of b.graph.nodes.slice(first)) node.inputs = node.inputs.map((x) => renamed.get(x) ?? x);
  for (const old of renamed.keys()) b.graph.types.delete(old);
  return named;
}

/** Removes added nodes nobody reads, and the names of fused gradients' outputs nobody reads. */
function dropUnread(b: Builder, first: number, results: ReadonlySet<Value>): void {
  const read = new Set(results);
  const kept: Node[] = [];
  for (const node of b.graph.nodes.splice(first).reverse()) {
    if (!node.outputs.some((out) => read.has(out))) {
      for (const out of node.outputs) b.graph.types.delete(out);
      continue;
    }
    if (node.domain === 'ortune') {
      node.outputs = node.outputs.map((out) => (read.has(out) ? out : ''));
      while (node.outputs.at(-1) === '') node.outputs.pop();
    }
    for (const x of node.inputs) if (x) read.add(x);
    kept.push(node);
  }
  b.graph.nodes.push(...kept.reverse());
}

function missingRules(missing: Paths['missing']): ModelError {
  const lines = missing.map(({ node, output }) => {
    const through = output === 0 ? '' : `, through its output ${output}`;
    return `  ${operatorKey(node)} (node ${quote(node.name)}${through})`;
  });
  return new ModelError(
    `no gradient rule for ${missing.length === 1 ? 'an operator' : `${missing.length} operators`} between the ` +
      `trainable parameters and the loss:\n${lines.join('\n')}\n` +
      'Freeze every parameter below these nodes, or export the model with other operators in their place.',
  );
}
