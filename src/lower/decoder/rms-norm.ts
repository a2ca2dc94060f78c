// Before differentiation, on devices with the kernel: x / √(mean(x²) + ε) · scale over the last axis, in whatever
// operators an exporter wrote it, becomes one ortune.RmsNorm. Written out it keeps three tensors of the size of x for
// its gradient and passes over memory a dozen times.

import type { Builder } from '../../onnx/builder.js';
import { view } from '../../onnx/formulas.js';
import type { Node, Value } from '../../onnx/graph.js';
import { type Centred, LayerNormalizationMatcher, type Normalised } from '../../onnx/restore/layer-normalization.js';

/** A layer normalisation whose mean is taken to be 0. */
class RmsMatcher extends LayerNormalizationMatcher {
  override centred(value: Value): Centred {
    return { x: value, count: 1 };
  }

  override variance(value: Value): Normalised | undefined {
    const found = this.meanSquare(value);
    const [a, b] = found?.operands ?? [];
    return found?.count === 1 && a !== undefined && a === b ? { x: a, count: 1, epsilon: found.epsilon } : undefined;
  }
}

/** Rewrites the builder's static graph in place; nodes that nobody reads any more are left to `prune`. */
export function fuseRmsNorm(b: Builder, kernels: ReadonlySet<string>): void {
  if (!kernels.has('ortune.RmsNorm')) return;
  const { graph } = b;
  const m = new RmsMatcher(graph);
  const nodes = graph.nodes;
  graph.nodes = [];
  for (const node of nodes) {
    const found = scaled(m, node);
    if (!found) {
      graph.nodes.push(node);
      continue;
    }
    const { x, scale, epsilon } = found;
    const inputs = [x, view(b, scale, b.shape(x).slice(-1))];
    const attrs = new Map([['epsilon', { kind: 'float', value: epsilon }] as const]);
    b.append({ ...node, op: 'RmsNorm', domain: 'ortune', inputs, attrs });
  }
}

/** The output of a Mul as a normalised value times a scale for each column. */
function scaled(m: RmsMatcher, node: Node): { x: Value; scale: Value; epsilon: number } | undefined {
  if (node.op !== 'Mul' || node.domain !== '' || m.graph.type(node.outputs[0]!).dtype !== 'float32') return undefined;
  for (const value of node.inputs) {
    const inner = m.producer(value, 'Mul', 'Div');
    const norm = inner && m.onlyConsumer(value) === node ? m.normalised(inner) : undefined;
    if (!norm) continue;
    const scale = m.other(node, value);
    const shape = m.graph.shape(scale);
    const columns = m.graph.shape(norm.x).at(-1);
    if (shape.at(-1) === columns && shape.slice(0, -1).every((d) => d === 1) && m.sameShape(norm.x, node.outputs[0]!))
      return { x: norm.x, scale, epsilon: norm.epsilon };
  }
  return undefined;
}
