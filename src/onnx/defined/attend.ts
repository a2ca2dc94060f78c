// Scaled dot-product attention as all its operators have it (Vaswani et al., 2017), in the parts that
// lower/attention.ts joins to one kernel: softmax(scale · q·kᵀ + biases)·v for every head, with groups of queries that
// share keys, soft caps and sinks.

import type { Builder } from '../builder.js';
import type { DataType } from '../dtype.js';
import {
  add,
  cast,
  div,
  expand,
  firstOf,
  greaterOrEqual,
  indices,
  less,
  max,
  mul,
  tanh,
  transpose,
  view,
} from '../formulas.js';
import type { Value } from '../graph.js';
import { Tensor } from '../tensor.js';

/**
 * What a score that must not count becomes: added to another bias it would overflow, so that it is put in its place.
 */
export const lowest = -3.4028234663852886e38;
const lowestOf = (dtype: DataType): number => (dtype === 'float16' ? -65504 : lowest);

export interface Attending {
  /** [B, T, H, d] */
  q: Value;
  /** [B, S, G, d], G a divisor of H: each head of these serves H / G neighbouring ones of q. */
  k: Value;
  /** [B, S, G, e] */
  v: Value;
  /** Default 1 / √d. */
  scale?: number | undefined;
  /** cap · tanh(scores / cap) before masks and biases; 0: none. */
  softcap?: number;
  /** Added to the scores [B, H, T, S], each broadcast to them. */
  biases?: readonly Value[];
  /** Which scores count, bool values of four axes that broadcast to them; a row without any gives zeros. */
  visible?: Value | undefined;
  /** The same where every row has one. */
  ordered?: Value | undefined;
  /** A further score of every row [H], whose share no value gets. */
  sink?: Value | undefined;
}

export interface Attended {
  /** [B, T, H, e] */
  y: Value;
  /** [B, H, T, S], before anything is added. */
  scores: Value;
  /** [B, H, T, S], the rows' sums 1 but for the sink; without `seen` in them. */
  weights: Value;
  /** Where not every row need have a key that counts: 1 for those that do, 0 for others; broadcasts to [B, H, T, 1]. */
  seen?: Value;
}

export function attend(b: Builder, of: Attending): Attended {
  const [, , heads, size] = b.shape(of.q) as [number, number, number, number];
  const { dtype } = b.type(of.q);
  // With heads in front, as lower/attention.ts finds those that share keys.
  const [q, k, v] = [swapHeads(b, of.q), spread(b, swapHeads(b, of.k), heads), spread(b, swapHeads(b, of.v), heads)];
  const scale = of.scale || 1 / Math.sqrt(size);
  const scores = mul(b, b.op('MatMul', [q, transpose(b, k, [0, 1, 3, 2])]), scale);
  let masked = of.softcap ? mul(b, tanh(b, div(b, scores, of.softcap)), of.softcap) : scores;
  for (const bias of of.biases ?? []) masked = add(b, masked, bias);
  const shown = of.visible && of.ordered ? b.op('And', [of.visible, of.ordered]) : (of.visible ?? of.ordered);
  if (shown) masked = b.op('Where', [shown, masked, b.scalar(dtype, lowestOf(dtype))]);
  const weights = of.sink ? softmaxWithSink(b, masked, of.sink) : b.op('Softmax', [masked], { axis: -1 });
  const mixed = swapHeads(b, b.op('MatMul', [weights, v]));
  if (!of.visible) return { y: mixed, scores, weights };
  const seen = max(b, cast(b, shown!, dtype), [-1]);
  return { y: mul(b, mixed, transpose(b, seen, [0, 2, 1, 3])), scores, weights, seen };
}

/** [B, G, S, d] → [B, H, S, d], each head H / G times in a row. */
function spread(b: Builder, x: Value, heads: number): Value {
  const [batch, groups, length, size] = b.shape(x) as [number, number, number, number];
  if (groups === heads) return x;
  const each = expand(b, view(b, x, [batch, groups, 1, length, size]), [batch, groups, heads / groups, length, size]);
  return view(b, each, [batch, heads, length, size]);
}

function softmaxWithSink(b: Builder, scores: Value, sink: Value): Value {
  const [batch, heads, length, keys] = b.shape(scores) as [number, number, number, number];
  const column = expand(b, view(b, sink, [1, heads, 1, 1]), [batch, heads, length, 1]);
  const all = b.op('Softmax', [b.op('Concat', [scores, column], { axis: 3 })], { axis: -1 });
  return firstOf(b, all, 3, keys);
}

/** Which keys a query sees that stands `past` places behind the first key: those up to its own. [1, 1, T, S] */
export function causal(b: Builder, [length, keys]: readonly [number, number], past: number): Value {
  const values = indices(length * keys).map((i) => Number(Math.floor(i / keys) + past >= i % keys));
  return b.constant(Tensor.of('bool', values, [1, 1, length, keys]), 'causal');
}

/** Places 0 … S − 1 before the ends [B] (and from the starts on): [B, 1, 1, S]. */
export function within(b: Builder, keys: number, ends: Value, starts?: Value): Value {
  const column = (x: Value): Value => view(b, cast(b, x, 'int64'), [b.shape(x)[0]!, 1, 1, 1]);
  const places = b.constant(Tensor.of('int64', indices(keys), [1, 1, 1, keys]), 'places');
  const before = less(b, places, column(ends));
  return starts ? b.op('And', [before, greaterOrEqual(b, places, column(starts))]) : before;
}

/** [B, T, H·d] → [B, T, H, d] */
export function splitHeads(b: Builder, x: Value, heads: number): Value {
  const [batch, length, channels] = b.shape(x) as [number, number, number];
  return view(b, x, [batch, length, heads, channels / heads]);
}

/** [B, T, H, d] → [B, T, H·d] */
export function joinHeads(b: Builder, x: Value): Value {
  const [batch, length, heads, size] = b.shape(x) as [number, number, number, number];
  return view(b, x, [batch, length, heads * size]);
}

/** [B, H, T, d] and [B, T, H, d], either way. */
export const swapHeads = (b: Builder, x: Value): Value => transpose(b, x, [0, 2, 1, 3]);

/** A past [B, H, P, d] in front of x [B, T, H, d]: [B, P + T, H, d]. */
export const behind = (b: Builder, past: Value | undefined, x: Value): Value =>
  past ? b.op('Concat', [swapHeads(b, past), x], { axis: 1 }) : x;
