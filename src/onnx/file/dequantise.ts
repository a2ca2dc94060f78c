// Weights that a file stores as rounded numbers, as floats in the file's own graph: float operators come in the place
// of those that compute with the numbers, and they multiply what was rounded before as it is. For training the weights,
// and for a head whose last layer has such ones. QLinear operators stay, since what they give is rounded too.

import { create } from '@bufbuild/protobuf';
import { decodeTensor } from '../decode.js';
import { encodeTensor } from '../encode.js';
import { attributeOf, freeName, graphOf, type Model, operatorName } from '../model.js';
import { type GraphProto, type NodeProto, NodeProtoSchema } from '../onnx_pb.js';
import type { Tensor } from '../tensor.js';
import { FileGraph } from './file-graph.js';
import { type Blocked, blockValues, fitsBlocks, fitsLinear, linearValues, type Scaled } from './stored-values.js';
import { copyOfGraph, dropDeadNodes } from './surgery.js';

export interface Dequantised {
  /** The model that was given, where nothing is stored. */
  model: Model;
  /** Names of the float tensors. */
  made: string[];
}

/** The tensors that a float one came of, by name, and where its scales lie. */
export interface Rounded {
  /** The float tensor. */
  name: string;
  numbers: string;
  scale: string;
  zero: string;
  layout: Scaled | Blocked;
}

/** What a file was before its weights became floats. */
export interface WasStored {
  graph: GraphProto;
  rounded: readonly Rounded[];
  /** A node of that graph, and those in its place. */
  replaced: readonly { node: NodeProto; by: readonly NodeProto[] }[];
}

/** @param wanted values whose nodes get float weights; default all */
export function dequantiseFile(model: Model, wanted?: ReadonlySet<string>): Dequantised {
  const copy = copyOfGraph(model);
  const graph = graphOf(copy);
  const surgery = new Dequantising(copy);
  const replaced: { node: NodeProto; by: NodeProto[] }[] = [];
  graph.node = graph.node.flatMap((node) => {
    const by = !wanted || node.output.some((out) => wanted.has(out)) ? surgery.inPlaceOf(node) : undefined;
    if (by) replaced.push({ node, by });
    return by ?? [node];
  });
  if (surgery.made.length === 0) return { model, made: [] };
  dropDeadNodes(graph);
  const wasStored = { graph: graphOf(model), rounded: surgery.rounded, replaced };
  return { model: wanted ? copy : { ...copy, wasStored }, made: surgery.made };
}

const alongColumns = { axis: -1, block: 0 };

class Dequantising {
  readonly made: string[] = [];
  readonly rounded: Rounded[] = [];
  readonly #model: Model;
  readonly #graph: GraphProto;
  readonly #file: FileGraph;
  /** By the numbers and what scales them. */
  readonly #known = new Map<string, string>();

  constructor(model: Model) {
    this.#model = model;
    this.#graph = graphOf(model);
    this.#file = new FileGraph(this.#graph);
  }

  /** Undefined for a node whose weights are no stored numbers. */
  inPlaceOf(node: NodeProto): NodeProto[] | undefined {
    const [a, b = '', c = '', d = '', e = '', f = '', g = ''] = node.input as [string];
    switch (operatorName(node.opType, node.domain)) {
      case 'DequantizeLinear':
      case 'com.microsoft.DequantizeLinear':
        return this.#floats(node);
      case 'com.microsoft.MatMulNBits':
        return this.#product(node, a, this.#ofBlocks(node), f);
      case 'com.microsoft.DynamicQuantizeMatMul':
        return this.#product(node, a, this.#linear(b, c, d, alongColumns), e);
      case 'com.microsoft.MatMulIntegerToFloat':
        return this.#product(node, this.#rounded(a), this.#linear(b, d, f, alongColumns), g);
      case 'Mul':
        return this.#scaledProduct(node);
      default:
        return undefined;
    }
  }

  /** Numbers that the file has, also where rows of them are looked up or moved before. */
  #floats(node: NodeProto): NodeProto[] | undefined {
    const [numbers, scale, zero = ''] = node.input as [string, string, string?];
    const scaled = { axis: intOf(node, 'axis', 1), block: intOf(node, 'block_size', 0) };
    const [name] = node.output as [string];
    const mover = this.#file.producer(numbers);
    if (!mover) return this.#linear(numbers, scale, zero, scaled, name) === undefined ? undefined : [];
    if (!['Gather', 'Transpose', 'Reshape'].includes(mover.opType) || this.#tensor(scale)?.size !== 1) return undefined;
    const w = this.#linear(mover.input[0]!, scale, zero, scaled);
    if (w === undefined) return undefined;
    return [copyOf(mover, { name: node.name, input: [w, ...mover.input.slice(1)], output: [name] })];
  }

  /** What DynamicQuantizeLinear rounded to these numbers. */
  #rounded(numbers: string): string | undefined {
    const node = this.#file.producer(numbers);
    return node?.opType === 'DynamicQuantizeLinear' && node.output[0] === numbers ? node.input[0] : undefined;
  }

  /** Mul(Cast(MatMulInteger(numbers of x, W)), scale of x times that of W), and of ConvInteger. */
  #scaledProduct(node: NodeProto): NodeProto[] | undefined {
    for (const [p, q] of [node.input, node.input.toReversed()] as [string, string][]) {
      const cast = this.#file.producer(p);
      const product = cast?.opType === 'Cast' ? this.#file.producer(cast.input[0]!) : undefined;
      const scales = this.#file.producer(q);
      if (!product || !['MatMulInteger', 'ConvInteger'].includes(product.opType) || scales?.opType !== 'Mul') continue;
      const [numbers, weights, , zero = ''] = product.input as [string, string, string?, string?];
      const scale = scales.input.find((x) => this.#tensor(x));
      const x = this.#rounded(numbers);
      const isConv = product.opType === 'ConvInteger';
      const w = scale && x && this.#linear(weights, scale, zero, isConv ? { axis: 0, block: 0 } : alongColumns);
      if (!w) continue;
      return [copyOf(product, { opType: isConv ? 'Conv' : 'MatMul', input: [x, w], output: [...node.output] })];
    }
    return undefined;
  }

  /** The node's output as a product and its bias. */
  #product(node: NodeProto, x: string | undefined, w: string | undefined, bias: string): NodeProto[] | undefined {
    if (x === undefined || w === undefined) return undefined;
    const [out] = node.output as [string];
    const { name } = node;
    if (!bias) return [create(NodeProtoSchema, { name, opType: 'MatMul', input: [x, w], output: [out] })];
    const product = freeName(this.#graph, `${out}_product`);
    return [
      create(NodeProtoSchema, { name, opType: 'MatMul', input: [x, w], output: [product] }),
      create(NodeProtoSchema, { name: name && `${name}/bias`, opType: 'Add', input: [product, bias], output: [out] }),
    ];
  }

  #tensor(name: string): Tensor | undefined {
    const proto = name ? this.#file.tensor(name) : undefined;
    return proto && decodeTensor(proto, `initializer '${name}'`, this.#model);
  }

  /** A float tensor of numbers that a scale and a zero point belong to; undefined where one of them is computed. */
  #linear(numbers: string, scale: string, zero: string, scaled: Scaled, name?: string): string | undefined {
    const key = JSON.stringify([numbers, scale, zero, scaled, name]);
    const known = this.#known.get(key);
    const [stored, scales, zeros] = [numbers, scale, zero].map((of) => this.#tensor(of));
    if (known !== undefined || !stored || !scales || (zero && !zeros)) return known;
    if (!fitsLinear(stored, scales, zeros, scaled)) return undefined;
    const made = this.#add(name ?? this.#nameFor(numbers), linearValues(stored, scales, zeros, scaled));
    this.#known.set(key, made);
    this.rounded.push({ name: made, numbers, scale, zero, layout: scaled });
    return made;
  }

  #ofBlocks(node: NodeProto): string | undefined {
    const [, numbers, scale, zero = '', order = ''] = node.input as [string, string, string, string?, string?];
    const [packed, scales, zeros] = [numbers, scale, zero].map((of) => this.#tensor(of));
    if (!packed || !scales || (zero && !zeros) || order) return undefined;
    const [bits, block] = [intOf(node, 'bits', 4), intOf(node, 'block_size', 0)];
    const blocked = { bits, block, shape: [intOf(node, 'N', 0), intOf(node, 'K', 0)] as const };
    if (!fitsBlocks([packed, scales, zeros], blocked)) return undefined;
    const made = this.#add(this.#nameFor(numbers), blockValues([packed, scales, zeros], blocked));
    this.rounded.push({ name: made, numbers, scale, zero, layout: blocked });
    return made;
  }

  /** Without what quantisers put behind the names of the tensors that they make. */
  #nameFor(numbers: string): string {
    return freeName(this.#graph, numbers.replace(/(_quantized|_quant|_Q\d(G\d+)?|_int8)$/, ''));
  }

  #add(name: string, tensor: Tensor): string {
    this.#graph.initializer.push(encodeTensor(tensor, name));
    this.made.push(name);
    return name;
  }
}

const intOf = (node: NodeProto, name: string, fallback: number): number =>
  Number(attributeOf(node, name)?.i ?? fallback);

const copyOf = (node: NodeProto, changed: Partial<NodeProto>): NodeProto =>
  Object.assign(create(NodeProtoSchema), node, { domain: '' }, changed);
