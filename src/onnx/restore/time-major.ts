// Recurrent layers that have their batch first (layout 1) become ones that have their steps first, between transposes:
// the only form that the runtime computes, and that definitions and kernels take.

import type { Builder } from '../builder.js';
import { transpose } from '../formulas.js';
import { attrInt, type Node, type Value } from '../graph.js';
import { spellOut } from '../spell-out.js';

const layers = ['LSTM', 'GRU', 'RNN'];

/** Rewrites the builder's static graph in place. */
export function stepsFirst(b: Builder): void {
  const { nodes } = b.graph;
  const due = (node: Node): boolean =>
    node.domain === '' && layers.includes(node.op) && attrInt(node, 'layout', 0) === 1;
  if (!nodes.some(due)) return;
  b.graph.nodes = [];
  for (const node of nodes) if (!due(node) || !spellOut(b, node, transposed)) b.graph.nodes.push(node);
}

/** X, the initial states and the outputs are those that know the batch. */
function transposed(b: Builder, node: Node): Value[] {
  const swap = (value: Value): Value => transpose(b, value, [1, 0, 2]);
  const inputs = node.inputs.map((value, i) => (value && [0, 5, 6].includes(i) ? swap(value) : value));
  const attrs = Object.fromEntries([...node.attrs].filter(([name]) => name !== 'layout'));
  const [y, ...states] = b.ops(node.op, inputs, attrs, { outputs: node.op === 'LSTM' ? 3 : 2 }) as [Value, ...Value[]];
  return [transpose(b, y, [2, 0, 1, 3]), ...states.map(swap)];
}
