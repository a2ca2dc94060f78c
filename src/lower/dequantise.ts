// When the floats of stored weights are made: for each reader anew, and no earlier than it reads them, so that no more
// than those of one product are there at once, where the forward pass would keep all of them for the gradients.

import type { Builder } from '../onnx/builder.js';
import { foldLimit } from '../onnx/fold.js';
import type { Node, Value } from '../onnx/graph.js';

/**
 * Rewrites the builder's graph in place. What is made of constants alone stands first then: the runtime takes the
 * inputs of a node that are made last in the file before the others. The runtime merges equal nodes, so those of one
 * weight read it under several names, which are one memory.
 */
export function dequantiseLate(b: Builder): void {
  const { graph } = b;
  const { initializers } = graph;
  const known = new Set<Value>(['', ...initializers.keys()]);
  const first: Node[] = [];
  const rest: Node[] = [];
  for (const node of graph.nodes) {
    const early = node.inputs.length > 0 && node.inputs.every((x) => known.has(x));
    if (early) for (const out of node.outputs) known.add(out);
    (early ? first : rest).push(node);
  }
  const makers = first.filter(({ op, domain, inputs: [numbers] }) => {
    const tensor = initializers.get(numbers!);
    return op === 'DequantizeLinear' && domain === '' && tensor?.held && tensor.size > foldLimit;
  });
  if (makers.length === 0) return;
  const consumers = graph.consumers();
  const copies = makers.flatMap((maker) => {
    const [numbers, ...scaling] = maker.inputs as [Value, ...Value[]];
    const [y] = maker.outputs as [Value];
    return (consumers.get(y) ?? []).slice(1).map((reader): Node => {
      const inputs = [b.constant(initializers.get(numbers)!, numbers), ...scaling];
      const copy = { ...maker, name: b.unique(maker.name), inputs, outputs: [b.unique(y)] };
      graph.types.set(copy.outputs[0]!, graph.type(y));
      reader.inputs = reader.inputs.map((x) => (x === y ? copy.outputs[0]! : x));
      return copy;
    });
  });
  graph.nodes = [...copies, ...first, ...rest];
}
