// A graph that computes in 16 bits, or from float64 to float64, made to compute in float32 for training: its weights
// are float32 parameters of the same values (the nearest ones of float64), and what is between them is not rounded to
// 16 bits. Only the graph that trains is changed: saving writes the weights back into the file's own graph, in its type
// (onnx/save.ts).

import { convertFloat } from '../onnx/convert.js';
import { type DataType, dataTypeFromOnnx, onnxDataType } from '../onnx/dtype.js';
import { type Attr, attrInt, type Graph, type Value } from '../onnx/graph.js';
import { Tensor } from '../onnx/tensor.js';
import { widenStoredWeights } from './widen.js';

const isHalf = (dtype: DataType | undefined): boolean => dtype === 'float16' || dtype === 'bfloat16';

/** Attributes that name an element type: of Cast; of EyeLike, RandomNormal and their kind; of windows. */
const typeAttributes = ['to', 'dtype', 'output_datatype'];

/**
 * Makes the graph compute in float32, in place.
 * @returns the type that it computed in; undefined where that is float32, whatever types weights are stored in, or
 *   single values in between have
 */
export function computeInFloat32(graph: Graph): DataType | undefined {
  widenStoredWeights(graph);
  const found = halfIn(graph) ?? doubleOf(graph);
  if (!found) return undefined;
  const other: OtherType = found === 'float64' ? (dtype) => dtype === 'float64' : isHalf;
  for (const [name, tensor] of graph.initializers)
    if (other(tensor.dtype)) graph.initializers.set(name, asFloat32(tensor));
  for (const node of graph.nodes)
    for (const [name, attr] of node.attrs) node.attrs.set(name, attrAsFloat32(name, attr, other));
  for (const info of [...graph.inputs, ...graph.outputs]) if (other(info.dtype)) info.dtype = 'float32';
  dropCasts(graph);
  return found;
}

type OtherType = (dtype: DataType | undefined) => boolean;

/** The 16-bit type of a tensor, or that a Cast makes. */
function halfIn(graph: Graph): DataType | undefined {
  const stored = [...graph.initializers.values(), ...graph.inputs, ...graph.outputs].map(({ dtype }) => dtype);
  const made = graph.nodes.filter(({ op }) => op === 'Cast').map((node) => dataTypeFromOnnx(attrInt(node, 'to', 0)));
  return [...stored, ...made].find(isHalf);
}

/** float64 where the graph takes or gives it: elsewhere it is a constant's or a table's, whose digits may matter. */
const doubleOf = (graph: Graph): DataType | undefined =>
  [...graph.inputs, ...graph.outputs].find(({ dtype }) => dtype === 'float64')?.dtype;

const asFloat32 = (tensor: Tensor): Tensor =>
  new Tensor('float32', tensor.shape, () => convertFloat(tensor, 'float32').bytes());

function attrAsFloat32(name: string, attr: Attr, other: OtherType): Attr {
  if (attr.kind === 'tensor' && other((attr.value as Tensor).dtype))
    return { kind: 'tensor', value: asFloat32(attr.value as Tensor) };
  const isType = attr.kind === 'int' && typeAttributes.includes(name);
  return isType && other(dataTypeFromOnnx(Number(attr.value))) ? { kind: 'int', value: onnxDataType('float32') } : attr;
}

/** Casts of float32 weights to float32, which would stand between a weight and its use. */
function dropCasts(graph: Graph): void {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const renamed = new Map<Value, Value>();
  graph.nodes = graph.nodes.filter((node) => {
    const { op, domain, inputs, outputs: ys, attrs } = node;
    const idle =
      op === 'Cast' &&
      domain === '' &&
      attrs.get('to')?.value === onnxDataType('float32') &&
      graph.initializers.get(inputs[0]!)?.dtype === 'float32' &&
      !outputs.has(ys[0]!);
    if (idle) renamed.set(ys[0]!, inputs[0]!);
    return !idle;
  });
  for (const node of graph.nodes) node.inputs = node.inputs.map((input) => renamed.get(input) ?? input);
}
