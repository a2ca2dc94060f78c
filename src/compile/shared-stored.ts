// Tensors of rounded numbers in memory that all sessions of a model read, as they read frozen weights. Small ones stay
// in each graph, which may fold them.

import { isFloat, isPacked } from '../onnx/dtype.js';
import { foldLimit } from '../onnx/fold.js';
import type { Graph, Value } from '../onnx/graph.js';
import { sharedTensor } from '../runtime/arena.js';
import type { TensorView } from '../runtime/session.js';
import { storedTensors } from '../transfer/stored.js';

/** By name; none of 4 bits, which a graph takes apart as bytes of another name. */
export function sharedStored(graph: Graph): Map<Value, TensorView> {
  const large = [...storedTensors(graph).keys()].filter((name) => {
    const { dtype, size } = graph.initializers.get(name)!;
    return !isFloat(dtype) && !isPacked(dtype) && size > foldLimit;
  });
  return new Map(
    large.map((name) => {
      const tensor = graph.initializers.get(name)!;
      const view = sharedTensor(tensor.dtype, tensor.shape);
      view.data.set(tensor.data() as never);
      return [name, view];
    }),
  );
}
