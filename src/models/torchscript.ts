// Writes ONNX the way PyTorch's TorchScript exporter does: values named after the module's scope and the op
// ('/bert/pooler/dense/Gemm_output_0', then 'Gemm_1_output_0'), constants as Constant nodes beside their reader, dimensions as
// symbols. So a built model meets the same paths through ortune as a real export. It knows nothing of encoders.

import { create, toBinary } from '@bufbuild/protobuf';
import { type DataType, onnxDataType } from '../onnx/dtype.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../onnx/onnx_pb.js';
import { Tensor } from '../onnx/tensor.js';

// AttributeProto.AttributeType
const attributeType = { float: 1, int: 2, tensor: 4, ints: 7 };

type AttributeInput = number | readonly number[] | { float: number } | Tensor;

function attribute(name: string, value: AttributeInput): AttributeProto {
  const make = (fields: Partial<AttributeProto>) => create(AttributeProtoSchema, { name, ...fields } as AttributeProto);
  if (typeof value === 'number') return make({ type: attributeType.int, i: BigInt(value) });
  if (value instanceof Tensor) return make({ type: attributeType.tensor, t: tensorProto('', value) });
  if ('float' in value) return make({ type: attributeType.float, f: value.float });
  return make({ type: attributeType.ints, ints: value.map(BigInt) });
}

function tensorProto(name: string, tensor: Tensor): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: tensor.shape.map(BigInt),
    dataType: onnxDataType(tensor.dtype),
    rawData: tensor.bytes() as Uint8Array<ArrayBuffer>,
  });
}

function valueInfo(name: string, dtype: DataType, shape: readonly (string | number)[]): ValueInfoProto {
  const dim = shape.map((d) => ({
    value:
      typeof d === 'string' ? { case: 'dimParam' as const, value: d } : { case: 'dimValue' as const, value: BigInt(d) },
  }));
  const value = { elemType: onnxDataType(dtype), shape: { dim } };
  return create(ValueInfoProtoSchema, { name, type: { value: { case: 'tensorType', value } } });
}

export class TorchScriptWriter {
  readonly #opset: number;
  readonly #nodes: NodeProto[] = [];
  readonly #weights: TensorProto[] = [];
  readonly #inputs: ValueInfoProto[] = [];
  readonly #outputs: ValueInfoProto[] = [];
  readonly #counts = new Map<string, number>();

  constructor(opset: number) {
    this.#opset = opset;
  }

  /** The next name of this op in this scope: 'MatMul', 'MatMul_1', ... */
  #name(scope: string, op: string): string {
    const stem = `${scope}/${op}`;
    const count = this.#counts.get(stem) ?? 0;
    this.#counts.set(stem, count + 1);
    return count === 0 ? stem : `${stem}_${count}`;
  }

  input(name: string, dtype: DataType, shape: readonly (string | number)[]): string {
    this.#inputs.push(valueInfo(name, dtype, shape));
    return name;
  }

  output(name: string, dtype: DataType, shape: readonly (string | number)[]): void {
    this.#outputs.push(valueInfo(name, dtype, shape));
  }

  weight(name: string, shape: readonly number[], data: Float32Array): string {
    this.#weights.push(tensorProto(name, Tensor.view('float32', shape, data)));
    return name;
  }

  /** Adds a node in a scope ('/bert/pooler/dense') and returns its output; `as` names the output (a graph output). */
  op(
    scope: string,
    op: string,
    input: readonly string[],
    attributes: Record<string, AttributeInput> = {},
    as?: string,
  ): string {
    const name = this.#name(scope, op);
    const output = as ?? `${name}_output_0`;
    this.#nodes.push(
      create(NodeProtoSchema, {
        name,
        opType: op,
        input: [...input],
        output: [output],
        attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
      }),
    );
    return output;
  }

  constant(scope: string, tensor: Tensor): string {
    return this.op(scope, 'Constant', [], { value: tensor });
  }

  /** A one-dimensional int64 constant: axes, shapes, starts. */
  ints(scope: string, ...values: number[]): string {
    return this.constant(scope, Tensor.of('int64', values));
  }

  float(scope: string, value: number): string {
    return this.constant(scope, Tensor.scalar('float32', value));
  }

  /** The bytes of the ModelProto. */
  finish(graphName: string): Uint8Array {
    const model = create(ModelProtoSchema, {
      irVersion: 8n,
      producerName: 'ortune',
      opsetImport: [{ domain: '', version: BigInt(this.#opset) }],
      graph: create(GraphProtoSchema, {
        name: graphName,
        node: this.#nodes,
        initializer: this.#weights,
        input: this.#inputs,
        output: this.#outputs,
      }),
    });
    return toBinary(ModelProtoSchema, model);
  }
}
