// Mixed precision: the products of a training graph, and what moves their operands, in a 16-bit type; parameters,
// losses, norms' insides, reductions and whatever onnx/operators.ts has no `autocast` for in float32. A graph-to-graph
// transform of the differentiated graph, before fused operators are spelled out, so that each of those keeps one type
// inside. Parameters stay float32 inputs and are rounded once in every run; their gradients leave as float32, divided
// by the scale of the loss.
// Source of the method: Micikevicius et al., Mixed Precision Training (2018).

import type { Builder } from '../onnx/builder.js';
import { convertFloat, firstOverflow } from '../onnx/convert.js';
import { type DataType, isFloat, onnxDataType } from '../onnx/dtype.js';
import { ancestors, type Graph, type Node, type StaticType, type Value } from '../onnx/graph.js';
import { traitsOf } from '../onnx/operators.js';
import { inferTypes } from '../onnx/shapes.js';
import type { HalfType } from './target.js';

/**
 * Graph input float32 []: what the loss is multiplied by for its gradients, so that small ones do not vanish in
 * float16.
 */
export const lossScaleInput = 'loss_scale';

export interface HalfOptions {
  loss: Value;
  /** The gradients among the outputs, which are those of the scaled loss before. */
  gradients: ReadonlySet<Value>;
  /** Trained or not, and statistics: what is no constant although the graph has a value for it. */
  parameters: ReadonlySet<Value>;
}

/** Rewrites the builder's differentiated graph in place; its inputs and outputs keep their names and types. */
export function toMixedPrecision(b: Builder, half: HalfType, options: HalfOptions): void {
  const rewriting = new MixedPrecision(b, half, options);
  const nodes = b.graph.nodes;
  b.graph.nodes = [];
  for (const node of nodes) rewriting.take(node);
}

class MixedPrecision {
  readonly #b: Builder;
  readonly #graph: Graph;
  readonly #half: HalfType;
  readonly #options: HalfOptions;
  /** What the loss is made of; all else is backward, or beside it. */
  readonly #forward: ReadonlySet<Node>;
  readonly #outputs: ReadonlySet<Value>;
  /** What an operand is in the other type. A narrow copy serves both passes; a wide one is made anew for backward. */
  readonly #converted = new Map<string, Value>();
  /** Gradients before they were divided by the scale, for what reads them inside the graph. */
  readonly #scaled = new Map<Value, Value>();
  #inverse: Value | undefined;

  constructor(b: Builder, half: HalfType, options: HalfOptions) {
    this.#b = b;
    this.#graph = b.graph;
    this.#half = half;
    this.#options = options;
    this.#forward = ancestors(b.graph, [options.loss]);
    this.#outputs = new Set(b.graph.outputs.map(({ name }) => name));
  }

  /** Appends a node of the graph in the type that it computes in. */
  take(node: Node): void {
    const { autocast, noBfloat16 } = traitsOf(node);
    const takesHalf = this.#half !== 'bfloat16' || !noBfloat16;
    const halved = takesHalf && (autocast === 'low' || (autocast === 'promote' && this.#follows(node)));
    const dtype = halved ? this.#half : 'float32';
    node.inputs = node.inputs.map((x) => this.#operand(node, this.#scaled.get(x) ?? x, dtype));
    const types = inferTypes(this.#graph, node);
    const finish: (() => void)[] = [];
    node.outputs = node.outputs.map((out, i) => {
      if (!out) return out;
      const own = this.#rename(out, types[i]!, i === 0 && autocast === 'float32');
      this.#graph.types.set(own, types[i]!);
      if (own !== out) finish.push(() => this.#finish(node, own, out));
      return own;
    });
    this.#graph.nodes.push(node);
    for (const end of finish) end();
  }

  /** Whether a node that has no type of its own computes in the 16-bit one. */
  #follows({ op, inputs }: Node): boolean {
    const floats = inputs.map((x) => this.#scaled.get(x) ?? x).filter((x) => x && isFloat(this.#graph.type(x).dtype));
    // A square leaves float16 at 256.
    if (op === 'Mul' && inputs[0] === inputs[1]) return false;
    const isHalf = (x: Value): boolean => this.#graph.type(x).dtype === this.#half;
    return floats.some(isHalf) && floats.every((x) => isHalf(x) || this.#options.parameters.has(x) || this.#fits(x));
  }

  /** Whether a value is a constant that the 16-bit type has. */
  #fits(x: Value): boolean {
    const tensor = this.#graph.initializers.get(x);
    if (!tensor) return false;
    const narrow = convertFloat(tensor, this.#half);
    const back = convertFloat(narrow, 'float32').data();
    const vanishes = (tensor.data() as Float32Array).some((value, i) => value !== 0 && back[i] === 0);
    return firstOverflow(tensor, narrow) < 0 && !vanishes;
  }

  #operand(node: Node, x: Value, dtype: DataType): Value {
    if (!x) return x;
    const given = this.#graph.type(x);
    if (given.dtype === dtype || (given.dtype !== 'float32' && given.dtype !== this.#half)) return x;
    const key = this.#key(node, x, dtype);
    const known = this.#converted.get(key);
    if (known !== undefined) return known;
    const constant = this.#options.parameters.has(x) ? undefined : this.#graph.initializers.get(x);
    const made = constant
      ? this.#b.constant(convertFloat(constant, dtype), `${x}/${dtype}`)
      : this.#cast(x, this.#b.unique(`${x}/${dtype}`), dtype);
    this.#converted.set(key, made);
    return made;
  }

  #key(node: Node, x: Value, dtype: DataType): string {
    return `${x} ${dtype === 'float32' ? this.#forward.has(node) : ''}`;
  }

  #cast(x: Value, name: Value, dtype: DataType): Value {
    const attrs = new Map([['to', { kind: 'int' as const, value: onnxDataType(dtype) }]]);
    this.#b.append({ name: `${name}/Cast`, op: 'Cast', domain: '', inputs: [x], outputs: [name], attrs });
    return name;
  }

  /** Another name for an output that goes on as something else under its own: see `finish`. */
  #rename(out: Value, { dtype }: StaticType, narrows: boolean): Value {
    if (dtype !== 'float32' && dtype !== this.#half) return out;
    const leaves = this.#outputs.has(out) && (dtype === this.#half || this.#options.gradients.has(out));
    return leaves || (narrows && !this.#outputs.has(out)) ? this.#b.unique(`${out}/${dtype}`) : out;
  }

  /** The output under its own name: what leaves the graph is float32, and of `float32` operators 16 bits go on. */
  #finish(node: Node, own: Value, out: Value): void {
    if (this.#options.gradients.has(out)) {
      this.#scaled.set(out, own);
      this.#unscale(this.#operand(node, own, 'float32'), out);
    } else if (this.#outputs.has(out)) {
      this.#cast(own, out, 'float32');
      this.#converted.set(this.#key(node, out, this.#half), own);
    }
    // All readers see the rounded value: some of backward compare it with forward's.
    else this.#cast(own, out, this.#half);
  }

  /** A gradient of the loss itself. */
  #unscale(x: Value, out: Value): void {
    this.#inverse ??= this.#b.op('Reciprocal', [lossScaleInput]);
    this.#b.append({
      name: `${out}/unscaled`,
      op: 'Mul',
      inputs: [x, this.#inverse],
      outputs: [out],
    });
  }
}
