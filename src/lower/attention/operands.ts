// How attention's operands stand in a graph: behind which transposes, views, scales and repeats the heads of queries,
// keys and values are found, so that the fused operator reads them from there.

import { sameShape } from '../../onnx/formulas.js';
import { attrInts, type Value } from '../../onnx/graph.js';
import { traitsOf } from '../../onnx/operators.js';
import type { Matcher } from '../../onnx/restore/match.js';

/** How the axes of a value stand: [B, T, H, d], [T, B, H, d], or [B, H, T, d] where nothing else is known of it. */
export type Order = 'tokens' | 'batch second' | 'heads first';

/** Keys and values may be read as if each of their heads stood there `times` times. */
export interface Heads {
  value: Value;
  /** Of the value, but for an axis of length 1 that it may have beside. */
  shape: readonly number[];
  order: Order;
  times: number;
}

/** [B, T, H, d] */
export const shapeOf = ({ shape, order }: Heads): [number, number, number, number] => {
  const [a, b, c, size] = shape as [number, number, number, number];
  return order === 'tokens' ? [a, b, c, size] : order === 'batch second' ? [b, a, c, size] : [a, c, b, size];
};

/** Which value [B, K, S, d] `value` [B, H, S, d] has each head of several times, one beside the other. */
interface SharedHeads {
  value: Value;
  /** Of the transpose that gives [B, K, S, d] from `value`. */
  perm: readonly number[];
  shape: readonly number[];
  times: number;
}

function sharedHeads(m: Matcher, value: Value): SharedHeads | undefined {
  const { graph } = m;
  const apart = m.producer(value);
  const expand = apart && traitsOf(apart).view ? m.producer(apart.inputs[0]!, 'Expand') : undefined;
  if (!expand) return undefined;
  const one = expand.inputs[0]!;
  const [batch, heads, times, ...rest] = graph.shape(expand.outputs[0]!) as [number, number, number, ...number[]];
  if (!sameShape(graph.shape(one), [batch, heads, 1, ...rest])) return undefined;
  if (!sameShape(graph.shape(value), [batch, heads * times, ...rest])) return undefined;
  const before = m.producer(one);
  const source = before?.inputs[0];
  if (!before || source === undefined) return undefined;
  const from = graph.shape(source);
  const perm = before.op === 'Transpose' ? attrInts(before, 'perm') : undefined;
  if (perm?.length === 5) {
    const beside = perm[2]!;
    const without = perm.toSpliced(2, 1).map((axis) => (axis > beside ? axis - 1 : axis));
    return { value: source, perm: without, shape: from.toSpliced(beside, 1), times };
  }
  if (!traitsOf(before).view || !sameShape(from, [batch, heads, ...rest])) return undefined;
  return { value: source, perm: [0, 1, 2, 3], shape: from, times };
}

/**
 * What a product's operand is a multiple of, as far back that all transposes on the way, the product's own included,
 * together are the `wanted` one; or that after an exchange of the first two axes; or without bringing heads forward.
 */
export function splitValue(
  m: Matcher,
  operand: Value,
  transposed: boolean,
  wanted: string,
): (Heads & { factor: number }) | undefined {
  let [value, perm, factor, times] = [operand, transposed ? [0, 1, 3, 2] : [0, 1, 2, 3], 1, 1];
  let shape = m.graph.shape(operand);
  let known: (Heads & { factor: number }) | undefined;
  const exchanged = (a: number, b: number): string =>
    perm.map((axis) => (axis === a ? b : axis === b ? a : axis)).join();
  while (perm.join() !== wanted) {
    if (exchanged(1, 2) === wanted) known = { value, shape, order: 'heads first', factor, times };
    const node = m.producer(value, 'Transpose', 'Mul', 'Div');
    const scaled = m.scaled(node);
    const before = node && attrInts(node, 'perm');
    const shared = node ? undefined : sharedHeads(m, value);
    if (shared) {
      times *= shared.times;
      perm = perm.map((axis) => shared.perm[axis]!);
      ({ value, shape } = shared);
    } else if (scaled && m.sameShape(scaled.x, value)) {
      factor *= scaled.factor;
      value = scaled.x;
    } else if (before?.length === 4) {
      perm = perm.map((axis) => before[axis]!);
      value = node!.inputs[0]!;
      shape = m.graph.shape(value);
    } else return exchanged(0, 1) === wanted ? { value, shape, order: 'batch second', factor, times } : known;
  }
  return { value, shape, order: 'tokens', factor, times };
}
