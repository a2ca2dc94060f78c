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
  // Of each value what it is, or is a view or transpose of: those of the forward pass are made again with it, those
  // that backward has are there once for all readers.
  const viewed = new Map<Value, Value>([...made.keys()].map((y) => [y, y]));
  const forwardViews = new Map<Value, Node>();
  for (const node of graph.nodes) {
    const [out] = node.outputs as [Value];
    const y = moves(node) && !late.has(out) ? viewed.get(node.inputs[0]!) : undefined;
    if (y === undefined) continue;
    viewed.set(out, y);
    if (before.has(node)) forwardViews.set(out, node);
  }
  const copies = new Map<Value, Value>();
  const nodes = graph.nodes;
  graph.nodes = [];
  forgetViews(b);
  /** The copy of a value, where what it views has one. */
  const copyOf = (x: Value): Value => {
    const known = copies.get(x);
    const view = forwardViews.get(x);
    if (known !== undefined || !view || !copies.has(viewed.get(x)!)) return known ?? x;
    copies.set(x, repeat(b, view, [copyOf(view.inputs[0]!), ...view.inputs.slice(1)]));
    return copies.get(x)!;
  };
  const waiting = new Map<Value, Node[]>();
  for (const node of nodes) {
    if (before.has(node)) {
      graph.nodes.push(node);
      continue;
    }
    const seen = viewed.get(node.outputs[0]!);
    if (seen !== undefined) {
      waiting.set(seen, [...(waiting.get(seen) ?? []), node]);
      continue;
    }
    const arrived = node.inputs.find((x) => late.has(x));
    for (const x of node.inputs) {
      const y = viewed.get(x);
      if (y === undefined) continue;
      if (arrived !== undefined && !copies.has(y) && !outputs.has(y)) copies.set(y, again(b, made.get(y)!, arrived));
      for (const view of waiting.get(y) ?? []) {
        const inputs = view.inputs.map(copyOf);
        graph.nodes.push({ ...view, inputs });
      }
      waiting.delete(y);
    }
    const inputs = node.inputs.map(copyOf);
    graph.nodes.push({ ...node, inputs });
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

const again = (b: Builder, node: Node, arrived: Value): Value =>
  repeat(b, node, [...node.inputs.slice(0, cheap[operatorKey(node)]), arrived]);

function repeat(b: Builder, node: Node, inputs: Value[]): Value {
  const y = b.unique(`again.${node.outputs[0]!}`);
  b.append({ ...node, name: b.unique(`again.${node.name}`), inputs, outputs: [y] });
  return y;
}
