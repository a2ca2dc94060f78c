// Builds the encoder of `bench step` and counts the work of its forward pass. A process of its own, so that neither the
// building nor the counting is in the memory that the bench measures: node bench-model.js '{"directory": …}'.

import { parseOptions } from '../config/options.js';
import { benchStepSchema } from '../config/schema.js';
import { outcomeOf } from '../errors.js';
import { writeEncoder } from '../models/directory.js';
import { attrInt } from '../onnx/graph.js';
import { openModel, toGraph } from '../onnx/load.js';
import { specialize } from '../onnx/specialize.js';
import { elementCount } from '../onnx/tensor.js';

/** Multiplications and additions of all matrix products of the forward pass; backward has twice as many. */
function forwardFlops(path: string, batch: number, seq: number): number {
  const source = toGraph(openModel(path));
  const graph = specialize(source, Object.fromEntries(source.inputs.map(({ name }) => [name, [batch, seq]])));
  let flops = 0;
  for (const node of graph.nodes) {
    if (!['MatMul', 'Gemm', 'FusedMatMul'].includes(node.op)) continue;
    const x = graph.shape(node.inputs[0]!);
    const inner = attrInt(node, 'transA', 0) ? x.at(-2)! : x.at(-1)!;
    flops += 2 * inner * elementCount(graph.shape(node.outputs[0]!));
  }
  return flops;
}

const outcome = await outcomeOf(() => {
  const { directory, ...options } = JSON.parse(process.argv[2]!);
  const { model, layers, hidden, heads, feedForward, vocabulary, batch, seq } = parseOptions(benchStepSchema, options);
  const size = {
    layers,
    hidden,
    heads,
    vocabulary,
    positions: Math.max(seq, 512),
    ...(feedForward && { feedForward }),
  };
  if (model === undefined) writeEncoder(directory, size);
  return forwardFlops(model ?? directory, batch, seq);
});
process.stdout.write(JSON.stringify(outcome));
