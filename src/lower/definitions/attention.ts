// What ortune.Attention and its gradient mean, in standard operators: softmax(scale · q·kᵀ + bias), dropout, times v,
// for every head of [B, T, C] values whose channels are the heads side by side; k and v may have fewer heads, each of
// which serves as many neighbours (`kv_heads`). Scores may be capped before the biases, of which one may be trained,
// and a sink may take its share of each row. The kernels keep a block of the scores in cache; this writes all of them
// out.

import type { Builder } from '../../onnx/builder.js';
import { add, exp, expand, max, mul, sub, sum, tanh, transpose, transposeMatrix, view } from '../../onnx/formulas.js';
import { attrFloat, attrInt, type Node, type Value } from '../../onnx/graph.js';
import type { Definition } from '../form.js';
import { dropoutFactor } from './forward.js';

const matmul = (b: Builder, x: Value, y: Value): Value => b.op('MatMul', [x, y]);

/** [B, T, H·d] → [B, H, T, d] */
function split(b: Builder, x: Value, heads: number): Value {
  const [batch, length, channels] = b.shape(x) as [number, number, number];
  return transpose(b, view(b, x, [batch, length, heads, channels / heads]), [0, 2, 1, 3]);
}

const headsOf = (node: Node): number => attrInt(node, 'heads', 1);
const keyHeadsOf = (node: Node): number => attrInt(node, 'kv_heads', headsOf(node));

const splitQueries = (b: Builder, node: Node, x: Value): Value => split(b, x, headsOf(node));

/** [B, S, K·d] → [B, H, S, d], each head as often as it serves. */
function splitKeys(b: Builder, node: Node, x: Value): Value {
  const y = split(b, x, keyHeadsOf(node));
  const [batch, heads, length, size] = b.shape(y) as [number, number, number, number];
  const times = headsOf(node) / heads;
  if (times === 1) return y;
  const repeated = expand(b, view(b, y, [batch, heads, 1, length, size]), [batch, heads, times, length, size]);
  return view(b, repeated, [batch, heads * times, length, size]);
}

/** Its transpose: the sum over the heads that a head serves. */
function joinKeys(b: Builder, node: Node, x: Value): Value {
  const [batch, all, length, size] = b.shape(x) as [number, number, number, number];
  const heads = keyHeadsOf(node);
  if (heads === all) return join(b, x);
  return join(b, sum(b, view(b, x, [batch, heads, all / heads, length, size]), [2], false));
}

/** [B, H, T, d] → [B, T, H·d] */
function join(b: Builder, x: Value): Value {
  const [batch, heads, length, size] = b.shape(x) as [number, number, number, number];
  return view(b, transpose(b, x, [0, 2, 1, 3]), [batch, length, heads * size]);
}

/** u = scale · q·kᵀ, or softcap · tanh(u / softcap), [B, H, T, S], and the slope of that. */
function cappedScores(b: Builder, node: Node, q: Value, k: Value): { scores: Value; slope?: Value } {
  const product = matmul(b, q, transposeMatrix(b, k));
  const [scale, softcap] = [attrFloat(node, 'scale', 1), attrFloat(node, 'softcap', 0)];
  if (softcap === 0) return { scores: mul(b, product, scale) };
  const bent = tanh(b, mul(b, product, scale / softcap));
  return { scores: mul(b, bent, softcap), slope: sub(b, 1, mul(b, bent, bent)) };
}

/** Each bias that there is, added. */
const biased = (b: Builder, scores: Value, ...biases: (Value | undefined)[]): Value =>
  biases.reduce<Value>((all, bias) => (bias ? add(b, all, bias) : all), scores);

/** The sinks of the heads, beside scores [B, H, T, S]. */
const sinkColumn = (b: Builder, sink: Value): Value => view(b, sink, [1, ...b.shape(sink), 1, 1]);

/** With s the biased scores, m their row maximum and r = 1 / Σ exp(s − m): y = dropout(exp(s − m) · r) · v. */
const forward: Definition = (b, node) => {
  const [q, k, v, bias, key, learned, sink] = node.inputs as [Value, Value, Value, Value?, Value?, Value?, Value?];
  const { scores: raw } = cappedScores(b, node, splitQueries(b, node, q), splitKeys(b, node, k));
  const scores = biased(b, raw, bias, learned);
  const largest = max(b, scores, [-1]);
  const top = sink ? b.op('Max', [largest, sinkColumn(b, sink)]) : largest;
  const e = exp(b, sub(b, scores, top));
  const total = sum(b, e, [-1]);
  const r = b.op('Reciprocal', [sink ? add(b, total, exp(b, sub(b, sinkColumn(b, sink), top))) : total]);
  const p = mul(b, e, r);
  const dropped = key ? mul(b, p, dropoutFactor(b, node, key, b.type(p))) : p;
  const y = join(b, matmul(b, dropped, splitKeys(b, node, v)));
  return [y, node.outputs[1] ? b.op('Concat', [top, r], { axis: 3 }) : ''];
};

/**
 * With P = exp(s − m) · r recomputed from the statistics, M the dropout factor and D = Σ dy·y per head and query:
 * dv = (P∘M)ᵀ·dy, dS = P∘((dy·vᵀ)∘M − D), which is the learned bias's, and with the scale and the slope of the cap
 * dq = dS·k and dk = dSᵀ·q.
 */
const gradient: Definition = (b, node) => {
  const [dy, q, k, v, bias, key, y, stats, learned] = node.inputs as [
    ...[Value, Value, Value, Value, Value, Value, Value, Value],
    Value?,
  ];
  const [wantsQ, wantsK, wantsV, wantsLearned] = [0, 1, 2, 3].map((i) => !!node.outputs[i]);
  const [dyHeads, qHeads] = [dy, q].map((x) => splitQueries(b, node, x)) as [Value, Value];
  const kHeads = splitKeys(b, node, k);
  const [top, r] = b.ops('Split', [stats], { axis: 3, num_outputs: 2 }, { outputs: 2 }) as [Value, Value];
  const { scores, slope } = cappedScores(b, node, qHeads, kHeads);
  const p = mul(b, exp(b, sub(b, biased(b, scores, bias, learned), top)), r);
  const factor = key && dropoutFactor(b, node, key, b.type(p));
  const dropped = (x: Value) => (factor ? mul(b, x, factor) : x);
  const dv = wantsV ? joinKeys(b, node, matmul(b, transposeMatrix(b, dropped(p)), dyHeads)) : '';
  if (!wantsQ && !wantsK && !wantsLearned) return ['', '', dv, ''];
  const dp = dropped(matmul(b, dyHeads, transposeMatrix(b, splitKeys(b, node, v))));
  const along = sum(b, mul(b, dyHeads, splitQueries(b, node, y)), [-1]);
  const dBiased = mul(b, p, sub(b, dp, along));
  const dScores = mul(b, slope ? mul(b, dBiased, slope) : dBiased, attrFloat(node, 'scale', 1));
  const dq = wantsQ ? join(b, matmul(b, dScores, kHeads)) : '';
  const dk = wantsK ? joinKeys(b, node, matmul(b, transposeMatrix(b, dScores), qHeads)) : '';
  const ofAll = learned && b.shape(learned)[0] === 1;
  return [dq, dk, dv, wantsLearned ? (ofAll ? sum(b, dBiased, [0]) : dBiased) : ''];
};

export const attention: Readonly<Record<string, Definition>> = {
  'ortune.Attention': forward,
  'ortune.AttentionGrad': gradient,
};
