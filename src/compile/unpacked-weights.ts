// Frozen weights that the runtime is to read where they are. Of a constant matrix it packs a copy for every way that
// products read it, which are two where a gradient passes: three times the weights are there. The packing saves time
// where few rows are multiplied; of many it is a small part of the product.

import { dependentValues, type Graph, type Node, type Value } from '../onnx/graph.js';
import { traitsOf } from '../onnx/operators.js';
import { elementCount } from '../onnx/tensor.js';

/** Products with fewer rows have a packed copy. */
const leastRows = 512;

/**
 * Those of `frozen` that only large products read which gradients pass through: what depends on nothing that is trained
 * computes the same bits in every graph, packed.
 * @param graph a static one, with or without gradients
 */
export function unpackedWeights(graph: Graph, frozen: readonly Value[], trained: ReadonlySet<Value>): Set<Value> {
  const learned = dependentValues(graph, trained);
  const consumers = graph.consumers();
  const isLarge = ({ inputs, outputs: [y] }: Node): boolean =>
    inputs.some((x) => learned.has(x)) && elementCount(graph.shape(y!)) / graph.shape(y!).at(-1)! >= leastRows;
  return new Set(
    frozen.filter((name) => {
      const products = (consumers.get(name) ?? []).filter((node) => traitsOf(node).product);
      return graph.shape(name).length === 2 && products.length > 0 && products.every(isLarge);
    }),
  );
}
