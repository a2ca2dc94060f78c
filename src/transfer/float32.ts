// A graph that computes in 16 bits, made to compute in float32 for training: its weights are float32 parameters of the
// same values, and what is between them is not rounded. Only the graph that trains is changed: saving writes the
// weights back into the file's own graph, in its type (onnx/save.ts).

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
 * @returns the 16-bit type that it computed in; undefined where there was none, weights that are only stored so apart
 */
export function computeInFloat32(graph: Graph): DataType | undefined {
  widenStoredWeights(graph);
  const found = halfIn(graph);
  if (!found) return undefined;
  for (const [name, tensor] of graph.initializers)
    if (isHalf(tensor.dtype)) graph.initializers.set(name, widened(tensor));
  for (const node of graph.nodes) for (const [name, attr] of node.attrs) node.attrs.set(name, widenedAttr(name, attr));
  for (const info of [...graph.inputs, ...graph.outputs]) if (isHalf(info.dtype)) info.dtype = 'float32';
  dropCasts(graph);
  return found;
}

/** The 16-bit type of a tensor, or that a Cast makes. */
function halfIn(graph: Graph): DataType | undefined {
  const stored = [...graph.initializers.values(), ...graph.inputs, ...graph.outputs].map(({ dtype }) => dtype);
  const made = graph.nodes.filter(({ op }) => op === 'Cast').map((node) => dataTypeFromOnnx(attrInt(node, 'to', 0)));
  return [...stored, ...made].find(isHalf);
}

const widened = (tensor: Tensor): Tensor =>
  new Tensor('float32', tensor.shape, () => convertFloat(tensor, 'float32').bytes());

function widenedAttr(name: string, attr: Attr): Attr {
  if (attr.kind === 'tensor' && isHalf((attr.value as Tensor).dtype))
    return { kind: 'tensor', value: widened(attr.value as Tensor) };
  const isType = attr.kind === 'int' && typeAttributes.includes(name);
  return isType && isHalf(dataTypeFromOnnx(Number(attr.value)))
    ? { kind: 'int', value: onnxDataType('float32') }
    : attr;
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
