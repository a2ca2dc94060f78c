// The scores of attention, from their softmax back to the product of queries and keys: scales, a soft cap, biases and
// masks in the order in which they are applied, and a sink, whose column stands beside the scores.

import { axisOf, indices, sameShape } from '../../onnx/formulas.js';
import { attrFloat, attrInt, type Node, type Value } from '../../onnx/graph.js';
import { traitsOf } from '../../onnx/operators.js';
import type { Matcher } from '../../onnx/restore/match.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import { type Heads, shapeOf, splitValue } from './operands.js';

/** Added to the scores when these are apart for windows of an image: [1 or N, W, 1 or H, T, S] of N · W samples. */
interface OfWindows {
  windows: Value;
  /** Of the scores apart. */
  shape: readonly number[];
}

/** A value added to the scores, or the inputs of a Where with '' for the scores, which it replaces by a low number. */
export type Bias = Value | readonly Value[] | OfWindows;

/** The floats that a bias is made of; conditions take no gradient. */
export const floatsOf = (bias: Bias): readonly Value[] =>
  typeof bias === 'string' ? [bias] : 'windows' in bias ? [bias.windows] : bias.slice(1);

export interface Scores {
  q: Heads;
  k: Heads;
  scale: number;
  /** 0: none. */
  softcap: number;
  /** In order of application. */
  biases: Bias[];
  /** What gives them, in order. */
  nodes: Node[];
}

export const products = ['MatMul', 'com.microsoft.FusedMatMul'];

const mostBiases = 8;

/** A product of q and kᵀ, capped or not, or that with biases and masks that broadcast to it. */
export function findScores(m: Matcher, value: Value, depth = mostBiases): Scores | undefined {
  const product = m.producer(value, ...products);
  if (product) return scoresOf(m, product);
  const node = m.producer(value);
  if (!node || depth === 0) return undefined;
  if (node.op === 'Mul') return cappedScores(m, node);
  if (traitsOf(node).view) return scoresOfWindows(m, node, depth);
  if (node.op !== 'Add' && node.op !== 'Where') return undefined;
  for (const inner of node.inputs) {
    if (!m.sameShape(inner, value) || m.onlyConsumer(inner) !== node) continue;
    const bias = biasBeside(m, node, inner);
    const found = bias && findScores(m, inner, depth - 1);
    if (found) return { ...found, biases: [...found.biases, bias], nodes: [...found.nodes, node] };
  }
  return undefined;
}

/** cap · tanh(x / cap), where x / cap may be written as several scales of the product. */
function cappedScores(m: Matcher, outer: Node): Scores | undefined {
  const cap = m.scaled(outer);
  const bend = m.producer(cap?.x, 'Tanh');
  if (!cap || !bend || cap.factor <= 0 || m.onlyConsumer(cap.x) !== outer) return undefined;
  let [x, reader, factor] = [bend.inputs[0]!, bend, cap.factor];
  const nodes = [bend, outer];
  while (m.onlyConsumer(x) === reader) {
    const product = m.producer(x, ...products);
    const found = product && scoresOf(m, product);
    if (found) return { ...found, scale: found.scale * factor, softcap: cap.factor, nodes: [...found.nodes, ...nodes] };
    const node = m.producer(x, 'Mul', 'Div');
    const scaled = m.scaled(node);
    if (!node || !scaled || !m.sameShape(scaled.x, x)) return undefined;
    nodes.unshift(node);
    [x, reader, factor] = [scaled.x, node, factor * scaled.factor];
  }
  return undefined;
}

/** Scores [N · W, H, T, S] that were apart as [N, W, H, T, S] while a mask of the windows was added. */
function scoresOfWindows(m: Matcher, joined: Node, depth: number): Scores | undefined {
  const added = m.onlyConsumer(joined.inputs[0]!) === joined ? m.producer(joined.inputs[0]!, 'Add') : undefined;
  const shape = added && m.graph.shape(added.outputs[0]!);
  if (!added || shape?.length !== 5) return undefined;
  for (const inner of added.inputs) {
    const apart = m.producer(inner);
    const windows = m.other(added, inner);
    const scores = apart && traitsOf(apart).view ? apart.inputs[0]! : undefined;
    if (!scores || windows === inner || !m.sameShape(scores, joined.outputs[0]!)) continue;
    if (!sameShape(m.graph.shape(inner), shape) || !sameShape(shape.slice(2), m.graph.shape(scores).slice(1))) continue;
    if (m.onlyConsumer(inner) !== added || m.onlyConsumer(scores) !== apart) continue;
    const found = findScores(m, scores, depth - 1);
    if (!found) continue;
    const nodes = [...found.nodes, apart!, added, joined];
    return { ...found, biases: [...found.biases, { windows, shape }], nodes };
  }
  return undefined;
}

/** Scores plus so low a number are that number, but for scores that are as large themselves. */
const low = -1e30;

function biasBeside(m: Matcher, node: Node, scores: Value): Bias | undefined {
  if (node.inputs.filter((x) => x === scores).length !== 1) return undefined;
  if (node.op === 'Add') return unexpanded(m, m.other(node, scores));
  const [condition, x, y] = node.inputs as [Value, Value, Value];
  const number = m.number(x === scores ? y : x);
  if (condition === scores || number === undefined || number > low) return undefined;
  return [unexpanded(m, condition), x === scores ? '' : x, y === scores ? '' : y];
}

/** The fused operator broadcasts its bias. */
export function unexpanded(m: Matcher, value: Value): Value {
  const node = m.producer(value, 'Expand');
  return node && m.graph.shape(node.inputs[0]!).length <= 4 ? node.inputs[0]! : value;
}

function scoresOf(m: Matcher, product: Node): Scores | undefined {
  if (!isPlain(product)) return undefined;
  const q = splitValue(m, product.inputs[0]!, attrInt(product, 'transA', 0) !== 0, '0,2,1,3');
  const k = splitValue(m, product.inputs[1]!, attrInt(product, 'transB', 0) !== 0, '0,2,3,1');
  if (!q || !k) return undefined;
  const [[batch, , heads, size], [keyBatch, , keyHeads, keySize]] = [shapeOf(q), shapeOf(k)];
  if (q.times !== 1 || batch !== keyBatch || size !== keySize || heads !== keyHeads * k.times) return undefined;
  const scale = attrFloat(product, 'alpha', 1) * q.factor * k.factor;
  return { q, k, scale, softcap: 0, biases: [], nodes: [product] };
}

export const isPlain = (product: Node): boolean =>
  !attrInt(product, 'transBatchA', 0) && !attrInt(product, 'transBatchB', 0) && product.inputs.length === 2;

/** A softmax over keys, from the scores to the weights of the values. */
export interface Weights {
  scores: Value;
  weights: Value;
  /** One score for each head, [H] in any shape. */
  sink?: Value | Tensor;
  nodes: Node[];
}

/** The softmax, less a maximum that is taken off before, and less the column of a sink. */
export function weightsOf(m: Matcher, softmax: Node): Weights | undefined {
  const [weights] = softmax.outputs as [Value];
  const [shifted] = softmax.inputs as [Value];
  if (m.onlyConsumer(shifted) !== softmax) return undefined;
  const { scores, nodes } = unshifted(m, shifted);
  const both = m.producer(scores, 'Concat');
  if (!both) return { scores, weights, nodes: [...nodes, softmax] };
  const cut = m.onlyConsumer(weights, 'Slice');
  const sink = sinkBeside(m, both);
  if (!sink || !cut || !cutsSink(m, cut) || m.onlyConsumer(both.inputs[0]!) !== both) return undefined;
  return { scores: both.inputs[0]!, weights: cut.outputs[0]!, sink, nodes: [both, ...nodes, softmax, cut] };
}

/** x, of x less its maximum along the last axis. */
function unshifted(m: Matcher, value: Value): { scores: Value; nodes: Node[] } {
  const node = m.producer(value, 'Sub');
  const [scores, top] = node?.inputs ?? [];
  const largest = m.producer(top, 'ReduceMax');
  const axes = largest && m.graph.initializers.get(largest.inputs[1] ?? '')?.numbers();
  const isOfRows =
    largest?.inputs[0] === scores &&
    axes?.length === 1 &&
    axisOf(axes[0]!, 4) === 3 &&
    m.graph.shape(top!).length === 4 &&
    m.consumers(scores!).length === 2 &&
    !m.graph.outputs.some(({ name }) => name === scores) &&
    m.onlyConsumer(top!) === node;
  return node && largest && isOfRows ? { scores: scores!, nodes: [largest, node] } : { scores: value, nodes: [] };
}

/** Scores [B, H, T, S] and one column of a number for each head. */
function sinkBeside(m: Matcher, both: Node): Value | Tensor | undefined {
  if (both.inputs.length !== 2 || axisOf(attrInt(both, 'axis', 0), 4) !== 3) return undefined;
  const [scores, column] = both.inputs as [Value, Value];
  const [, heads, length] = m.graph.shape(scores) as [number, number, number];
  const sink = unexpanded(m, column);
  const shape = m.graph.shape(sink);
  const isOfHeads = elementCount(shape) === heads && shape.at(-3) === heads && m.graph.shape(column).at(-1) === 1;
  if (isOfHeads) return sink;
  const folded = m.graph.initializers.get(column);
  const values = folded?.numbers();
  const ofHead = (i: number): number => Math.floor(i / length) % heads;
  if (!values || values.some((v, i) => v !== values[ofHead(i) * length])) return undefined;
  return Tensor.of(
    folded!.dtype,
    indices(heads).map((head) => values[head * length]!),
  );
}

/** All but the last column. */
function cutsSink(m: Matcher, cut: Node): boolean {
  const [starts, , axes, steps] = cut.inputs.slice(1).map((x) => m.graph.initializers.get(x)?.numbers());
  const columns = m.graph.shape(cut.inputs[0]!).at(-1)! - 1;
  const isLast = axes?.length === 1 && axisOf(axes[0]!, 4) === 3 && starts?.[0] === 0;
  return isLast && (!cut.inputs[4] || steps?.[0] === 1) && m.graph.shape(cut.outputs[0]!).at(-1) === columns;
}
