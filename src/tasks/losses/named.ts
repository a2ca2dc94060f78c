// Losses between an output of a graph and a target, one row a name: as nodes of the training graph, and as a number for
// figures. Each is a loss per sample: the mean over all axes but the first. Definitions and defaults are PyTorch's.

import { ratio } from '../../metrics/classification.js';
import type { Builder } from '../../onnx/builder.js';
import type { Value } from '../../onnx/graph.js';
import { elementCount } from '../../onnx/tensor.js';
import type { TensorView } from '../../runtime/session.js';

export interface TensorLoss {
  /** Type of the target's numbers. */
  target: 'float32' | 'int64';
  /** Loss of each sample [B] of an output y and a target t. */
  build(b: Builder, y: Value, t: Value): Value;
  /** Sum over one sample's elements; `count`: how many terms it is of. */
  sum(y: ArrayLike<number>, t: ArrayLike<number | bigint>, shape: readonly number[]): { sum: number; count: number };
  /** What is measured beside the loss. */
  figures: 'errors' | 'classes' | 'labels' | 'none';
}

const axesBehind = (b: Builder, x: Value): number[] =>
  b
    .shape(x)
    .map((_, axis) => axis)
    .slice(1);

/** Mean of each sample over all other axes: [B]. */
const perSample = (b: Builder, x: Value): Value =>
  b.shape(x).length === 1 ? x : b.op('ReduceMean', [x, b.ints(axesBehind(b, x))], { keepdims: 0 });

const scaled = (b: Builder, x: Value, by: number): Value => b.op('Mul', [x, b.scalar('float32', by)]);

/** A row of elementwise losses. */
const elementwise = (
  build: (b: Builder, y: Value, t: Value) => Value,
  of: (y: number, t: number) => number,
  figures: TensorLoss['figures'] = 'errors',
): TensorLoss => ({
  target: 'float32',
  build: (b, y, t) => perSample(b, build(b, y, t)),
  sum: (y, t) => {
    let sum = 0;
    for (let i = 0; i < y.length; i++) sum += of(y[i]!, Number(t[i]));
    return { sum, count: y.length };
  },
  figures,
});

export const tensorLosses = {
  mse: elementwise(
    (b, y, t) => {
      const d = b.op('Sub', [y, t]);
      return b.op('Mul', [d, d]);
    },
    (y, t) => (y - t) ** 2,
  ),
  mae: elementwise(
    (b, y, t) => b.op('Abs', [b.op('Sub', [y, t])]),
    (y, t) => Math.abs(y - t),
  ),
  /** Half the square up to 1, the absolute error less one half beyond. */
  huber: elementwise(
    (b, y, t) => {
      const size = b.op('Abs', [b.op('Sub', [y, t])]);
      const near = b.op('Min', [size, b.scalar('float32', 1)]);
      // near · (size − near / 2): both branches in one, with the slope of each.
      return b.op('Mul', [near, b.op('Sub', [size, scaled(b, near, 0.5)])]);
    },
    (y, t) => (Math.abs(y - t) < 1 ? 0.5 * (y - t) ** 2 : Math.abs(y - t) - 0.5),
  ),
  'binary-cross-entropy': elementwise(
    (b, y, t) => b.op('Sub', [b.op('Softplus', [y]), b.op('Mul', [t, y])]),
    (y, t) => Math.max(y, 0) - y * t + Math.log1p(Math.exp(-Math.abs(y))),
    'labels',
  ),
  /** Of log-probabilities y and probabilities t: Σ t · (ln t − y) over each sample, as kl_div with batchmean. */
  'kl-divergence': {
    target: 'float32',
    build: (b, y, t) => {
      const safe = b.op('Max', [t, b.scalar('float32', 1e-37)]);
      const terms = b.op('Mul', [t, b.op('Sub', [b.op('Log', [safe]), y])]);
      return b.op('ReduceSum', [terms, b.ints(axesBehind(b, y))], { keepdims: 0 });
    },
    sum: (y, t) => {
      let sum = 0;
      for (let i = 0; i < y.length; i++) {
        const p = Number(t[i]);
        if (p > 0) sum += p * (Math.log(p) - y[i]!);
      }
      return { sum, count: 1 };
    },
    figures: 'none',
  },
  /** 1 − the cosine of the angle between a sample's output and its target, both as one vector. */
  cosine: {
    target: 'float32',
    build: (b, y, t) => {
      const dot = (p: Value, q: Value): Value =>
        b.op('ReduceSum', [b.op('Mul', [p, q]), b.ints(axesBehind(b, y))], { keepdims: 0 });
      const norms = b.op('Sqrt', [b.op('Max', [b.op('Mul', [dot(y, y), dot(t, t)]), b.scalar('float32', 1e-16)])]);
      return b.op('Sub', [b.scalar('float32', 1), b.op('Div', [dot(y, t), norms])]);
    },
    sum: (y, t) => {
      let [yt, yy, tt] = [0, 0, 0];
      for (let i = 0; i < y.length; i++) {
        const target = Number(t[i]);
        yt += y[i]! * target;
        yy += y[i]! ** 2;
        tt += target ** 2;
      }
      return { sum: 1 - yt / Math.sqrt(Math.max(yy * tt, 1e-16)), count: 1 };
    },
    figures: 'none',
  },
  /** Logits [B, C, …] and a class for each place [B, …]; −100 is no class and has no loss. */
  'cross-entropy': {
    target: 'int64',
    build: (b, y, t) => {
      const [batch, classes, ...places] = b.shape(y) as [number, number, ...number[]];
      const last = [0, ...places.map((_, i) => i + 2), 1];
      const moved = places.length > 0 ? b.op('Transpose', [y], { perm: { kind: 'ints', value: last } }) : y;
      const rows = b.op('Reshape', [moved, b.ints([batch * elementCount(places), classes])]);
      const labels = b.op('Reshape', [t, b.ints([batch * elementCount(places)])]);
      const at = b.op('Max', [labels, b.scalar('int64', 0)]);
      const likelihood = b.op('LogSoftmax', [rows], { axis: 1 });
      const own = b.op('GatherElements', [likelihood, b.op('Unsqueeze', [at, b.ints([1])])], { axis: 1 });
      const counted = b.op('Cast', [b.op('Not', [b.op('Less', [labels, b.scalar('int64', 0)])])], { to: 1 });
      const lost = b.op('Mul', [
        b.op('Neg', [b.op('Reshape', [own, b.ints([batch * elementCount(places)])])]),
        counted,
      ]);
      return perSample(b, b.op('Reshape', [lost, b.ints([batch, elementCount(places)])]));
    },
    sum: (y, t, [classes = 1]) => {
      const places = y.length / classes;
      let sum = 0;
      for (let i = 0; i < places; i++) {
        const label = Number(t[i]);
        if (label < 0) continue;
        let top = Number.NEGATIVE_INFINITY;
        for (let c = 0; c < classes; c++) top = Math.max(top, y[c * places + i]!);
        let total = 0;
        for (let c = 0; c < classes; c++) total += Math.exp(y[c * places + i]! - top);
        sum += Math.log(total) + top - y[label * places + i]!;
      }
      return { sum, count: places };
    },
    figures: 'classes',
  },
} as const satisfies Record<string, TensorLoss>;

export type TensorLossName = keyof typeof tensorLosses;
export const tensorLossNames = Object.keys(tensorLosses) as [TensorLossName, ...TensorLossName[]];

/** The loss of each sample of an output, by a row of the table. */
export function lossesOf(name: TensorLossName, output: TensorView, target: TensorView): Float32Array {
  const { sum } = tensorLosses[name];
  return Float32Array.from({ length: output.shape[0]! }, (_, row) => {
    const total = sum(rowOf(output, row) as Float32Array, rowOf(target, row), output.shape.slice(1));
    return ratio(total.sum, total.count);
  });
}

/** Elements of one sample; a view. */
export function rowOf({ data, shape }: TensorView, row: number): ArrayLike<number | bigint> {
  const size = elementCount(shape.slice(1));
  return (data as Float32Array).subarray(row * size, (row + 1) * size);
}

/** Σ w · loss over samples, of losses [B] or one number for all, and weights [B]. */
export function weighted(b: Builder, losses: Value, weights: Value): Value {
  if (b.shape(losses).length > 0)
    return b.op('ReduceSum', [b.op('Mul', [losses, weights])], { keepdims: 0 }, { name: 'loss' });
  return b.op('Mul', [losses, b.op('ReduceSum', [weights], { keepdims: 0 })], {}, { name: 'loss' });
}
