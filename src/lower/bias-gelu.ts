// A layer's bias moves from its Gemm into the GELU behind it: the runtime's Gemm copies the bias over the whole output
// before it multiplies, in one thread, and the fused gradient gives the bias's sum in the same pass. Runs after layers
// have become Gemms and before differentiation, on devices that have the kernel.

import type { Builder } from '../onnx/builder.js';
import { view } from '../onnx/formulas.js';
import { attrFloat, attrString, type Graph, type Node, type Value } from '../onnx/graph.js';
import { isReshape } from '../onnx/specialize/simplify.js';

/** Rewrites the builder's static float32 graph in place; nodes that nobody reads any more are left to `prune`. */
export function fuseBiasGelu(b: Builder): void {
  const { graph } = b;
  const gemms = gemmsBefore(graph);
  if (gemms.size === 0) return;
  const nodes = graph.nodes;
  graph.nodes = [];
  for (const node of nodes) {
    const gemm = gemms.get(node);
    if (gemm) emit(b, node, gemm);
    else graph.nodes.push(node);
  }
}

/** The Gemm with a bias per column behind whose views alone a Gelu stands, by the Gelu. */
function gemmsBefore(graph: Graph): Map<Node, Node> {
  const producers = graph.producers();
  const consumers = graph.consumers();
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const alone = (value: Value) => consumers.get(value)?.length === 1 && !outputs.has(value);
  const found = new Map<Node, Node>();
  for (const gelu of graph.nodes) {
    if (gelu.op !== 'Gelu' || gelu.domain) continue;
    let value = gelu.inputs[0]!;
    let node = producers.get(value);
    while (isReshape(node) && alone(value)) {
      value = node.inputs[0]!;
      node = producers.get(value);
    }
    if (node?.op !== 'Gemm' || node.domain || !alone(value)) continue;
    const bias = node.inputs[2];
    const columns = graph.shape(value).at(-1);
    const fits = bias && graph.shape(bias).join() === `${columns}` && graph.shape(gelu.inputs[0]!).at(-1) === columns;
    if (fits && graph.type(value).dtype === 'float32' && attrFloat(node, 'beta', 1) === 1) found.set(gelu, node);
  }
  return found;
}

function emit(b: Builder, gelu: Node, gemm: Node): void {
  const [x, w, bias] = gemm.inputs as [Value, Value, Value];
  const y = b.op('Gemm', [x, w], Object.fromEntries(gemm.attrs), { name: gemm.name });
  b.append({
    ...gelu,
    op: 'BiasGelu',
    domain: 'ortune',
    inputs: [view(b, y, b.shape(gelu.inputs[0]!)), bias],
    attrs: new Map([['approximate', { kind: 'string', value: attrString(gelu, 'approximate', 'none') }]]),
  });
}
