// Samples that share rows without seeing each other: in every attention a score between tokens of two samples is put
// at the lowest number before the softmax, which makes its share 0 and its gradient too. Whatever else of a mask there
// is stays: causal ones, windows, padding. That holds where attention is all that tokens have to do with each other and
// their places come from `position_ids`, which is proven for the graph before a run, not assumed.

import { ModelError } from '../../errors.js';
import type { Builder } from '../../onnx/builder.js';
import { lowest } from '../../onnx/defined/attend.js';
import { equal, forgetViews, view, where } from '../../onnx/formulas.js';
import { attrInt, type Graph, type Node, operatorKey, type Value } from '../../onnx/graph.js';
import { Matcher } from '../../onnx/restore/match.js';
import { taskInput } from '../inputs.js';
import { sampleField } from './encode.js';

/**
 * Masks every attention of a static graph of rows of `length` tokens, in place.
 * @returns the input that says which sample of its row each token is of, int64 [B, T]
 */
export function keepApart(b: Builder, [batch, length]: readonly [number, number]): Value {
  const { graph } = b;
  const found = attentions(graph, length);
  forgetViews(b);
  const nodes = graph.nodes;
  graph.nodes = [];
  const samples = taskInput(b, sampleField.name, 'int64', [batch, length]);
  const same = equal(b, view(b, samples, [batch, 1, length, 1]), view(b, samples, [batch, 1, 1, length]));
  const masked = new Map<Value, Value>();
  for (const node of nodes) {
    const scores = found.get(node);
    if (scores !== undefined) {
      const kept = masked.get(scores) ?? where(b, same, scores, lowest);
      masked.set(scores, kept);
      node.inputs = node.inputs.map((x) => (x === scores ? kept : x));
    }
    graph.nodes.push(node);
  }
  return samples;
}

/**
 * The nodes where scores [B, H, T, T] of every token for every other go into their softmax, and the scores: the
 * softmax, or what sets further scores beside them that no token has.
 */
export function attentions(graph: Graph, length: number): Map<Node, Value> {
  const m = new Matcher(graph);
  const found = new Map<Node, Value>();
  const areScores = (value: Value): boolean => {
    const shape = graph.shape(value);
    return shape.length === 4 && shape[2] === length && shape[3] === length;
  };
  for (const node of graph.nodes) {
    if (node.op !== 'Softmax' || node.domain !== '' || ![-1, 3].includes(attrInt(node, 'axis', -1))) continue;
    const scores = node.inputs[0]!;
    const beside = m.producer(scores, 'Concat');
    if (areScores(scores)) found.set(node, scores);
    else if (beside && areScores(beside.inputs[0]!) && m.onlyConsumer(scores) === node)
      found.set(beside, beside.inputs[0]!);
  }
  return found;
}

export const cannotShare = (node: Node, why: string): ModelError =>
  new ModelError(
    `packing samples: node ${node.name} (${operatorKey(node)}) ${why}, so samples in one row would not be as they are alone. ` +
      'Set packing none, or blocks for running text',
  );
