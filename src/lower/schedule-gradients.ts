// The order in which the runtime runs a training graph. It goes back depth-first from the nodes that nobody reads, the
// last in the file first; as backward writes them, the gradient of the embedding would come first, and with it the
// whole way down, and the gradients of all weights after that, with every activation and every gradient of one still
// held. With those nodes at the end of the file, the ones nearest to the loss last, each weight's gradient is computed
// as soon as it can be.

import type { Graph, Node } from '../onnx/graph.js';

/** Moves, in place, the nodes that nobody reads behind all others, in reverse order. */
export function scheduleGradientsEarly(graph: Graph): void {
  const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
  const isLeaf = ({ outputs }: Node): boolean => outputs.every((out) => !read.has(out));
  const leaves = graph.nodes.filter(isLeaf);
  graph.nodes = [...graph.nodes.filter((node) => !isLeaf(node)), ...leaves.reverse()];
}
