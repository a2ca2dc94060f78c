// Tied weights: a language-model head multiplies by the word embedding, transposed. Exporters that fold constants write
// the transposed matrix as a tensor of its own, which trained apart would drift from the embedding. Here it becomes a
// Transpose of the embedding again; saving writes both.

import type { Graph, Value } from '../onnx/graph.js';
import { Tensor } from '../onnx/tensor.js';

/**
 * Replaces, in place, every matrix among `weights` that equals an embedding among them, transposed.
 * @returns for each embedding the tensors that now follow it
 */
export function tieTransposed(graph: Graph, weights: Iterable<Value>): Map<Value, string[]> {
  const names = [...weights];
  const consumers = graph.consumers();
  const isTable = (name: Value): boolean =>
    (consumers.get(name) ?? []).some(
      ({ op, domain, inputs }) => op === 'Gather' && domain === '' && inputs[0] === name,
    );
  const tied = new Map<Value, string[]>();
  const used = new Set<Value>();
  for (const table of names.filter(isTable)) {
    for (const name of names) {
      if (name === table || used.has(name) || !equalsTransposed(graph, table, name)) continue;
      used.add(name);
      graph.initializers.delete(name);
      const attrs = new Map([['perm', { kind: 'ints', value: [1, 0] } as const]]);
      const node = { name: `/tied/${name}`, op: 'Transpose', domain: '', inputs: [table], outputs: [name], attrs };
      graph.nodes.unshift(node);
      tied.set(table, [...(tied.get(table) ?? []), name]);
    }
  }
  return tied;
}

function equalsTransposed(graph: Graph, a: Value, b: Value): boolean {
  const [x, y] = [graph.initializers.get(a)!, graph.initializers.get(b)!];
  const [rows, columns] = x.shape as [number, number];
  if (x.shape.length !== 2 || y.shape.length !== 2 || x.dtype !== y.dtype) return false;
  if (y.shape[0] !== columns || y.shape[1] !== rows) return false;
  const [left, right] = [x.data(), y.data()];
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) if (left[r * columns + c] !== right[c * rows + r]) return false;
  return true;
}

/** [R, C] → [C, R] */
export function transposed(tensor: Tensor): Tensor {
  const [rows, columns] = tensor.shape as [number, number];
  const from = tensor.data();
  const to = from.slice();
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c]!;
  return Tensor.view(tensor.dtype, [columns, rows], to);
}
