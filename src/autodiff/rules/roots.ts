// Roots at 0, where their slope is infinite and what lies below often has slope 0: 0 · ∞ = NaN. PyTorch's own functions
// give 0 there (std, cosine_similarity, cdist, pairwise_distance, lp_pool), and exporters write them as the roots found
// here. Any other root keeps its infinite slope, as PyTorch's sqrt and pow do.

import type { Builder } from '../../onnx/builder.js';
import { div, equal, mul, where } from '../../onnx/formulas.js';
import type { Graph, Node, Value } from '../../onnx/graph.js';
import { Matcher } from '../../onnx/restore/match.js';
import type { InputRule, RuleContext } from './context.js';

const matchers = new WeakMap<Graph, Matcher>();

/** Of the forward graph: it has every node when the first gradient is asked for. */
function matcherOf(graph: Graph): Matcher {
  const matcher = matchers.get(graph) ?? new Matcher(graph);
  matchers.set(graph, matcher);
  return matcher;
}

/** Goes down through what only scales a value by a number or gives it another shape. */
function unscaled(m: Matcher, value: Value): Node | undefined {
  const node = m.producer(value);
  const inner = ['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten'].includes(node?.op ?? '')
    ? node!.inputs[0]
    : m.scaled(node)?.x;
  return inner === undefined ? node : unscaled(m, inner);
}

/** d of a node that is d · d or d². */
function squareOf(m: Matcher, node: Node | undefined): Value | undefined {
  if (node?.op === 'Mul' && node.inputs[0] === node.inputs[1]) return node.inputs[0];
  return node?.op === 'Pow' && m.number(node.inputs[1]) === 2 ? node.inputs[0] : undefined;
}

/** Σ (x − mean)² times a number: std, biased or not. */
function isVariance(m: Matcher, value: Value): boolean {
  const sum = unscaled(m, value);
  if (sum?.op !== 'ReduceMean' && sum?.op !== 'ReduceSum') return false;
  const centred = squareOf(m, m.producer(sum.inputs[0]));
  const difference = m.producer(centred, 'Sub');
  return !!difference && m.producer(difference.inputs[1], 'ReduceMean')?.inputs[0] === difference.inputs[0];
}

/** A sum or mean of powers, as norms are written; lp_pool writes sign(a) · relu(|a|) of the mean a. */
function isSumOfPowers(m: Matcher, value: Value): boolean {
  let sum = unscaled(m, value);
  const sign = sum?.op === 'Mul' ? sum.inputs.map((x) => m.producer(x, 'Sign')).find(Boolean) : undefined;
  if (sign) sum = m.producer(sign.inputs[0]);
  if (!['ReduceMean', 'ReduceSum', 'AveragePool'].includes(sum?.op ?? '')) return false;
  const power = unscaled(m, sum!.inputs[0]!);
  return squareOf(m, power) !== undefined || power?.op === 'Pow';
}

/** Everything that reads the root takes a positive bound in its place where it is 0, as cosine_similarity does. */
function isBounded(b: Builder, m: Matcher, y: Value): boolean {
  const readers = m.consumers(y).filter((node) => !node.name.startsWith(b.prefix));
  const bounds = readers.map((node) =>
    node.op === 'Max' ? m.number(m.other(node, y)) : node.op === 'Clip' ? m.number(node.inputs[1]) : undefined,
  );
  return bounds.length > 0 && bounds.every((bound) => bound !== undefined && bound > 0);
}

/** dx = dy / 2y */
export const squareRoot: InputRule = ({ b, x, y }, dy) => {
  const half = mul(b, dy, 0.5);
  const m = matcherOf(b.graph);
  if (!isVariance(m, x[0]!) && !isBounded(b, m, y[0]!)) return div(b, half, y[0]!);
  const none = equal(b, y[0]!, 0);
  return where(b, none, 0, div(b, half, where(b, none, 1, y[0]!)));
};

/** Whether x^p, 0 < p < 1, is a norm: then its gradient at 0 is 0. */
export const isNorm = ({ b, x }: RuleContext, p: number): boolean =>
  p > 0 && p < 1 && isSumOfPowers(matcherOf(b.graph), x[0]!);
