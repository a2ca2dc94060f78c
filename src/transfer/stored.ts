// Tensors that a file stores as rounded numbers, and what scales them: frozen in that form, whatever trains around
// them.

import { formatBytes } from '../format.js';
import { isFloat } from '../onnx/dtype.js';
import { type Graph, type Node, operatorKey, type Value } from '../onnx/graph.js';
import { traitsOf } from '../onnx/operators.js';
import { quote } from '../quote.js';
import { isReadable, modulePath } from './names.js';

/** Why a tensor that a node reads as stored numbers, or as what scales them, is not trained; undefined: it does not. */
export function storedBecause(node: Node, input: number): string | undefined {
  const what = traitsOf(node).stored?.[input];
  return what && `${operatorKey(node)} ${quote(node.name)} reads it as ${what}, which are frozen`;
}

/** What a value holds elements of, that were looked up or moved. */
function sourceOf(producers: ReadonlyMap<Value, Node>, value: Value): Value {
  let source = value;
  for (let node = producers.get(source); node && traitsOf(node).moves; node = producers.get(source))
    source = node.inputs[0]!;
  return source;
}

/** Those of a graph, in the order of their readers, and why each is frozen; rows may be looked up on the way. */
export function storedTensors(graph: Graph): Map<Value, string> {
  const found = new Map<Value, string>();
  const producers = graph.producers();
  for (const node of graph.nodes)
    for (const [input, value] of node.inputs.entries()) {
      const why = value ? storedBecause(node, input) : undefined;
      const source = why === undefined ? value : sourceOf(producers, value);
      if (why !== undefined && graph.initializers.has(source) && !found.has(source)) found.set(source, why);
    }
  return found;
}

/** Readable names of rounded numbers, by the paths of the products that read what they stand for. */
export function storedNames(graph: Graph): Map<Value, string> {
  const consumers = graph.consumers();
  const producers = graph.producers();
  const found = new Map<Value, string>();
  for (const node of graph.nodes) {
    const input = Object.keys(traitsOf(node).stored ?? {})[0];
    const numbers = input === undefined ? undefined : node.inputs[Number(input)];
    if (numbers === undefined || traitsOf(node).rounds) continue;
    const name = sourceOf(producers, numbers);
    const reader = traitsOf(node).product ? node : consumers.get(node.outputs[0]!)?.[0];
    const path = graph.initializers.has(name) ? modulePath((traitsOf(node).moves ? node : (reader ?? node)).name) : '';
    if (path && !isReadable(name)) found.set(name, `${path}.weight`);
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
