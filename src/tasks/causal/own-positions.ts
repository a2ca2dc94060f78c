// Positions of tokens as an input of a graph that counts them itself. Several samples in a row each begin at 0, and a
// file without an input `position_ids` (Gemma's, those built for ONNX Runtime's generation) would go on counting.

import { attrInt, type Graph, type Node, operatorKey, type Value } from '../../onnx/graph.js';
import { positionInput } from './decoder-inputs.js';

/** Where operators that turn by the place of a token take positions: input 9, and where they do so, an attribute. */
const rotary = 'com.microsoft.GroupQueryAttention';
const positionsAt = 9;

/**
 * Makes the graph of a file, whose shapes are not known, read int64 `position_ids` [batch, tokens] where it counts for
 * rotary positions. It is left as it is where that is not found, or it has such an input.
 */
export function readPositions(graph: Graph): void {
  if (graph.inputs.some(({ name }) => name === positionInput)) return;
  const counted = countedPositions(graph);
  let read = counted.size > 0;
  for (const node of graph.nodes) {
    node.inputs = node.inputs.map((input) => (counted.has(input) ? positionInput : input));
    if (operatorKey(node) !== rotary || attrInt(node, 'do_rotary', 0) === 0 || node.inputs[positionsAt]) continue;
    node.inputs = Array.from({ length: Math.max(node.inputs.length, positionsAt + 1) }, (_, i) => node.inputs[i] ?? '');
    node.inputs[positionsAt] = positionInput;
    read = true;
  }
  const tokens = graph.inputs.find(({ name }) => name === 'input_ids');
  if (read) graph.inputs.push({ name: positionInput, dtype: 'int64', shape: [...(tokens?.shape ?? [null, null])] });
}

const angles = ['Cos', 'Sin'];
/** What stands between a counted position and the angle that is made of it. */
const between = new Set(['Concat', 'Transpose', 'Mul', 'MatMul', 'Cast', 'Unsqueeze', 'Reshape', 'Einsum']);

/** Values [1, T] of 0, 1, … that angles are made of: Unsqueeze(Range), of a Range that goes on behind a past too. */
function countedPositions(graph: Graph): Set<Value> {
  const producers = graph.producers();
  const found = new Set<Value>();
  const seen = new Set<Value>();
  const isRange = (value: Value | undefined): boolean => producers.get(value ?? '')?.op === 'Range';
  const counts = ({ op, inputs }: Node): boolean => op === 'Unsqueeze' && (isRange(inputs[0]) || isMoved(inputs[0]!));
  const isMoved = (value: Value): boolean => {
    const node = producers.get(value);
    return node?.op === 'Add' && node.inputs.some(isRange);
  };
  const visit = (value: Value): void => {
    const node = producers.get(value);
    if (!node || seen.has(value)) return;
    seen.add(value);
    if (counts(node)) found.add(value);
    else if (between.has(node.op)) node.inputs.forEach(visit);
  };
  for (const node of graph.nodes) if (angles.includes(node.op)) node.inputs.forEach(visit);
  return found;
}
