// What one pass over memory makes is made again for its gradient instead of kept, where backward reads it: normalised
// rows and gated units, the operands of weights' gradients. A decoder's layer keeps about half as much, for a hundredth
// of its time. A graph-to-graph transform of the differentiated graph.

import type { Builder } from '../onnx/builder.js';
import { forgetViews } from '../onnx/formulas.js';
import { type Node, operatorKey, type Value } from '../onnx/graph.js';
import { traitsOf } from '../onnx/operators.js';

/** Takes, behind its inputs, one that only says when. */
const cheap: Readonly<Record<string, number>> = { 'ortune.RmsNorm': 2, 'ortune.SwiGlu': 2 };

/**
 * Rewrites the builder's graph in place. The copy waits for a gradient that a reader of it takes anyway.
 * @param forward the nodes that were there before the graph was differentiated
 */
export function recomputeCheap(b: Builder, forward: readonly Node[]): void {
  const { graph } = b;
  const before = new Set(forward);
  const made = new Map(forward.filter((node) => operatorKey(node) in cheap).map((node) => [node.outputs[0]!, node]));
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const behind = graph.nodes.filter((node) => !before.has(node));
  const late = gradientsOf(behind);
  // Views and transposes that backward has of a value are there once for all readers.
  const viewed = new Map<Value, Value>([...made.keys()].map((y) => [y, y]));
  for (const node of behind) {
    const y = moves(node) && !late.has(node.outputs[0]!) ? viewed.get(node.inputs[0]!) : undefined;
    if (y !== undefined) viewed.set(node.outputs[0]!, y);
  }
  const copies = new Map<Value, Value>();
  const nodes = graph.nodes;
  graph.nodes = [];
  forgetViews(b);
  const waiting = new Map<Value, Node[]>();
  for (const node of nodes) {
    if (before.has(node)) {
      graph.nodes.push(node);
      continue;
    }
    const seen = viewed.get(node.outputs[0]!);
    if (seen !== undefined && !made.has(node.outputs[0]!)) {
      waiting.set(seen, [...(waiting.get(seen) ?? []), node]);
      continue;
    }
    const arrived = node.inputs.find((x) => late.has(x));
    for (const x of node.inputs) {
      const y = viewed.get(x);
      if (y === undefined) continue;
      if (arrived !== undefined && !copies.has(y) && !outputs.has(y)) copies.set(y, again(b, made.get(y)!, arrived));
      for (const view of waiting.get(y) ?? [])
        graph.nodes.push({ ...view, inputs: view.inputs.map((input) => copies.get(input) ?? input) });
      waiting.delete(y);
    }
    graph.nodes.push({ ...node, inputs: node.inputs.map((x) => copies.get(x) ?? x) });
  }
}

const moves = (node: Node): boolean => traitsOf(node).view === true || node.op === 'Transpose';

/** What backward computes of gradients, not of activations and parameters alone. */
function gradientsOf(behind: readonly Node[]): Set<Value> {
  const late = new Set<Value>();
  for (const node of behind)
    if (!moves(node) || node.inputs.some((x) => late.has(x))) for (const out of node.outputs) late.add(out);
  late.delete('');
  return late;
}

function again(b: Builder, node: Node, arrived: Value): Value {
  const inputs = [...node.inputs.slice(0, cheap[operatorKey(node)]), arrived];
  const y = b.unique(`again.${node.outputs[0]!}`);
  b.append({ ...node, name: b.unique(`again.${node.name}`), inputs, outputs: [y] });
  return y;
}
