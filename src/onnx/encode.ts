// Graph → ONNX bytes, and ModelProto → bytes without copying its weights: a protobuf message is the concatenation of
// its fields, so the graph's tensors are written one by one between messages encoded without them.

import { clearField, create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { onnxDataType } from './dtype.js';
import type { Attr, Graph, Node, StaticType, Value, ValueInfo } from './graph.js';
import { AttributeType } from './model.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx_pb.js';
import type { Tensor } from './tensor.js';

const utf8 = new TextEncoder();

/** A tensor stored in raw_data; the bytes are shared, not copied. */
export const encodeTensor = (tensor: Tensor, name: string): TensorProto =>
  create(TensorProtoSchema, {
    name,
    dataType: onnxDataType(tensor.dtype),
    dims: tensor.shape.map(BigInt),
    rawData: tensor.bytes() as Uint8Array<ArrayBuffer>,
  });

/**
 * A tensor without bytes: written as external data in a file that does not exist, for which the session host gives the
 * bytes under the initializer's name.
 */
const encodeHollowTensor = (tensor: Tensor, name: string): TensorProto =>
  create(TensorProtoSchema, {
    name,
    dataType: onnxDataType(tensor.dtype),
    dims: tensor.shape.map(BigInt),
    dataLocation: 1,
    externalData: [
      { key: 'location', value: 'ortune' },
      { key: 'offset', value: '0' },
      { key: 'length', value: String(tensor.byteLength) },
    ],
  });

export function encodeAttribute(name: string, { kind, value }: Attr): AttributeProto {
  const numbers = value as readonly (number | bigint)[];
  switch (kind) {
    case 'int':
      return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value as number) });
    case 'float':
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: Math.fround(value as number) });
    case 'string':
      return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: utf8.encode(value as string) });
    case 'tensor':
      return create(AttributeProtoSchema, { name, type: AttributeType.TENSOR, t: encodeTensor(value as Tensor, '') });
    case 'ints':
      return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: numbers.map(BigInt) });
    case 'floats':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.FLOATS,
        floats: numbers.map((x) => Math.fround(Number(x))),
      });
    case 'strings':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.STRINGS,
        strings: (value as readonly string[]).map((s) => utf8.encode(s)),
      });
  }
}

export const encodeNode = (node: Node): NodeProto =>
  create(NodeProtoSchema, {
    name: node.name,
    opType: node.op,
    domain: node.domain,
    input: node.inputs,
    output: node.outputs,
    attribute: [...node.attrs].map(([name, attr]) => encodeAttribute(name, attr)),
  });

export const encodeValueInfo = ({ name, dtype, shape }: ValueInfo): ValueInfoProto =>
  create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: {
          elemType: onnxDataType(dtype),
          ...(shape && {
            shape: {
              dim: shape.map((d) => {
                if (typeof d === 'number') return { value: { case: 'dimValue' as const, value: BigInt(d) } };
                return d === null ? {} : { value: { case: 'dimParam' as const, value: d } };
              }),
            },
          }),
        },
      },
    },
  });

const staticInfo = (name: Value, { dtype, shape }: StaticType): ValueInfo => ({ name, dtype, shape: [...shape] });

/**
 * ModelProto bytes of a graph (IR version 10; the graph's opset of the default domain, version 1 of the others in use).
 * Static types are written for what operators of other domains compute, since the runtime knows no shapes behind the
 * `ortune` ops; the rest it infers.
 * `withoutData`: initializers written with type and shape as external data at 'ortune'; the session host supplies their
 * bytes.
 */
export function encodeGraph(graph: Graph, options: { withoutData?: (name: Value) => boolean } = {}): Uint8Array {
  const { withoutData = () => false } = options;
  const known = new Set([...graph.inputs, ...graph.outputs].map((v) => v.name));
  const values = graph.nodes
    .flatMap((n) => (n.domain === '' ? [] : n.outputs))
    .filter((v) => v && !known.has(v) && graph.types.has(v));
  const others = new Set(graph.nodes.map((n) => n.domain).filter((domain) => domain !== ''));
  const proto = create(ModelProtoSchema, {
    irVersion: 10n,
    producerName: 'ortune',
    opsetImport: [
      { domain: '', version: BigInt(graph.opset) },
      ...[...others].map((domain) => ({ domain, version: 1n })),
    ],
    graph: {
      name: graph.name,
      node: graph.nodes.map(encodeNode),
      input: graph.inputs.map(encodeValueInfo),
      output: graph.outputs.map(encodeValueInfo),
      valueInfo: values.map((v) => encodeValueInfo(staticInfo(v, graph.type(v)))),
      initializer: [...graph.initializers].map(([name, tensor]) =>
        withoutData(name) ? encodeHollowTensor(tensor, name) : encodeTensor(tensor, name),
      ),
    },
  });
  return concat(modelPieces(proto));
}

/** Protobuf length prefix of a field: its tag and byte count. */
export const prefix = (field: number, length: number): Uint8Array =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();

export const byteCount = (pieces: readonly Uint8Array[]): number => pieces.reduce((n, p) => n + p.byteLength, 0);

/** A tensor's encoding; raw data is not copied. */
function tensorPieces(tensor: TensorProto): Uint8Array[] {
  const raw = tensor.rawData;
  if (raw.byteLength === 0) return [toBinary(TensorProtoSchema, tensor)];
  const rest = Object.assign(create(TensorProtoSchema), tensor);
  clearField(rest, TensorProtoSchema.field.rawData);
  return [toBinary(TensorProtoSchema, rest), prefix(TensorProtoSchema.field.rawData.number, raw.byteLength), raw];
}

function graphPieces(graph: GraphProto): Uint8Array[] {
  const rest = Object.assign(create(GraphProtoSchema), graph, { initializer: [] });
  const tensors = graph.initializer.flatMap((tensor) => {
    const pieces = tensorPieces(tensor);
    return [prefix(GraphProtoSchema.field.initializer.number, byteCount(pieces)), ...pieces];
  });
  return [toBinary(GraphProtoSchema, rest), ...tensors];
}

/** A model's encoding in pieces, to be written one after the other; the initializers' raw data is not copied. */
export function modelPieces(model: ModelProto): Uint8Array[] {
  if (!model.graph) return [toBinary(ModelProtoSchema, model)];
  const rest = Object.assign(create(ModelProtoSchema), model);
  clearField(rest, ModelProtoSchema.field.graph);
  const graph = graphPieces(model.graph);
  return [toBinary(ModelProtoSchema, rest), prefix(ModelProtoSchema.field.graph.number, byteCount(graph)), ...graph];
}

/** The pieces as one array. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(byteCount(pieces));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}
