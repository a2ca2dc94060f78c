// What ortune.Attention and its gradient mean, in standard operators: softmax(scale · q·kᵀ + bias), dropout, times v,
// for every head of [B, T, C] values whose channels are the heads side by side; k and v may have fewer heads, each of
// which serves as many neighbours (`kv_heads`). The kernels keep a block of the scores
// in cache; this writes all of them out.

import type { Builder } from '../../onnx/builder.js';
import { add, exp, expand, max, mul, sub, sum, transpose, transposeMatrix, view } from '../../onnx/formulas.js';
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

/** scale · q·kᵀ + bias, [B, H, T, S] */
function biasedScores(b: Builder, node: Node, q: Value, k: Value, bias: Value | undefined): Value {
  const scores = mul(b, matmul(b, q, transposeMatrix(b, k)), attrFloat(node, 'scale', 1));
  return bias ? add(b, scores, bias) : scores;
}

/** With s the biased scores, m their row maximum and r = 1 / Σ exp(s − m): y = dropout(exp(s − m) · r) · v. */
const forward: Definition = (b, node) => {
  const [q, k, v, bias, key] = node.inputs as [Value, Value, Value, Value?, Value?];
  const scores = biasedScores(b, node, splitQueries(b, node, q), splitKeys(b, node, k), bias);
  const top = max(b, scores, [-1]);
  const e = exp(b, sub(b, scores, top));
  const r = b.op('Reciprocal', [sum(b, e, [-1])]);
  const p = mul(b, e, r);
  const dropped = key ? mul(b, p, dropoutFactor(b, node, key, b.type(p))) : p;
  const y = join(b, matmul(b, dropped, splitKeys(b, node, v)));
  return [y, node.outputs[1] ? b.op('Concat', [top, r], { axis: 3 }) : ''];
};

/**
 * With P = exp(s − m) · r recomputed from the statistics, M the dropout factor and D = Σ dy·y per head and query:
 * dv = (P∘M)ᵀ·dy, dS = scale · P∘((dy·vᵀ)∘M − D), dq = dS·k and dk = dSᵀ·q.
 */
const gradient: Definition = (b, node) => {
  const [dy, q, k, v, bias, key, y, stats] = node.inputs as [Value, Value, Value, Value, Value, Value, Value, Value];
  const [wantsQ, wantsK, wantsV] = [0, 1, 2].map((i) => !!node.outputs[i]);
  const [dyHeads, qHeads] = [dy, q].map((x) => splitQueries(b, node, x)) as [Value, Value];
  const kHeads = splitKeys(b, node, k);
  const [top, r] = b.ops('Split', [stats], { axis: 3, num_outputs: 2 }, { outputs: 2 }) as [Value, Value];
  const p = mul(b, exp(b, sub(b, biasedScores(b, node, qHeads, kHeads, bias), top)), r);
  const factor = key && dropoutFactor(b, node, key, b.type(p));
  const dropped = (x: Value) => (factor ? mul(b, x, factor) : x);
  const dv = wantsV ? joinKeys(b, node, matmul(b, transposeMatrix(b, dropped(p)), dyHeads)) : '';
  if (!wantsQ && !wantsK) return ['', '', dv];
  const dp = dropped(matmul(b, dyHeads, transposeMatrix(b, splitKeys(b, node, v))));
  const along = sum(b, mul(b, dyHeads, splitQueries(b, node, y)), [-1]);
  const ds = mul(b, mul(b, p, sub(b, dp, along)), attrFloat(node, 'scale', 1));
  const dq = wantsQ ? join(b, matmul(b, ds, kHeads)) : '';
  return [dq, wantsK ? joinKeys(b, node, matmul(b, transposeMatrix(b, ds), qHeads)) : '', dv];
};

export const attention: Readonly<Record<string, Definition>> = {
  'ortune.Attention': forward,
  'ortune.AttentionGrad': gradient,
};
