// GELU written out: x · ½(1 + erf(x/√2)), or with the tanh approximation x · ½(1 + tanh(√(2/π)(x + 0.044715 x³))),
// becomes one Gelu node. Exporters differ in where the ½ goes, in Mul or Div, in the order of factors and in how the
// cube is made; all are matched by walking from Erf or Tanh to the product with x.
// Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.

import type { Graph, Node, Value } from '../graph.js';
import { close, Matcher, type Polynomial } from './match.js';

const forms: Readonly<Record<string, { approximate: string; inner: Polynomial }>> = {
  Erf: { approximate: 'none', inner: new Map([[1, Math.SQRT1_2]]) },
  Tanh: {
    approximate: 'tanh',
    inner: new Map([
      [1, Math.sqrt(2 / Math.PI)],
      [3, Math.sqrt(2 / Math.PI) * 0.044715],
    ]),
  },
};

const matches = (found: Polynomial | undefined, wanted: Polynomial): boolean =>
  !!found &&
  [...found.keys()].every((power) => wanted.has(power)) &&
  [...wanted].every(([power, c]) => close(found.get(power), c));

/** Follows c·f(z) → c·(1 + f(z)) → c·x·(1 + f(z)) until c is ½ and x is found; the node that ends it, and x. */
function follow(m: Matcher, start: Node, inner: Polynomial): { end: Node; x: Value } | undefined {
  let value = start.outputs[0]!;
  let factor = 1;
  let shifted = false;
  let x: Value | undefined;
  for (let step = 0; step < 5; step++) {
    const node = m.onlyConsumer(value);
    if (!node) return undefined;
    const scaled = m.scaled(node);
    if (scaled?.x === value) factor *= scaled.factor;
    else if (node.op === 'Add' && !shifted && close(m.number(m.other(node, value)), factor)) shifted = true;
    else if (node.op === 'Mul' && shifted && x === undefined) {
      const other = m.other(node, value);
      const part = m.scaled(m.producer(other)) ?? { x: other, factor: 1 };
      const direct = matches(m.polynomial(start.inputs[0]!, other), inner);
      if (!direct && !matches(m.polynomial(start.inputs[0]!, part.x), inner)) return undefined;
      x = direct ? other : part.x;
      if (!direct) factor *= part.factor;
    } else return undefined;
    value = node.outputs[0]!;
    if (x !== undefined && close(factor, 0.5)) return m.sameShape(x, value) ? { end: node, x } : undefined;
  }
  return undefined;
}

/** Replaces every written-out GELU, in place; what only it used is left for pruning. */
export function restoreGelu(graph: Graph): void {
  const m = new Matcher(graph);
  for (const node of graph.nodes) {
    const form = node.domain === '' ? forms[node.op] : undefined;
    const found = form && follow(m, node, form.inner);
    if (!found) continue;
    found.end.op = 'Gelu';
    found.end.inputs = [found.x];
    found.end.attrs = new Map([['approximate', { kind: 'string', value: form.approximate }]]);
  }
}
