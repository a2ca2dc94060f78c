// Small ONNX files made in memory, and their outputs by the stock runtime.

import { writeFileSync } from 'node:fs';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import * as ort from 'onnxruntime-node';
import { type AttrInput, toAttr } from '#ortune/onnx/builder.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { onnxDataType } from '#ortune/onnx/dtype.js';
import { encodeAttribute, encodeTensor } from '#ortune/onnx/encode.js';
import type { Dim } from '#ortune/onnx/graph.js';
import {
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProtoSchema,
} from '#ortune/onnx/onnx_pb.js';
import { Tensor } from '#ortune/onnx/tensor.js';

export function node(
  op: string,
  inputs: string[],
  outputs: string[],
  attrs: Record<string, AttrInput> = {},
  more: { name?: string; domain?: string } = {},
): NodeProto {
  return create(NodeProtoSchema, {
    opType: op,
    input: inputs,
    output: outputs,
    attribute: Object.entries(attrs).map(([name, value]) => encodeAttribute(name, toAttr(value))),
    ...more,
  });
}

type ValueInfoInit = MessageInitShape<typeof ValueInfoProtoSchema>;

export const value = (name: string, dtype: DataType, shape: Dim[] | undefined): ValueInfoInit => ({
  name,
  type: {
    value: {
      case: 'tensorType',
      value: {
        elemType: onnxDataType(dtype),
        ...(shape && {
          shape: {
            dim: shape.map((d) => ({
              value:
                typeof d === 'number'
                  ? { case: 'dimValue' as const, value: BigInt(d) }
                  : { case: 'dimParam' as const, value: d ?? '' },
            })),
          },
        }),
      },
    },
  },
});

export const floats = (values: number[], shape: number[] = [values.length]): Tensor =>
  Tensor.of('float32', values, shape);
/** A tensor whose bytes lie in another file. */
export const external = (
  name: string,
  tensor: Tensor,
  location: string,
  entries: Record<string, number>,
): TensorProto =>
  create(TensorProtoSchema, {
    name,
    dataType: onnxDataType(tensor.dtype),
    dims: tensor.shape.map(BigInt),
    dataLocation: 1,
    externalData: [
      { key: 'location', value: location },
      ...Object.entries(entries).map(([key, v]) => ({ key, value: String(v) })),
    ],
  });

export const initializer = (name: string, tensor: Tensor): TensorProto => encodeTensor(tensor, name);

export interface Parts {
  nodes: NodeProto[];
  inputs?: ValueInfoInit[];
  outputs?: ValueInfoInit[];
  initializers?: TensorProto[];
  opset?: number;
  more?: Exclude<MessageInitShape<typeof ModelProtoSchema>, ModelProto>;
}

export function modelProto({
  nodes,
  inputs = [],
  outputs = [],
  initializers = [],
  opset = 17,
  more = {},
}: Parts): ModelProto {
  return create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [
      { domain: '', version: BigInt(opset) },
      { domain: 'com.microsoft', version: 1n },
    ],
    graph: { name: 'test', node: nodes, input: inputs, output: outputs, initializer: initializers },
    ...more,
  });
}

export function writeModel(file: string, proto: ModelProto): string {
  writeFileSync(file, toBinary(ModelProtoSchema, proto));
  return file;
}

/** y = x·w + b, x [rows, 2], with the tensors given. */
export const linear = (w: TensorProto, b: TensorProto, more: Partial<Parts> = {}): ModelProto =>
  modelProto({
    nodes: [node('MatMul', ['x', 'w'], ['xw']), node('Add', ['xw', 'b'], ['y'])],
    inputs: [value('x', 'float32', ['rows', 2])],
    outputs: [value('y', 'float32', ['rows', 3])],
    initializers: [w, b],
    ...more,
  });

export type GraphInputs = Record<string, Tensor>;

/** Outputs by name, computed by onnxruntime-node without graph optimisation. */
export async function run(
  model: string | Uint8Array,
  feeds: GraphInputs,
): Promise<Record<string, { dims: readonly number[]; data: number[] }>> {
  const session = await ort.InferenceSession.create(model as string, {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  });
  const inputs = Object.fromEntries(
    Object.entries(feeds).map(([name, t]) => [
      name,
      new ort.Tensor(t.dtype as 'float32', t.data() as Float32Array, t.shape),
    ]),
  );
  const outputs = await session.run(inputs);
  await session.release();
  return Object.fromEntries(
    Object.entries(outputs).map(([name, t]) => [
      name,
      { dims: t.dims, data: Array.from(t.data as Float32Array, Number) },
    ]),
  );
}
