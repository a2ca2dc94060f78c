// What a graph computes, as multiply-adds of its products and convolutions: fused operators are counted by their
// definitions, so the number is the same whatever kernels a device has. Additions, activations and norms are not
// counted.

import type { Graph } from '../onnx/graph.js';
import { workOf } from '../onnx/operators.js';
import { lower } from './lower.js';

/** Of a static graph, which stays as it is. */
export function multiplyAdds(graph: Graph): number {
  const copy = graph.clone();
  lower(copy, new Set());
  return copy.nodes.reduce((sum, node) => sum + workOf(copy, node), 0);
}
