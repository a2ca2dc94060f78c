// Appends nodes and drawn weights to a model file's own graph, in the forms of its opset: what a new head is written
// with.

import { create } from '@bufbuild/protobuf';
import { float, toAttr } from '../onnx/builder.js';
import { convertFloat } from '../onnx/convert.js';
import { type DataType, onnxDataType } from '../onnx/dtype.js';
import { encodeAttribute, encodeTensor } from '../onnx/encode.js';
import { drawn, freeName, zeros } from '../onnx/file/surgery.js';
import type { Attr } from '../onnx/graph.js';
import { type GraphProto, NodeProtoSchema } from '../onnx/onnx_pb.js';
import { Tensor } from '../onnx/tensor.js';
import type { ModelConfig } from '../transfer/config.js';

export type Activation = 'Tanh' | 'Relu' | 'Gelu';

/** Writes nodes of a head into a file's graph, in the forms of its opset. */
export class FileBuilder {
  readonly #graph: GraphProto;
  readonly #opset: number;
  readonly #dtype: DataType;
  readonly #seed: number;
  readonly #deviation: number;
  #drawn = 0;

  constructor(graph: GraphProto, opset: number, dtype: DataType, seed: number, config: ModelConfig) {
    this.#graph = graph;
    this.#opset = opset;
    this.#dtype = dtype;
    this.#seed = seed;
    this.#deviation = config.initializer_range ?? 0.02;
  }

  node(op: string, inputs: string[], attrs: Record<string, number | Attr> = {}, output?: string): string {
    const name = freeName(this.#graph, `/head/${op}`);
    const result = output ?? freeName(this.#graph, `${name}_output_0`);
    const attribute = Object.entries(attrs).map(([key, value]) => encodeAttribute(key, toAttr(value)));
    this.#graph.node.push(create(NodeProtoSchema, { name, opType: op, input: inputs, output: [result], attribute }));
    return result;
  }

  constant(dtype: DataType, values: number[], shape: number[] = [values.length]): string {
    const name = freeName(this.#graph, '/head/Constant');
    this.#graph.initializer.push(encodeTensor(Tensor.of(dtype, values, shape), name));
    return name;
  }

  /** [B, inputs] → [B, outputs]; PyTorch's layout of the weight, [outputs, inputs]. */
  linear(name: string, x: string, inputs: number, outputs: number, output?: string): string {
    const weight = freeName(this.#graph, `${name}.weight`);
    const bias = freeName(this.#graph, `${name}.bias`);
    const stream = this.#drawn++;
    this.#graph.initializer.push(drawn(weight, this.#dtype, [outputs, inputs], this.#seed, stream, this.#deviation));
    this.#graph.initializer.push(zeros(bias, this.#dtype, outputs));
    return this.node('Gemm', [x, weight, bias], { transB: 1 }, output);
  }

  /** [B, T, inputs] → [B, T, outputs], as exporters write a linear layer over three axes. */
  linearPerToken(name: string, x: string, inputs: number, outputs: number, output?: string): string {
    const weight = freeName(this.#graph, `${name}.weight`);
    const stream = this.#drawn++;
    this.#graph.initializer.push(drawn(weight, this.#dtype, [inputs, outputs], this.#seed, stream, this.#deviation));
    return this.biased(`${name}.bias`, this.node('MatMul', [x, weight]), outputs, output);
  }

  /** x + bias over the last axis; the bias is 0. */
  biased(name: string, x: string, size: number, output?: string): string {
    const bias = freeName(this.#graph, name);
    this.#graph.initializer.push(zeros(bias, this.#dtype, size));
    return this.node('Add', [x, bias], {}, output);
  }

  /** Over the last axis; scale 1, bias 0. */
  layerNorm(name: string, x: string, size: number, epsilon: number): string {
    const scale = freeName(this.#graph, `${name}.weight`);
    const ones = Tensor.of('float32', new Float32Array(size).fill(1));
    this.#graph.initializer.push(encodeTensor(convertFloat(ones, this.#dtype), scale));
    if (this.#opset < 17) {
      const centred = this.node('Sub', [x, this.#meanOfLast(x)]);
      const variance = this.#meanOfLast(this.node('Pow', [centred, this.#scalar(2)]));
      const deviation = this.node('Sqrt', [this.node('Add', [variance, this.#scalar(epsilon)])]);
      const scaled = this.node('Mul', [this.node('Div', [centred, deviation]), scale]);
      return this.biased(`${name}.bias`, scaled, size);
    }
    const bias = freeName(this.#graph, `${name}.bias`);
    this.#graph.initializer.push(zeros(bias, this.#dtype, size));
    return this.node('LayerNormalization', [x, scale, bias], { axis: -1, epsilon: float(epsilon) });
  }

  #meanOfLast(x: string): string {
    return this.node('ReduceMean', [x], { axes: { kind: 'ints', value: [-1] }, keepdims: 1 });
  }

  activate(activation: Activation, x: string): string {
    if (activation !== 'Gelu' || this.#opset >= 20) return this.node(activation, [x]);
    const root = this.#scalar(Math.SQRT2);
    const shifted = this.node('Add', [this.node('Erf', [this.node('Div', [x, root])]), this.#scalar(1)]);
    return this.node('Mul', [this.node('Mul', [x, shifted]), this.#scalar(0.5)]);
  }

  /** [B, T, C] → [B, C] over the tokens that the mask [B, T] shows, or over all. */
  mean(x: string, mask: string | undefined): string {
    if (mask === undefined) return this.node('Div', [this.#sum(x), this.#length(x)]);
    const shown = this.node('Unsqueeze', [this.#cast(mask), this.constant('int64', [2])]);
    return this.node('Div', [this.#sum(this.node('Mul', [x, shown])), this.#sum(shown)]);
  }

  #sum(x: string): string {
    return this.node('ReduceSum', [x, this.constant('int64', [1])], { keepdims: 0 });
  }

  /** Number of tokens, padded ones too. */
  #length(x: string): string {
    const shape = this.node('Shape', [x]);
    return this.#cast(this.node('Gather', [shape, this.constant('int64', [1], [])]));
  }

  #cast(x: string): string {
    return this.node('Cast', [x], { to: onnxDataType(this.#dtype) });
  }

  #scalar(value: number): string {
    return this.#dtype === 'float32'
      ? this.constant('float32', [value], [])
      : this.#cast(this.constant('float32', [value], []));
  }
}
