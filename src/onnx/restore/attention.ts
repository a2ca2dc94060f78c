// Scaled dot-product attention as PyTorch's exporters write it carries two things that training does not want: half
// of the scale on queries and half on keys (two passes over activations), and a guard that turns the NaN of a wholly
// masked row into 0. The guard's gradient is NaN all the same (0 · NaN), so the −∞ of the mask becomes the lowest finite
// number and the guard goes. Rows with at least one visible token keep their values; a row without any gets even
// attention instead of none, which only a sample without tokens can see.

import type { Builder } from '../builder.js';
import type { DataType } from '../dtype.js';
import type { Node, Value } from '../graph.js';
import { Tensor } from '../tensor.js';
import { Matcher } from './match.js';

const lowest: Partial<Record<DataType, number>> = { float32: -3.4028234663852886e38, float64: -Number.MAX_VALUE };

/** Where(IsNaN(s), 0, s) → s for a softmax s of masked scores, in place. */
export function dropNanGuards(b: Builder): void {
  const m = new Matcher(b.graph);
  const renamed = new Map<Value, Value>();
  for (const node of b.graph.nodes) {
    node.inputs = node.inputs.map((input) => renamed.get(input) ?? input);
    const softmax = guarded(m, node);
    if (!softmax || b.graph.outputs.some((o) => o.name === node.outputs[0])) continue;
    if (finiteMask(b, m, softmax.inputs[0]!)) renamed.set(node.outputs[0]!, softmax.outputs[0]!);
  }
}

function guarded(m: Matcher, node: Node): Node | undefined {
  if (node.op !== 'Where' || node.domain !== '' || m.number(node.inputs[1]) !== 0) return undefined;
  const test = m.producer(node.inputs[0], 'IsNaN');
  return test?.inputs[0] === node.inputs[2] ? m.producer(node.inputs[2], 'Softmax') : undefined;
}

/** Whether the scores are a sum with a mask of 0 and a very low number; −∞ is made finite on the way. */
function finiteMask(b: Builder, m: Matcher, scores: Value): boolean {
  const mask = m
    .producer(scores, 'Add')
    ?.inputs.map((input) => m.producer(input, 'Where'))
    .find((node) => node !== undefined);
  const numbers = mask?.inputs.slice(1).map((input) => m.number(input));
  if (!mask || !numbers?.includes(0) || numbers.includes(undefined)) return false;
  const low = numbers.indexOf(Number.NEGATIVE_INFINITY);
  if (low < 0) return numbers.every(Number.isFinite);
  const { dtype, shape } = b.type(mask.inputs[low + 1]!);
  const value = lowest[dtype];
  if (value === undefined) return false;
  mask.inputs[low + 1] = b.constant(Tensor.of(dtype, [value], shape), 'lowest');
  return true;
}

/** MatMul(a·c, b·d) → MatMul(a·cd, b), in place. */
export function mergeScales(b: Builder): void {
  const m = new Matcher(b.graph);
  for (const node of b.graph.nodes) {
    if (node.op !== 'MatMul' || node.domain !== '') continue;
    const [left, right] = node.inputs.map((input) => m.producer(input, 'Mul')) as [Node?, Node?];
    const [p, q] = [m.scaled(left), m.scaled(right)];
    if (!left || !right || !p || !q || left === right) continue;
    if (!m.onlyConsumer(left.outputs[0]!) || !m.onlyConsumer(right.outputs[0]!)) continue;
    if (!m.sameShape(p.x, left.outputs[0]!) || !m.sameShape(q.x, right.outputs[0]!)) continue;
    left.inputs = [p.x, b.scalar(b.type(p.x).dtype, p.factor * q.factor)];
    node.inputs[1] = q.x;
  }
}
