// Which nodes lie on a path from the differentiated values to the loss: the only ones whose gradients are built. Paths
// end at values that are not floats and at inputs whose rule is null.

import { definedOperators } from '../onnx/defined/table.js';
import { isFloat } from '../onnx/dtype.js';
import { type Graph, type Node, operatorKey, type Value } from '../onnx/graph.js';
import { flowsInto, rules } from './rules.js';

export interface Paths {
  /** Values that depend on the differentiated ones and on which the loss depends. */
  active: ReadonlySet<Value>;
  nodes: ReadonlySet<Node>;
  /**
   * Operators on a path that have no rule, or none through this output; each once, in graph order. Without a rule an
   * operator is taken to pass gradients from every float input, so that the report is complete.
   */
  missing: readonly { node: Node; output: number }[];
}

/** @param losses what is differentiated: one value, or several as the sum of them would be */
export function findPaths(graph: Graph, losses: Value | readonly Value[], wrt: readonly Value[]): Paths {
  const isFloatValue = (value: Value) => value !== '' && isFloat(graph.type(value).dtype);
  const depends = new Set(wrt);
  for (const node of graph.nodes)
    if (node.inputs.some((x, i) => depends.has(x) && flowsInto(node, i)))
      for (const y of node.outputs) if (isFloatValue(y)) depends.add(y);

  const active = new Set<Value>([losses].flat().filter((loss) => depends.has(loss)));
  const nodes = new Set<Node>();
  const missing: { node: Node; output: number }[] = [];
  for (const node of graph.nodes.toReversed()) {
    const outputs = node.outputs.flatMap((y, i) => (active.has(y) ? [i] : []));
    const inputs = node.inputs.filter((x, i) => depends.has(x) && isFloatValue(x) && flowsInto(node, i));
    if (outputs.length === 0 || inputs.length === 0) continue;
    nodes.add(node);
    for (const x of inputs) active.add(x);
    const rule = rules.get(operatorKey(node));
    if (definedOperators.has(operatorKey(node))) continue;
    if (!rule) missing.push({ node, output: 0 });
    else if (!('anyOutput' in rule || 'definition' in rule))
      missing.push(...outputs.filter((i) => i > 0).map((output) => ({ node, output })));
  }
  return { active, nodes, missing: missing.reverse() };
}
