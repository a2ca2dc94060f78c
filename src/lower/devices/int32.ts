// Devices compute with 32-bit integers: token ids, labels, masks and places become int32 throughout a static graph.
// What stays int64 are the operands in which the standard passes shapes, axes and places of slices, which the runtime
// reads on the host. Values do not overflow: ids and lengths are far below 2^31.

import { toAttr } from '../../onnx/builder.js';
import { onnxDataType } from '../../onnx/dtype.js';
import { type Graph, type Node, operatorKey, type Value } from '../../onnx/graph.js';
import { inferTypes } from '../../onnx/shapes.js';
import { Tensor } from '../../onnx/tensor.js';

/** Index of an operator's first input that holds a shape, axes or places, by the operator's name. */
const shapeInputs: Readonly<Record<string, number>> = {
  Reshape: 1,
  Expand: 1,
  Tile: 1,
  Squeeze: 1,
  Unsqueeze: 1,
  Slice: 1,
  Split: 1,
  ConstantOfShape: 0,
  TopK: 1,
  CumSum: 1,
  Resize: 3,
  Trilu: 1,
  ReduceSum: 1,
  ReduceMean: 1,
  ReduceMax: 1,
  ReduceMin: 1,
  ReduceProd: 1,
  ReduceL1: 1,
  ReduceL2: 1,
  ReduceSumSquare: 1,
  ReduceLogSum: 1,
  ReduceLogSumExp: 1,
};

/** Whether this input of the operator holds a shape or places, which the standard has in int64. */
const isShapeInput = ({ op, domain }: Node, input: number): boolean => {
  if (domain) return false;
  // Pad's fill value between its pads and axes is data, and so are what ScatterND writes to and writes.
  if (op === 'Pad') return input === 1 || input === 3;
  if (op === 'ScatterND') return input === 1;
  const first = Object.hasOwn(shapeInputs, op) ? shapeInputs[op]! : Number.POSITIVE_INFINITY;
  return input >= first;
};

/** Operators whose integer result is int64 whatever they are given. */
const givesInt64 = new Set(['ArgMax', 'ArgMin', 'Shape', 'Size', 'NonZero', 'TopK']);

/** Rewrites the graph in place; its int64 inputs and outputs become int32, under their names. */
export function useInt32(graph: Graph): void {
  const converted = new Map<Value, Value>();
  const narrow = (value: Value): Value => {
    const tensor = graph.initializers.get(value);
    if (tensor?.dtype !== 'int64') return value;
    const known = converted.get(value);
    if (known !== undefined) return known;
    const name = `${value}/int32`;
    const data = Int32Array.from(tensor.data() as BigInt64Array, toInt32);
    graph.initializers.set(name, Tensor.of('int32', data, tensor.shape));
    graph.types.set(name, { dtype: 'int32', shape: tensor.shape });
    converted.set(value, name);
    return name;
  };
  for (const info of [...graph.inputs, ...graph.outputs]) if (info.dtype === 'int64') info.dtype = 'int32';
  for (const { name } of graph.inputs) {
    const type = graph.type(name);
    if (type.dtype === 'int64') graph.types.set(name, { ...type, dtype: 'int32' });
  }
  const nodes = graph.nodes;
  graph.nodes = [];
  for (const node of nodes) {
    node.inputs = node.inputs.map((x, i) => (isShapeInput(node, i) ? x : narrow(x)));
    if (node.op === 'Cast' && attrIs(node, 'to', onnxDataType('int64')))
      node.attrs = new Map(node.attrs).set('to', toAttr(onnxDataType('int32')));
    const value = node.attrs.get('value')?.value;
    if (node.op === 'ConstantOfShape' && value instanceof Tensor && value.dtype === 'int64')
      node.attrs = new Map(node.attrs).set(
        'value',
        toAttr(Tensor.of('int32', Int32Array.from(value.data() as BigInt64Array, toInt32), value.shape)),
      );
    graph.nodes.push(node);
    if (givesInt64.has(operatorKey(node))) castOutputs(graph, node);
    else
      for (const [i, type] of inferTypes(graph, node).entries())
        if (node.outputs[i]) graph.types.set(node.outputs[i]!, type);
  }
}

/** Past either end is the end: a slice to the last place has 2^63 - 1. */
const toInt32 = (value: bigint): number =>
  Number(value < -0x80000000n ? -0x80000000n : value > 0x7fffffffn ? 0x7fffffffn : value);

const attrIs = (node: Node, name: string, value: number): boolean => Number(node.attrs.get(name)?.value) === value;

/** What is int64 by the standard is int32 for whoever reads it. */
function castOutputs(graph: Graph, node: Node): void {
  for (const [i, type] of inferTypes(graph, node).entries()) {
    const out = node.outputs[i];
    if (!out) continue;
    if (type.dtype !== 'int64') {
      graph.types.set(out, type);
      continue;
    }
    const wide = `${out}/int64`;
    node.outputs[i] = wide;
    graph.types.set(wide, type);
    graph.types.set(out, { dtype: 'int32', shape: type.shape });
    const attrs = new Map([['to', toAttr(onnxDataType('int32'))]]);
    graph.nodes.push({ name: `${wide}/Cast`, op: 'Cast', domain: '', inputs: [wide], outputs: [out], attrs });
  }
}
