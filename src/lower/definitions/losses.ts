// What ortune.CrossEntropy and its gradient mean, in standard operators. The loss is PyTorch's cross_entropy before
// its division: the caller divides by what it accumulates over.

import type { Builder } from '../../onnx/builder.js';
import { add, cast, equal, exp, log, max, mul, sub, sum, view, where } from '../../onnx/formulas.js';
import { attrFloat, attrInt, type Node, type Value } from '../../onnx/graph.js';
import { Tensor } from '../../onnx/tensor.js';
import type { Definition } from '../form.js';

/** Per sample: the hit class as one-hot rows [N, C], and how much it counts [N, 1] (0 where the label is ignored). */
interface Targets {
  hot: Value;
  sample: Value;
  /** weight of the label's class, [N, 1], and weights of all classes, [1, C]; undefined: all 1 */
  own: Value | undefined;
  all: Value | undefined;
}

function targets(b: Builder, node: Node, logits: Value, inputs: readonly (Value | undefined)[]): Targets {
  const [labels, sampleWeights, classWeights] = inputs as [Value, Value | undefined, Value | undefined];
  const { dtype, shape } = b.type(logits);
  const [n, c] = shape as [number, number];
  const column = view(b, labels, [n, 1]);
  const classes = b.constant(
    Tensor.of(
      'int64',
      Array.from({ length: c }, (_, i) => i),
      [1, c],
    ),
    'classes',
  );
  const ignored = equal(b, column, b.scalar('int64', attrInt(node, 'ignore_index', -100)));
  const hot = where(b, ignored, 0, cast(b, equal(b, column, classes), dtype));
  const ones = cast(b, b.op('Not', [ignored]), dtype);
  const sample = sampleWeights ? mul(b, ones, view(b, sampleWeights, [n, 1])) : ones;
  const all = classWeights ? view(b, classWeights, [1, c]) : undefined;
  return { hot, sample, own: all && sum(b, mul(b, hot, all), [1]), all };
}

/**
 * lse = ln Σ exp(x), and the sum over samples of
 * sample · ((1 − s)·own·(lse − x[label]) + s/C · Σ_c all[c]·(lse − x[c])), with label smoothing s.
 */
const crossEntropy: Definition = (b, node) => {
  const [logits, ...rest] = node.inputs as [Value, ...Value[]];
  const [n, c] = b.shape(logits) as [number, number];
  const t = targets(b, node, logits, rest);
  const smoothing = attrFloat(node, 'label_smoothing', 0);
  const top = max(b, logits, [1]);
  const lse = add(b, top, log(b, sum(b, exp(b, sub(b, logits, top)), [1])));
  const costs = sub(b, lse, logits);
  const hit = sum(b, mul(b, t.hot, costs), [1]);
  let cost = t.own ? mul(b, hit, t.own) : hit;
  if (smoothing > 0) {
    const others = sum(b, t.all ? mul(b, costs, t.all) : costs, [1]);
    cost = add(b, mul(b, cost, 1 - smoothing), mul(b, others, smoothing / c));
  }
  return [sum(b, mul(b, cost, t.sample), [0, 1], false), view(b, lse, [n])];
};

/**
 * With p = exp(x − lse): dlogits = dloss · sample · (p·((1 − s)·own + s/C·Σ all) − (1 − s)·own·hot − s/C·all).
 * A row whose label is ignored is 0.
 */
const crossEntropyGrad: Definition = (b, node) => {
  const [dloss, logits, lse, ...rest] = node.inputs as [Value, Value, Value, ...Value[]];
  const [n, c] = b.shape(logits) as [number, number];
  const t = targets(b, node, logits, rest);
  const smoothing = attrFloat(node, 'label_smoothing', 0);
  const p = exp(b, sub(b, logits, view(b, lse, [n, 1])));
  const scaled = (value: Value, by: number) => (by === 1 ? value : mul(b, value, by));
  const own = t.own && scaled(t.own, 1 - smoothing);
  let slope = own ? mul(b, own, sub(b, p, t.hot)) : scaled(sub(b, p, t.hot), 1 - smoothing);
  if (smoothing > 0) {
    const spread = t.all ? sub(b, mul(b, p, sum(b, t.all, [1])), t.all) : sub(b, mul(b, p, c), 1);
    slope = add(b, slope, mul(b, spread, smoothing / c));
  }
  return [mul(b, slope, mul(b, t.sample, dloss))];
};

export const losses: Readonly<Record<string, Definition>> = {
  'ortune.CrossEntropy': crossEntropy,
  'ortune.CrossEntropyGrad': crossEntropyGrad,
};
