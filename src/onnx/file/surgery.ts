// Small pieces of work on the file's own graph message: shapes of its inputs and outputs, names, tensors, dead nodes.

import { clone, create } from '@bufbuild/protobuf';
import { quote } from '../../quote.js';
import { normals } from '../../random.js';
import { convertFloat } from '../convert.js';
import { type DataType, dataTypeFromOnnx, isFloat } from '../dtype.js';
import { encodeTensor } from '../encode.js';
import { graphOf, type Model } from '../model.js';
import {
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../onnx_pb.js';
import { Tensor } from '../tensor.js';

export { freeName } from '../model.js';

/** The same model with a graph of its own to change. */
export function copyOfGraph(model: Model): Model {
  const graph = graphOf(model);
  return {
    ...model,
    proto: Object.assign(create(ModelProtoSchema), model.proto, {
      graph: Object.assign(create(GraphProtoSchema), graph, {
        node: [...graph.node],
        initializer: [...graph.initializer],
        output: [...graph.output],
        valueInfo: [...graph.valueInfo],
      }),
    }),
  };
}

/** A number, a symbolic name, or null where the file says nothing. */
export type FileDim = number | string | null;

/** The shape that a value states; undefined when it states none. */
export function dimensions({ type }: ValueInfoProto): FileDim[] | undefined {
  const shape = type?.value.case === 'tensorType' ? type.value.value.shape : undefined;
  return shape?.dim.map(({ value }) =>
    value.case === 'dimValue' ? Number(value.value) : value.case === 'dimParam' ? value.value : null,
  );
}

export function elementTypeOf({ type, name }: ValueInfoProto): DataType {
  const dtype = type?.value.case === 'tensorType' ? dataTypeFromOnnx(type.value.value.elemType) : undefined;
  if (!dtype) throw new Error(`value ${quote(name)} is no tensor of a known type`);
  return dtype;
}

/** Whether a value is a tensor of floats of any width. */
export const isFloatInfo = ({ type }: ValueInfoProto): boolean => {
  const dtype = type?.value.case === 'tensorType' ? dataTypeFromOnnx(type.value.value.elemType) : undefined;
  return dtype !== undefined && isFloat(dtype);
};

/** The value with another shape and, if given, another name. */
export function withShape(info: ValueInfoProto, shape: readonly FileDim[], name = info.name): ValueInfoProto {
  const copy = clone(ValueInfoProtoSchema, info);
  copy.name = name;
  if (copy.type?.value.case !== 'tensorType') throw new Error(`${quote(name)} is no tensor`);
  copy.type.value.value.shape ??= create(TensorShapeProtoSchema);
  copy.type.value.value.shape.dim = shape.map((d) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof d === 'number'
          ? { case: 'dimValue', value: BigInt(d) }
          : d === null
            ? { case: undefined }
            : { case: 'dimParam', value: d },
    }),
  );
  return copy;
}

/** A weight drawn from a normal distribution, as a tensor of the file. */
export function drawn(
  name: string,
  dtype: DataType,
  shape: number[],
  seed: number,
  stream: number,
  deviation: number,
): TensorProto {
  const values = normals(
    seed,
    stream,
    shape.reduce((n, d) => n * d, 1),
    deviation,
  );
  return encodeTensor(convertFloat(Tensor.view('float32', shape, values), dtype), name);
}

export const zeros = (name: string, dtype: DataType, length: number): TensorProto =>
  encodeTensor(convertFloat(Tensor.of('float32', new Float32Array(length)), dtype), name);

/** Drops, in place, nodes and initializers that no output needs any more, and what was stated about their values. */
export function dropDeadNodes(graph: GraphProto): void {
  const live = new Set(graph.output.map(({ name }) => name));
  const kept: NodeProto[] = [];
  for (const node of graph.node.toReversed()) {
    if (!node.output.some((out) => live.has(out))) continue;
    kept.push(node);
    for (const input of node.input) live.add(input);
    for (const { g, graphs } of node.attribute)
      for (const inner of [...(g ? [g] : []), ...graphs])
        for (const n of inner.node) for (const i of n.input) live.add(i);
  }
  graph.node = kept.reverse();
  const dead = new Set(graph.initializer.flatMap(({ name }) => (live.has(name) ? [] : [name])));
  graph.initializer = graph.initializer.filter(({ name }) => live.has(name));
  // Old exports state their weights among the inputs.
  graph.input = graph.input.filter(({ name }) => !dead.has(name));
  const computed = new Set(graph.node.flatMap((n) => n.output));
  graph.valueInfo = graph.valueInfo.filter(({ name }) => computed.has(name));
}
