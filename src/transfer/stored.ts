// Tensors that a file stores as rounded numbers, and what scales them: frozen in that form, whatever trains around
// them.

import { formatBytes } from '../format.js';
import { isFloat } from '../onnx/dtype.js';
import { type Graph, type Node, operatorKey, type Value } from '../onnx/graph.js';
import { traitsOf } from '../onnx/operators.js';
import { quote } from '../quote.js';

/** Why a tensor that a node reads as stored numbers, or as what scales them, is not trained; undefined: it does not. */
export function storedBecause(node: Node, input: number): string | undefined {
  const what = traitsOf(node).stored?.[input];
  return what && `${operatorKey(node)} ${quote(node.name)} reads it as ${what}, which are frozen`;
}

/** Those of a graph, in the order of their readers, and why each is frozen; rows may be looked up on the way. */
export function storedTensors(graph: Graph): Map<Value, string> {
  const found = new Map<Value, string>();
  const producers = graph.producers();
  const sourceOf = (value: Value): Value => {
    let source = value;
    for (let node = producers.get(source); node && traitsOf(node).moves; node = producers.get(source))
      source = node.inputs[0]!;
    return source;
  };
  for (const node of graph.nodes)
    for (const [input, value] of node.inputs.entries()) {
      const why = value ? storedBecause(node, input) : undefined;
      const source = why === undefined ? value : sourceOf(value);
      if (why !== undefined && graph.initializers.has(source) && !found.has(source)) found.set(source, why);
    }
  return found;
}

/** What to say of them before a run. */
export function storedNote(graph: Graph): string | undefined {
  const stored = [...storedTensors(graph).keys()].map((name) => graph.initializers.get(name)!);
  const rounded = stored.filter(({ dtype }) => !isFloat(dtype));
  if (rounded.length === 0) return undefined;
  const bytes = stored.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const read = new Set(graph.nodes.flatMap((node) => (traitsOf(node).stored ? [operatorKey(node)] : [])));
  return (
    `the model is quantised: ${rounded.length} tensors of rounded numbers for ${[...read].join(' and ')}, with their scales ` +
    `${formatBytes(bytes)}, stay as the file stores them; what is float around them trains`
  );
}
