// Before differentiation, on devices with the kernel: gate · sigmoid(gate) · up becomes one ortune.SwiGlu, which keeps
// its two inputs for the gradient and nothing else.

import type { Builder } from '../../onnx/builder.js';
import type { Node, Value } from '../../onnx/graph.js';
import { Matcher } from '../../onnx/restore/match.js';

/** Rewrites the builder's static graph in place; nodes that nobody reads any more are left to `prune`. */
export function fuseSwiGlu(b: Builder, kernels: ReadonlySet<string>): void {
  if (!kernels.has('ortune.SwiGlu')) return;
  const m = new Matcher(b.graph);
  const gone = new Set<Node>();
  const found = new Map<Node, Value[]>();
  for (const node of b.graph.nodes) {
    const parts = gated(m, node);
    if (!parts) continue;
    found.set(node, parts.inputs);
    for (const part of parts.nodes) gone.add(part);
  }
  b.graph.nodes = b.graph.nodes.flatMap((node) => {
    const inputs = found.get(node);
    if (inputs) return [{ ...node, op: 'SwiGlu', domain: 'ortune', inputs, attrs: new Map() }];
    return gone.has(node) ? [] : [node];
  });
}

function gated(m: Matcher, node: Node): { inputs: Value[]; nodes: Node[] } | undefined {
  if (node.op !== 'Mul' || node.domain !== '' || m.graph.type(node.outputs[0]!).dtype !== 'float32') return undefined;
  for (const value of node.inputs) {
    const [swish, up] = [m.producer(value, 'Mul'), m.other(node, value)];
    if (!swish || m.onlyConsumer(value) !== node || !m.sameShape(value, up)) continue;
    const gate = swish.inputs.find((x) => isSigmoidOf(m, m.other(swish, x), x, swish));
    if (gate !== undefined && gate !== up)
      return { inputs: [gate, up], nodes: [swish, m.producer(m.other(swish, gate))!] };
  }
  return undefined;
}

/** Whether `value`, which `reader` alone reads, is the sigmoid of x. */
const isSigmoidOf = (m: Matcher, value: Value, x: Value, reader: Node): boolean =>
  m.producer(value, 'Sigmoid')?.inputs[0] === x && m.onlyConsumer(value) === reader;
