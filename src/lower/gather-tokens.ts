// Computes a value at chosen tokens only. What masked-LM needs of its logits [B, T, V] is the 15 % of masked places, so
// the choice is moved as far forward in the graph as it goes: through every operator that treats each token by itself
// and whose result nobody needs in full. With an encoder that is the language-model head, and the last layer behind its
// attention too. Nothing is recognised by name, so heads of any family and export are served.

import type { Builder } from '../onnx/builder.js';
import { forgetViews, rows, view } from '../onnx/formulas.js';
import { attrInt, infoOf, type Node, operatorKey, type Value } from '../onnx/graph.js';
import { traitsOf } from '../onnx/operators.js';
import { inferTypes } from '../onnx/shapes.js';
import { elementCount } from '../onnx/tensor.js';

/**
 * Rewrites the builder's static graph in place so that `value` [B, T, C] is computed for `positions` only, and makes
 * what it then is a graph output in its stead.
 * @param positions int64 [M], counting the tokens of the whole batch row after row
 * @returns the value [M, C]
 */
export function gatherTokens(b: Builder, value: Value, positions: Value): Value {
  const { graph } = b;
  forgetViews(b);
  const [batch, length] = b.shape(value) as [number, number, number];
  const tokens = new Tokens(b, batch, length);
  const narrowed = tokens.chain(value);
  const chosen = new Map<Value, Value>();
  /** The rows of a token value at the positions: what its narrowed producer gives, or gathered once. */
  const rowsAt = (x: Value): Value => {
    const known = chosen.get(x);
    if (known !== undefined) return known;
    const gathered = b.op('Gather', [rows(b, x), positions], { axis: 0 }, { name: 'masked' });
    chosen.set(x, gathered);
    return gathered;
  };
  const nodes = graph.nodes;
  graph.nodes = [];
  for (const node of nodes) {
    const y = node.outputs[0]!;
    if (!narrowed.has(node)) graph.nodes.push(node);
    else if (node.op === 'Reshape') chosen.set(y, rowsAt(node.inputs[0]!));
    else {
      node.inputs = node.inputs.map((x) => (tokens.isTokens(x) ? rowsAt(x) : operand(b, x)));
      node.outputs = [y];
      if (node.op === 'LayerNormalization') node.attrs = new Map(node.attrs).set('axis', { kind: 'int', value: -1 });
      graph.types.set(y, inferTypes(graph, node)[0]!);
      graph.nodes.push(node);
      chosen.set(y, y);
    }
  }
  const result = rowsAt(value);
  graph.outputs = graph.outputs.map((o) => (o.name === value ? infoOf(graph, result) : o));
  return result;
}

/** A constant or a number, without leading axes of 1 that would give the rows a third axis. */
function operand(b: Builder, x: Value): Value {
  if (!x) return x;
  const shape = b.shape(x);
  return shape.length > 2 ? view(b, x, shape.slice(shape.findIndex((d, i) => d !== 1 || i === shape.length - 1))) : x;
}

class Tokens {
  readonly #b: Builder;
  readonly #batch: number;
  readonly #length: number;
  /** Values that depend on what is fed; the others are weights and constants. */
  readonly #fed: Set<Value>;

  constructor(b: Builder, batch: number, length: number) {
    this.#b = b;
    this.#batch = batch;
    this.#length = length;
    this.#fed = new Set(b.graph.inputs.map(({ name }) => name));
    for (const { inputs, outputs } of b.graph.nodes)
      if (inputs.some((x) => this.#fed.has(x))) for (const out of outputs) this.#fed.add(out);
  }

  /** One vector for each token of the batch: [B, T, C], or [B * T, C]. */
  isTokens(x: Value): boolean {
    if (!this.#fed.has(x)) return false;
    const shape = this.#b.shape(x);
    if (shape.length === 3) return shape[0] === this.#batch && shape[1] === this.#length;
    return shape.length === 2 && shape[0] === this.#batch * this.#length;
  }

  /** The nodes that need to be computed at the chosen tokens only. */
  chain(value: Value): Set<Node> {
    const { graph } = this.#b;
    const consumers = graph.consumers();
    const outputs = new Set(graph.outputs.map(({ name }) => name));
    const chain = new Set<Node>();
    for (const node of graph.nodes.toReversed()) {
      const [y, ...others] = node.outputs as [Value, ...Value[]];
      const readers = consumers.get(y) ?? [];
      const wanted = y === value ? readers.length === 0 : !outputs.has(y) && readers.length > 0;
      const alone = others.every((out) => !out || (!consumers.has(out) && !outputs.has(out)));
      if (wanted && alone && readers.every((reader) => chain.has(reader)) && this.#byToken(node)) chain.add(node);
    }
    return chain;
  }

  /** Whether each token's result depends on that token alone. */
  #byToken(node: Node): boolean {
    const [x, second] = node.inputs as [Value, Value];
    if (!this.isTokens(node.outputs[0]!)) return false;
    const key = operatorKey(node);
    if (traitsOf(node).elementwise)
      return node.inputs.every((input) => !input || this.isTokens(input) || this.#perColumn(input));
    if (!this.isTokens(x)) return false;
    const rank = this.#b.shape(x).length;
    const isMatrix = () => !this.#fed.has(second) && this.#b.shape(second).length === 2;
    if (key === 'MatMul') return isMatrix();
    if (key === 'com.microsoft.MatMulNBits') return true;
    if (key === 'Gemm')
      return isMatrix() && attrInt(node, 'transA', 0) === 0 && node.inputs.slice(2).every((c) => this.#perColumn(c));
    if (key === 'LayerNormalization') return [-1, rank - 1].includes(attrInt(node, 'axis', -1));
    return key === 'Reshape' && this.#b.shape(x).at(-1) === this.#b.shape(node.outputs[0]!).at(-1);
  }

  /** The same for every token: a scalar, a key, or one number for each column. */
  #perColumn(x: Value): boolean {
    const shape = this.#b.shape(x);
    if (this.#fed.has(x) && elementCount(shape) > 1 && shape.length > 1) return false;
    return shape.length <= 1 || elementCount(shape) === shape.at(-1);
  }
}
