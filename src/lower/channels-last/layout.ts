// Before differentiation, on devices with the kernels: images become channels-last, [N, H, W, C], from the first
// convolution on. There the channels of a place lie together, so a convolution is a matrix product without copies, and
// normalisation, activation and pooling work on whole rows. Operators in between follow where the layout means nothing
// to them; the first one that insists on [N, C, H, W] gets a transpose. The standard operators stay for other devices.

import type { Builder } from '../../onnx/builder.js';
import { forgetViews } from '../../onnx/formulas.js';
import { type Graph, type Node, operatorKey, type Value } from '../../onnx/graph.js';
import { Images } from './images.js';
import { followers } from './operators.js';

/**
 * Rewrites the builder's static graph in place; graph outputs keep their names.
 * @param kernels what the device has; without 'ortune.Conv' nothing is done
 */
export function useChannelsLast(b: Builder, kernels: ReadonlySet<string>): void {
  const { graph } = b;
  if (!kernels.has('ortune.Conv') || !graph.nodes.some((node) => node.op === 'Conv' && !node.domain)) return;
  forgetViews(b);
  const images = new Images(b);
  const consumers = graph.consumers();
  const renamed = new Map<Value, Value>();
  const nodes = graph.nodes;
  graph.nodes = [];
  for (const node of nodes) {
    node.inputs = node.inputs.map((x) => renamed.get(x) ?? x);
    if (turn(images, node, renamed, graph)) continue;
    const follow = computesFloat32(graph, node) ? followers[operatorKey(node)] : undefined;
    if (follow?.({ b, images, node, kernels, consumers })) continue;
    for (const x of node.inputs) if (x) images.pay(x);
    graph.nodes.push(node);
  }
  for (const { name } of graph.outputs) images.pay(name);
  images.forget();
}

const computesFloat32 = (graph: Graph, { inputs, outputs }: Node): boolean =>
  [inputs[0], outputs[0]].every((x) => x && graph.types.get(x)?.dtype === 'float32');

/** A transpose between the layouts, as exports of channels-last models have them, says the same value again. */
function turn(images: Images, node: Node, renamed: Map<Value, Value>, graph: Graph): boolean {
  const perm = node.op === 'Transpose' && !node.domain ? String(node.attrs.get('perm')?.value) : '';
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  if (perm === '0,3,1,2') {
    images.set(y, x);
    return true;
  }
  if (perm !== '0,2,3,1' || !images.has(x) || graph.outputs.some((o) => o.name === y)) return false;
  renamed.set(y, images.last(x));
  return true;
}
