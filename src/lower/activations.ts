// Before differentiation, on devices with the kernels: an activation, in whatever operators an exporter wrote it,
// becomes one ortune.Activation, and moves into the BatchNorm in front of it where nothing else reads that. Forward and
// backward are one pass over memory each then; between standard operators HardSwish takes two and seven.

import type { Builder } from '../onnx/builder.js';
import { attrFloat, type Node, type Value } from '../onnx/graph.js';
import { close, Matcher } from '../onnx/restore/match.js';

interface Found {
  activation: 'Relu' | 'Relu6' | 'HardSigmoid' | 'HardSwish' | 'Swish';
  x: Value;
  /** Nodes that nobody else reads, the last one included. */
  nodes: readonly Node[];
}

/** Rewrites the builder's static graph in place. */
export function fuseActivations(b: Builder, kernels: ReadonlySet<string>): void {
  if (!kernels.has('ortune.Activation')) return;
  const { graph } = b;
  const m = new Matcher(graph);
  const found = new Map<Node, Found>();
  const gone = new Set<Node>();
  for (const node of graph.nodes.toReversed()) {
    if (gone.has(node) || graph.types.get(node.outputs[0] ?? '')?.dtype !== 'float32') continue;
    const activation = find(m, node);
    if (!activation) continue;
    found.set(node, activation);
    for (const part of activation.nodes) gone.add(part);
  }
  const norms = new Map<Node, Node>();
  for (const [node, { x }] of found) {
    const norm = m.producer(x, 'ortune.BatchNorm');
    const readers = m.consumers(x).filter((reader) => !found.get(node)!.nodes.includes(reader));
    if (norm && readers.length === 0 && !graph.outputs.some((o) => o.name === x)) norms.set(norm, node);
  }
  const nodes = graph.nodes;
  graph.nodes = [];
  for (const node of nodes) {
    const last = norms.get(node);
    const activation = found.get(last ?? node);
    if (last) emit(b, { ...node, outputs: [last.outputs[0]!, ...node.outputs.slice(1)] }, activation!);
    else if (activation && !norms.has(m.producer(activation.x, 'ortune.BatchNorm')!))
      emit(b, { ...node, op: 'Activation', domain: 'ortune', inputs: [activation.x], attrs: new Map() }, activation);
    else if (!gone.has(node)) graph.nodes.push(node);
  }
}

function emit(b: Builder, node: Node, { activation }: Found): void {
  b.append({ ...node, attrs: new Map(node.attrs).set('activation', { kind: 'string', value: activation }) });
}

function find(m: Matcher, node: Node): Found | undefined {
  if (node.domain) return undefined;
  const x = node.inputs[0]!;
  if (node.op === 'Relu') return { activation: 'Relu', x, nodes: [node] };
  if (node.op === 'HardSwish') return { activation: 'HardSwish', x, nodes: [node] };
  if (isHardSigmoid(node)) return { activation: 'HardSigmoid', x, nodes: [node] };
  if (node.op === 'Clip' && m.number(node.inputs[1]) === 0 && m.number(node.inputs[2]) === 6)
    return { activation: 'Relu6', x, nodes: [node] };
  return node.op === 'Mul' ? gated(m, node) : undefined;
}

const isHardSigmoid = (node: Node): boolean =>
  node.op === 'HardSigmoid' && close(attrFloat(node, 'alpha', 0.2), 1 / 6) && attrFloat(node, 'beta', 0.5) === 0.5;

/** x times a sigmoid of x. */
function gated(m: Matcher, node: Node): Found | undefined {
  for (const gate of node.inputs) {
    const x = m.other(node, gate);
    const sigmoid = m.producer(gate, 'Sigmoid', 'HardSigmoid');
    if (!sigmoid || sigmoid.inputs[0] !== x || m.onlyConsumer(gate) !== node) continue;
    if (sigmoid.op === 'Sigmoid') return { activation: 'Swish', x, nodes: [sigmoid, node] };
    if (isHardSigmoid(sigmoid)) return { activation: 'HardSwish', x, nodes: [sigmoid, node] };
  }
  return undefined;
}
