// Looking things up in a file's own graph message: who computes a value and who reads it, which constant stands behind
// an operand, and what is a linear layer. Surgery on the file starts here; nothing is changed here.

import { readsOf } from '../blocks.js';
import { type DataType, dataTypeFromOnnx } from '../dtype.js';
import { attributeOf, operatorName } from '../model.js';
import type { GraphProto, NodeProto, TensorProto } from '../onnx_pb.js';

/** A tensor of the file as an operand: as it is, or cast or transposed on the way. */
export interface Constant {
  name: string;
  /** In the file. */
  shape: number[];
  dtype: DataType;
  /** Of the operand. */
  computed: DataType;
  transposed: boolean;
  /** The values from the tensor's cast or transpose to the operand. */
  values: string[];
}

/** x·W, whether the exporter wrote Gemm, MatMul or a convolution of one place (1 x 1). */
export interface Linear {
  x: string;
  weight: Constant;
  /** A Gemm's own. */
  bias: Constant | undefined;
  /** The weight lies [out, in] in the file, as PyTorch has it. */
  outFirst: boolean;
  inputs: number;
  outputs: number;
}

export class FileGraph {
  readonly #producers: Map<string, NodeProto>;
  readonly #readers = new Map<string, NodeProto[]>();
  readonly #tensors: Map<string, TensorProto>;

  constructor({ node, initializer }: GraphProto) {
    this.#producers = new Map(node.flatMap((n) => n.output.map((out) => [out, n] as const)));
    for (const n of node)
      for (const input of new Set(readsOf(n))) {
        const readers = this.#readers.get(input);
        if (readers) readers.push(n);
        else this.#readers.set(input, [n]);
      }
    this.#tensors = new Map(initializer.map((tensor) => [tensor.name, tensor]));
    for (const n of node) {
      const tensor = n.opType === 'Constant' ? attributeOf(n, 'value')?.t : undefined;
      if (tensor) this.#tensors.set(n.output[0]!, tensor);
    }
  }

  producer(value: string): NodeProto | undefined {
    return this.#producers.get(value);
  }

  readers(value: string): readonly NodeProto[] {
    return this.#readers.get(value) ?? [];
  }

  tensor(name: string): TensorProto | undefined {
    return this.#tensors.get(name);
  }

  /** The tensor that an operand is, behind casts and transposes. */
  constant(value: string): Constant | undefined {
    const passed: NodeProto[] = [];
    let name = value;
    while (!this.#tensors.has(name)) {
      const node = this.#producers.get(name);
      if (!node || !['Cast', 'Transpose', 'Identity'].includes(node.opType)) return undefined;
      passed.push(node);
      name = node.input[0]!;
    }
    const tensor = this.#tensors.get(name)!;
    const dtype = dataTypeFromOnnx(tensor.dataType);
    const casts = passed.filter(({ opType }) => opType === 'Cast');
    // What the last one casts to; those before must be types that are known, too.
    const types = casts.map((cast) => dataTypeFromOnnx(Number(attributeOf(cast, 'to')?.i ?? 0)));
    if (!dtype || types.includes(undefined)) return undefined;
    const transposed = passed.filter(({ opType }) => opType === 'Transpose').length % 2 === 1;
    const values = passed.map((node) => node.output[0]!).reverse();
    return { name, shape: tensor.dims.map(Number), dtype, computed: types[0] ?? dtype, transposed, values };
  }

  /** The convolution that mixes channels at each place by itself, as a linear layer over them. */
  pointwise(node: NodeProto): Linear | undefined {
    const weight = operatorName(node.opType, node.domain) === 'Conv' ? this.constant(node.input[1]!) : undefined;
    if (!weight || weight.shape.length < 3 || weight.shape.slice(2).some((d) => d !== 1)) return undefined;
    if (Number(attributeOf(node, 'group')?.i ?? 1) !== 1) return undefined;
    const [outputs, inputs] = weight.shape as [number, number];
    const bias = node.input[2] ? this.constant(node.input[2]) : undefined;
    return { x: node.input[0]!, weight, bias, outFirst: true, inputs, outputs };
  }

  /** The linear layer whose product a node is; undefined for other nodes and for products of two computed values. */
  linear(node: NodeProto): Linear | undefined {
    const op = operatorName(node.opType, node.domain);
    const weight = op === 'Gemm' || op === 'MatMul' ? this.constant(node.input[1]!) : undefined;
    if (weight?.shape.length !== 2) return undefined;
    const outFirst = weight.transposed !== (Number(attributeOf(node, 'transB')?.i ?? 0) === 1);
    const [outputs, inputs] = (outFirst ? weight.shape : weight.shape.toReversed()) as [number, number];
    const bias = op === 'Gemm' && node.input[2] ? this.constant(node.input[2]) : undefined;
    return { x: node.input[0]!, weight, bias, outFirst, inputs, outputs };
  }
}
