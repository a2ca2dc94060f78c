// Protobuf messages → the project's own tensors, attributes and nodes. Raw data stays a view of the file's bytes and
// external data is read on first use, so decoding copies no weights.

import { ModelError } from '../errors.js';
import { quote } from '../quote.js';
import { bytesOfElements, type DataType, dataTypeFromOnnx, storedTypeFromOnnx, typedArrayOf } from './dtype.js';
import { readExternal } from './external.js';
import type { Attr, Dim, Node, ValueInfo } from './graph.js';
import { AttributeType, domainOf, type Model } from './model.js';
import type { AttributeProto, NodeProto, TensorProto, TensorShapeProto, ValueInfoProto } from './onnx_pb.js';
import { elementCount, Tensor } from './tensor.js';

const typeNames = new Map([
  [0, 'no element type'],
  [8, 'string'],
  [14, 'complex64'],
  [15, 'complex128'],
  [17, 'float8e4m3fn'],
  [18, 'float8e4m3fnuz'],
  [19, 'float8e5m2'],
  [20, 'float8e5m2fnuz'],
  [21, 'uint4'],
  [22, 'int4'],
  [23, 'float4e2m1'],
  [24, 'float8e8m0'],
]);

/** The element type of this TensorProto.DataType number; ModelError names the types ortune cannot hold. */
export function elementType(onnx: number, what: string, model: Model): DataType {
  return dataTypeFromOnnx(onnx) ?? refuseType(onnx, what, model);
}

/** The same of a stored tensor, whose elements may have 4 bits. */
export function storedType(onnx: number, what: string, model: Model): DataType {
  return storedTypeFromOnnx(onnx) ?? refuseType(onnx, what, model);
}

function refuseType(onnx: number, what: string, model: Model): never {
  throw new ModelError(
    `${what} of ${model.path} has element type ${typeNames.get(onnx) ?? onnx}, which ortune does not train. ` +
      'Expected float32, float16, bfloat16, float64, bool or an integer type of 8 to 64 bits: export the model without it.',
  );
}

/** Dimensions as numbers; ModelError when one is negative or beyond 2^53. */
export function tensorShape(tensor: TensorProto, what: string, model: Model): number[] {
  const shape = tensor.dims.map(Number);
  if (shape.every((d) => d >= 0 && Number.isSafeInteger(d)) && Number.isSafeInteger(elementCount(shape))) return shape;
  throw new ModelError(`${what} of ${model.path} has the impossible shape [${shape}]: the file is damaged.`);
}

/** The typed field that holds elements of this type when raw_data does not. */
export function typedField(tensor: TensorProto, dtype: DataType): readonly (number | bigint)[] {
  switch (dtype) {
    case 'float32':
      return tensor.floatData;
    case 'float64':
      return tensor.doubleData;
    case 'int64':
      return tensor.int64Data;
    case 'uint32':
    case 'uint64':
      return tensor.uint64Data;
    default:
      return tensor.int32Data;
  }
}

/** Elements from the typed field as bytes. uint32 is stored in 64 bits; the types of 8 and 16 bits in int32. */
function typedBytes(values: readonly (number | bigint)[], dtype: DataType): Uint8Array {
  const data = new (typedArrayOf(dtype))(values.length);
  if (dtype === 'uint32') for (let i = 0; i < values.length; i++) data[i] = Number(values[i]);
  else data.set(values as never);
  return new Uint8Array(data.buffer);
}

/**
 * A tensor of the file. `what` names it in messages ("initializer 'w'").
 * ModelError: unsupported element type, or bytes that do not match the shape.
 */
export function decodeTensor(proto: TensorProto, what: string, model: Model): Tensor {
  const dtype = storedType(proto.dataType, what, model);
  const shape = tensorShape(proto, what, model);
  const expected = bytesOfElements(dtype, elementCount(shape));
  if (proto.dataLocation === 1) return new Tensor(dtype, shape, () => readExternal(proto, what, expected, model));
  const values = typedField(proto, dtype);
  const found = values.length > 0 ? values.length * typedArrayOf(dtype).BYTES_PER_ELEMENT : proto.rawData.byteLength;
  if (found !== expected)
    throw new ModelError(
      `${what} of ${model.path} is damaged: ${dtype} [${shape}] takes ${expected} bytes, the file holds ${found}. ` +
        'Export or download the model again.',
    );
  return new Tensor(dtype, shape, values.length > 0 ? () => typedBytes(values, dtype) : proto.rawData);
}

const utf8 = new TextDecoder();
const toInteger = (value: bigint): number | bigint => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};

/** An attribute, or undefined for the kinds the graph has no use for (types, lists of tensors). */
export function decodeAttribute(a: AttributeProto, node: NodeProto, model: Model): Attr | undefined {
  switch (a.type) {
    case AttributeType.FLOAT:
      return { kind: 'float', value: a.f };
    case AttributeType.INT:
      return { kind: 'int', value: toInteger(a.i) };
    case AttributeType.STRING:
      return { kind: 'string', value: utf8.decode(a.s) };
    case AttributeType.TENSOR:
      if (!a.t) return undefined;
      return {
        kind: 'tensor',
        value: decodeTensor(a.t, `attribute ${quote(a.name)} of node ${quote(node.name)}`, model),
      };
    case AttributeType.FLOATS:
      return { kind: 'floats', value: [...a.floats] };
    case AttributeType.INTS: {
      const ints = a.ints.map(toInteger);
      return { kind: 'ints', value: ints.every((i) => typeof i === 'number') ? (ints as number[]) : [...a.ints] };
    }
    case AttributeType.STRINGS:
      return { kind: 'strings', value: a.strings.map((s) => utf8.decode(s)) };
    default:
      return undefined;
  }
}

export function decodeNode(proto: NodeProto, name: string, model: Model): Node {
  const attrs = new Map<string, Attr>();
  for (const a of proto.attribute) {
    const attr = decodeAttribute(a, proto, model);
    if (attr) attrs.set(a.name, attr);
  }
  return {
    name,
    op: proto.opType,
    domain: domainOf(proto.domain),
    inputs: [...proto.input],
    outputs: [...proto.output],
    attrs,
  };
}

function decodeShape(shape: TensorShapeProto | undefined, what: string, model: Model): Dim[] | undefined {
  return shape?.dim.map(({ value }, axis) => {
    if (value.case === 'dimValue') {
      const size = Number(value.value);
      if (size >= 0 && Number.isSafeInteger(size)) return size;
      throw new ModelError(
        `${what} of ${model.path}: dimension ${axis} is ${value.value}, expected a number from 0 to 2^53 or a name. ` +
          'Export the model again.',
      );
    }
    return value.case === 'dimParam' && value.value !== '' ? value.value : null;
  });
}

/** A graph input or output; ModelError when it is not a tensor of a type ortune holds. */
export function decodeValueInfo(proto: ValueInfoProto, role: 'input' | 'output', model: Model): ValueInfo {
  const what = `${role} ${quote(proto.name)}`;
  const type = proto.type?.value;
  if (type?.case !== 'tensorType')
    throw new ModelError(
      `${what} of ${model.path} is ${type?.case ? `a ${type.case.replace('Type', '')}` : 'without a type'}; expected a tensor. ` +
        'Export the model with tensors only as inputs and outputs.',
    );
  return {
    name: proto.name,
    dtype: elementType(type.value.elemType, what, model),
    shape: decodeShape(type.value.shape, what, model),
  };
}
