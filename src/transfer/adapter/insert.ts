// The adapter's part in a graph: y + s·B(A(x)) for what a layer gives, where A and B are in no file. It stands behind
// the layer's bias, so that the layer stays one product, and reads what the layer reads; the weight itself has no part
// in it, so that neither its gradient nor anything below the lowest adapter is computed. DoRA scales what both give
// before the bias by m / ‖W + s·B·A‖, a row for each output, whose norm counts as a constant.
// Hu et al., LoRA (2021); Liu et al., DoRA (2024).

import { type AttrInput, toAttr } from '../../onnx/builder.js';
import type { Graph, Node, Value } from '../../onnx/graph.js';
import { Tensor } from '../../onnx/tensor.js';
import type { Module, Place } from './modules.js';

/** The adapter of one layer: its tensors by their names in the graph. */
export interface Adapted {
  module: Module;
  /** [rank, in], of a convolution [rank, in, …kernel], of a table [rank, rows] */
  a: Value;
  /** [out, rank], of a convolution [out, rank, 1, …] */
  b: Value;
  /** DoRA's, [out]. */
  magnitude?: Value | undefined;
  scaling: number;
}

/** How the nodes that add what adapters give, or scale the sum, are called; their first input is what there was. */
const adapted = '.adapted';
export const isOfAdapter = (node: Node): boolean => node.name.endsWith(adapted);

/**
 * Puts adapters into a normalised graph, in place; their tensors are initializers already.
 * @returns names of the nodes whose first input has dropout while training
 */
export function insertAdapters(graph: Graph, adapters: readonly Adapted[]): string[] {
  const inserting = new Inserting(graph);
  const byNode = new Map<Node, Adapted[]>();
  for (const adapted of adapters)
    for (const { node } of adapted.module.places) byNode.set(node, [...(byNode.get(node) ?? []), adapted]);
  for (const [node, own] of byNode) inserting.at(node, own);
  return inserting.readers;
}

class Inserting {
  readonly readers: string[] = [];
  readonly #graph: Graph;
  readonly #used: Set<string>;

  constructor(graph: Graph) {
    this.#graph = graph;
    const names = graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs]);
    this.#used = new Set([...names, ...graph.initializers.keys(), ...graph.inputs.map(({ name }) => name)]);
  }

  /** The adapters of one node: several where it is a packed projection. */
  at(node: Node, adapters: readonly Adapted[]): void {
    const { x } = adapters[0]!.module.places.find((place: Place) => place.node === node)!;
    const scaled = adapters.some(({ magnitude }) => magnitude !== undefined);
    const last = scaled ? node : this.#withBias(node);
    const [y] = last.outputs as [Value];
    const nodes: Node[] = [];
    const op: Operation = (name, type, inputs, attrs = {}, domain = '') => {
      const out = this.#unique(name);
      const entries = Object.entries(attrs).map(([key, value]) => [key, toAttr(value)] as const);
      nodes.push({ name: out, op: type, domain, inputs, outputs: [out], attrs: new Map(entries) });
      return out;
    };
    const delta = adapters
      .map((adapted) => this.#delta(node, x, adapted, op))
      .reduce((total, part) => op(`${y}.parts`, 'Add', [total, part]));
    last.outputs = [this.#unique(`${y}.frozen`), ...last.outputs.slice(1)];
    const sum = op(`${y}${adapted}`, 'Add', [last.outputs[0]!, delta]);
    const bias = scaled && node.op === 'Gemm' ? node.inputs.splice(2)[0] : undefined;
    const scale = scaled ? op(`${y}.scaled${adapted}`, 'Mul', [sum, this.#scale(node, adapters[0]!, op)]) : sum;
    if (bias) op(`${y}.biased`, 'Add', [scale, bias]);
    nodes.at(-1)!.outputs = [y];
    if (node.block) for (const made of nodes) made.block = node.block;
    this.#graph.nodes.splice(this.#graph.nodes.indexOf(last) + 1, 0, ...nodes);
  }

  /** DoRA's m / ‖W + s·B·A‖ for each output, [out]; the norm counts as a constant. */
  #scale(node: Node, { module, a, b, magnitude, scaling }: Adapted, op: Operation): Value {
    const { alias: path } = module;
    const w = node.inputs[1]!;
    const outFirst = node.attrs.get('transB')?.value === 1;
    const turned = (matrix: Value): Value => op(`${matrix}.turned`, 'Transpose', [matrix], { perm: [1, 0] });
    const product = outFirst
      ? op(`${path}.product`, 'MatMul', [b, a])
      : op(`${path}.product`, 'MatMul', [turned(a), turned(b)]);
    const whole = op(`${path}.whole`, 'Add', [w, op(`${path}.change`, 'Mul', [product, this.#scalar(scaling)])]);
    const axes = this.#constant(`${path}.axes`, [outFirst ? 1 : 0]);
    const norm = op(`${path}.norm`, 'ReduceL2', [whole, axes], { keepdims: 0 });
    return op(`${path}.scale`, 'Div', [magnitude!, op(`${path}.constant`, 'StopGradient', [norm], {}, 'ortune')]);
  }

  /** s·B(A(x)), as wide as what the node gives. */
  #delta(node: Node, x: Value, { module, a, b, scaling }: Adapted, op: Operation): Value {
    const { alias: path, kind, packed, outputs } = module;
    const scale = this.#scalar(scaling);
    if (kind === 'convolution') {
      const attrs = Object.fromEntries(
        ['strides', 'pads', 'dilations', 'auto_pad', 'kernel_shape'].flatMap((key) => {
          const attr = node.attrs.get(key);
          return attr ? [[key, attr]] : [];
        }),
      );
      const h = op(`${path}.lora_A`, 'Conv', [x, a], attrs);
      this.readers.push(h);
      return op(`${path}.lora_B`, 'Conv', [op(`${path}.scaled`, 'Mul', [h, scale]), b]);
    }
    const [down, up] = [a, b].map((matrix) => op(`${matrix}.transposed`, 'Transpose', [matrix], { perm: [1, 0] })) as [
      Value,
      Value,
    ];
    const h =
      kind === 'embedding' ? op(`${path}.lora_A`, 'Gather', [down, x]) : op(`${path}.lora_A`, 'MatMul', [x, down]);
    if (kind === 'linear') this.readers.push(h);
    const scaled = op(`${path}.scaled`, 'Mul', [h, scale]);
    if (!packed) return op(`${path}.lora_B`, 'MatMul', [scaled, up]);
    const pads = this.#constant(`${path}.pads`, [0, packed.offset, 0, packed.whole - packed.offset - outputs]);
    return op(`${path}.lora_B`, 'MatMul', [scaled, op(`${path}.placed`, 'Pad', [up, pads])]);
  }

  /** The node that adds the layer's bias, where nothing else reads the product; else the node. */
  #withBias(node: Node): Node {
    if (node.op !== 'MatMul' && node.op !== 'MatMulNBits') return node;
    const [y] = node.outputs as [Value];
    const readers = this.#graph.nodes.filter(({ inputs }) => inputs.includes(y));
    const [reader] = readers;
    if (readers.length !== 1 || reader!.op !== 'Add' || this.#graph.outputs.some(({ name }) => name === y)) return node;
    const bias = reader!.inputs.find((input) => input !== y)!;
    return this.#graph.initializers.get(bias)?.shape.length === 1 ? reader! : node;
  }

  #scalar(value: number): Value {
    const name = `adapter.scaling.${value}`;
    this.#graph.initializers.set(name, Tensor.scalar('float32', value));
    return name;
  }

  #constant(stem: string, values: readonly number[]): Value {
    const name = this.#unique(stem);
    this.#graph.initializers.set(name, Tensor.of('int64', values));
    return name;
  }

  #unique(stem: string): string {
    let name = stem;
    for (let n = 1; this.#used.has(name); n++) name = `${stem}_${n}`;
    this.#used.add(name);
    return name;
  }
}

type Operation = (
  name: string,
  type: string,
  inputs: Value[],
  attrs?: Record<string, AttrInput>,
  domain?: string,
) => Value;
