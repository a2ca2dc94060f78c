// Writes ONNX the way PyTorch's TorchScript exporter does: values named after the module's scope and the op
// ('/bert/pooler/dense/Gemm_output_0', then 'Gemm_1_output_0'), constants as Constant nodes beside their reader,
// dimensions as symbols. So a built model meets the same paths through ortune as a real export. It knows nothing of
// encoders.

import { type AttrInput, toAttr } from '../onnx/builder.js';
import { convertFloat } from '../onnx/convert.js';
import type { DataType } from '../onnx/dtype.js';
import { encodeGraph } from '../onnx/encode.js';
import { type Dim, Graph } from '../onnx/graph.js';
import { Tensor } from '../onnx/tensor.js';

export class TorchScriptWriter {
  readonly #graph = new Graph();
  readonly #counts = new Map<string, number>();

  constructor(opset: number) {
    this.#graph.name = 'main_graph';
    this.#graph.opset = opset;
  }

  /** The next name of this op in this scope: 'MatMul', 'MatMul_1', ... */
  #name(scope: string, op: string): string {
    const stem = `${scope}/${op}`;
    const count = this.#counts.get(stem) ?? 0;
    this.#counts.set(stem, count + 1);
    return count === 0 ? stem : `${stem}_${count}`;
  }

  input(name: string, dtype: DataType, shape: Dim[]): string {
    this.#graph.inputs.push({ name, dtype, shape });
    return name;
  }

  output(name: string, dtype: DataType, shape: Dim[]): void {
    this.#graph.outputs.push({ name, dtype, shape });
  }

  /** `dtype`: what the data is rounded to. */
  weight(name: string, shape: readonly number[], data: Float32Array, dtype: DataType = 'float32'): string {
    this.#graph.initializers.set(name, convertFloat(Tensor.view('float32', shape, data), dtype));
    return name;
  }

  /** Adds a node in a scope ('/bert/pooler/dense') and returns its output; `as` names the output (a graph output). */
  op(scope: string, op: string, inputs: readonly string[], attrs: Record<string, AttrInput> = {}, as?: string): string {
    const name = this.#name(scope, op);
    const output = as ?? `${name}_output_0`;
    this.#graph.nodes.push({
      name,
      op,
      domain: '',
      inputs: [...inputs],
      outputs: [output],
      attrs: new Map(Object.entries(attrs).map(([key, value]) => [key, toAttr(value)])),
    });
    return output;
  }

  constant(scope: string, tensor: Tensor): string {
    return this.op(scope, 'Constant', [], { value: tensor });
  }

  /** A one-dimensional int64 constant: axes, shapes, starts. */
  ints(scope: string, ...values: number[]): string {
    return this.constant(scope, Tensor.of('int64', values));
  }

  scalar(scope: string, value: number): string {
    return this.constant(scope, Tensor.scalar('float32', value));
  }

  /** What has been written so far. */
  get graph(): Graph {
    return this.#graph;
  }

  /** The bytes of the ONNX file. */
  finish(): Uint8Array {
    return encodeGraph(this.#graph);
  }
}
