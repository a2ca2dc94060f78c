// Weights that a file keeps in 16 bits and computes with in float32, by a Cast of each. For training they are float32
// parameters and the Casts are gone, so that small updates are not rounded away; saving rounds them to the file's type
// once. A weight that takes part in 16-bit arithmetic is none of these and stays what it is.

import { convertFloat } from '../onnx/convert.js';
import { dataTypeFromOnnx } from '../onnx/dtype.js';
import { attrInt, type Graph, type Node, type Value } from '../onnx/graph.js';
import { traitsOf } from '../onnx/operators.js';
import { Tensor } from '../onnx/tensor.js';

/** Whether a Cast behind the node might as well stand before it: all it gives out are elements of input 0. */
function carries({ op, domain, inputs, outputs }: Node, value: Value): boolean {
  const { moves } = traitsOf({ op, domain });
  return moves !== undefined && moves !== 'joins' && outputs.length === 1 && inputs.lastIndexOf(value) === 0;
}

/** Makes float32 initializers of the 16-bit ones that are only read through Casts to float32, in place. */
export function widenStoredWeights(graph: Graph): void {
  const consumers = graph.consumers();
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const casts = new Set<Node>();
  for (const [name, tensor] of graph.initializers) {
    if (tensor.dtype !== 'float16' && tensor.dtype !== 'bfloat16') continue;
    const ends = castsOf(name, consumers, outputs);
    if (!ends?.length) continue;
    for (const cast of ends) casts.add(cast);
    const { shape } = tensor;
    graph.initializers.set(name, new Tensor('float32', shape, () => convertFloat(tensor, 'float32').bytes()));
  }
  if (casts.size === 0) return;
  const renamed = new Map([...casts].map((cast) => [cast.outputs[0]!, cast.inputs[0]!]));
  graph.nodes = graph.nodes.filter((node) => !casts.has(node));
  for (const node of graph.nodes) node.inputs = node.inputs.map((input) => renamed.get(input) ?? input);
}

/** The Casts to float32 that all readers of a value come to, or undefined where one of them is something else. */
function castsOf(value: Value, consumers: Map<Value, Node[]>, outputs: ReadonlySet<Value>): Node[] | undefined {
  const casts: Node[] = [];
  const waiting = [value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (outputs.has(next)) return undefined;
    for (const node of consumers.get(next) ?? []) {
      const isCast = node.op === 'Cast' && dataTypeFromOnnx(attrInt(node, 'to', 0)) === 'float32';
      if (isCast && !outputs.has(node.outputs[0]!)) casts.push(node);
      else if (carries(node, next)) waiting.push(node.outputs[0]!);
      else return undefined;
    }
  }
  return casts;
}
