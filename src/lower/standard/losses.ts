// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss, as exports with their loss inside have them: −w·log p of the
// target's class, none for the ignored class, and the mean is over the weights. Scores [N, C, …], targets [N, …].

import type { Builder } from '../../onnx/builder.js';
import { cast, div, equal, indices, mul, neg, sum, view, where } from '../../onnx/formulas.js';
import { attrInt, attrString, type Node, type Value } from '../../onnx/graph.js';
import type { Definition } from '../form.js';

/** Per target: its class, 0 for an ignored one, and how much it counts; undefined: all the same. */
function targetsOf(b: Builder, node: Node, target: Value, weight: Value | undefined, scores: Value) {
  const { dtype } = b.type(scores);
  if (!node.attrs.has('ignore_index'))
    return { classes: target, counts: weight && b.op('Gather', [weight, target], { axis: 0 }) };
  const ignored = equal(b, target, attrInt(node, 'ignore_index', 0));
  const classes = where(b, ignored, 0, target);
  const counts = weight
    ? where(b, ignored, 0, b.op('Gather', [weight, classes], { axis: 0 }))
    : cast(b, b.op('Not', [ignored]), dtype);
  return { classes, counts };
}

/** −Σ of the log probabilities of the targets, reduced as the node says. */
function likelihood(b: Builder, node: Node, logs: Value, target: Value, weight: Value | undefined): Value {
  const { classes, counts } = targetsOf(b, node, target, weight, logs);
  const shape = b.shape(target);
  const column = view(b, classes, [shape[0]!, 1, ...shape.slice(1)]);
  const each = neg(b, view(b, b.op('GatherElements', [logs, column], { axis: 1 }), shape));
  const losses = counts ? mul(b, each, counts) : each;
  const reduction = attrString(node, 'reduction', 'mean');
  if (reduction === 'none') return losses;
  const all = indices(shape.length);
  if (reduction === 'sum') return sum(b, losses, all, false);
  return counts
    ? div(b, sum(b, losses, all, false), sum(b, counts, all, false))
    : b.op('ReduceMean', [losses, b.ints(all)], { keepdims: 0 });
}

const negativeLogLikelihood: Definition = (b, node) => {
  const [logs, target, weight] = node.inputs as [Value, Value, Value?];
  return [likelihood(b, node, logs, target, weight || undefined)];
};

const softmaxCrossEntropy: Definition = (b, node) => {
  const [scores, target, weight] = node.inputs as [Value, Value, Value?];
  const logs = b.op('LogSoftmax', [scores], { axis: 1 });
  return [likelihood(b, node, logs, target, weight || undefined), node.outputs[1] ? logs : ''];
};

export const losses = {
  NegativeLogLikelihoodLoss: negativeLogLikelihood,
  SoftmaxCrossEntropyLoss: softmaxCrossEntropy,
} as const satisfies Record<string, Definition>;
