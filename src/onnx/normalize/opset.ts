// Conversion of nodes from the opset they were written for to opset 21, one table row per operator whose definition
// changed on the way (files in conversions/). A row without a conversion says that both forms mean the same, and a test
// runs both forms of every row. From opsets above 21 there is nothing to convert: they only added element types.
// Source: the operator changelog of the ONNX specification
// (https://onnx.ai/onnx/operators/).

import type { Graph, Node } from '../graph.js';
import { inputs } from './conversions/inputs.js';
import { meaning } from './conversions/meaning.js';
import type { Conversion, Rewrite } from './conversions/rewrite.js';
import { unchanged } from './conversions/unchanged.js';

/** Every operator of the default domain whose definition changed after opset 7 and up to 25. */
export const conversions: readonly Conversion[] = [...unchanged, ...inputs, ...meaning];

const conversionsOf = new Map<string, Conversion[]>();
for (const row of [...conversions].sort((a, b) => a.since - b.since))
  if (row.convert) conversionsOf.set(row.op, [...(conversionsOf.get(row.op) ?? []), row]);

/** The node's opset-21 form, with what has to run around it; constants go into the graph. `opset`: the node's own. */
export function convertNode(node: Node, opset: number, graph: Graph): Node[] {
  const rows =
    node.domain === '' ? conversionsOf.get(node.op)?.filter((row) => opset < row.since !== row.back) : undefined;
  if (!rows || rows.length === 0) return [node];
  const [first, last]: [Node[], Node[]] = [[], []];
  const fresh = (op: string): string => `${node.name}::${op}_${first.length + last.length}`;
  const rewrite: Rewrite = {
    node,
    value: (input) => graph.initializers.get(node.inputs[input] ?? ''),
    constant(name, tensor) {
      const value = `${node.name}::${name}`;
      graph.initializers.set(value, tensor);
      return value;
    },
    before(op, inputs, attrs = {}) {
      const name = fresh(op);
      first.push({ name, op, domain: '', inputs, outputs: [name], attrs: new Map(Object.entries(attrs)) });
      return name;
    },
    after(op, inputs, attrs = {}) {
      const name = fresh(op);
      const [y] = node.outputs as [string];
      node.outputs[0] = `${name}::x`;
      const all = [node.outputs[0], ...inputs];
      last.push({ name, op, domain: '', inputs: all, outputs: [y], attrs: new Map(Object.entries(attrs)) });
    },
  };
  for (const row of rows) row.convert!(rewrite);
  return [...first, node, ...last];
}
