// One step of an optimizer as a graph of standard operators over a buffer for each tensor: the global norm, clipping to
// it, the optimizer's own step, and the new values in the place of the old. A step that is not good changes nothing but
// the scale of the loss. What differs from step to step comes as numbers; what counts the steps lies on the device, so
// that no step waits for what became of the one before. The formulas, and their order, are those of native/optim.

import { Builder } from '../onnx/builder.js';
import { encodeGraph } from '../onnx/encode.js';
import { add, cast, div, equal, indices, less, mul, not, sqrt, sum, view, where } from '../onnx/formulas.js';
import { Graph, type Value } from '../onnx/graph.js';
import { elementCount, Tensor } from '../onnx/tensor.js';
import { lossScale } from './loss-scale.js';
import { sign } from './rules/rule.js';
import { type OptimizerOptions, ruleOf } from './rules.js';

/** A tensor that the update changes, and which range's options are its. */
export interface Updated {
  name: string;
  shape: readonly number[];
  range: number;
}

export interface UpdateGraphOptions {
  optimizer: OptimizerOptions;
  updated: readonly Updated[];
  ranges: number;
  /** Whether a range has an L1 penalty. */
  l1: boolean;
  /** Whether there is a loss, and a flag for what is beside: both have to be finite. */
  loss: boolean;
  beside: boolean;
  scaled: boolean;
  /** Rows of the history. */
  rows: number;
}

/** Columns of the history, which has a row per step. */
export const historyColumns = ['loss', 'norm', 'good', 'scale', 'goodSteps'] as const;

/** Above every finite gradient norm that is of use: a larger one counts as not finite. */
const largest = 3.4e38;

/** Names of the numbers fed at every step, float32 []; `row`, int32 [], is where in the history it goes. */
export const numbersOf = (ranges: number, l1: boolean): string[] => [
  ...indices(ranges).flatMap((r) => [`rate${r}`, `decay${r}`, ...(l1 ? [`l1/${r}`] : [])]),
  'maxNorm',
];

/**
 * Inputs: the numbers; p, g and the parts of the state of each tensor; loss [], besideFinite [1]; the counters; history
 * [rows, columns]. Outputs, to be bound to the same buffers: `name`/new of what changes, and good [1].
 */
export function updateGraph({
  optimizer,
  updated,
  ranges,
  l1,
  loss,
  beside,
  scaled,
  rows,
}: UpdateGraphOptions): Uint8Array {
  const graph = new Graph();
  const b = new Builder(graph);
  const input = (name: string, shape: readonly number[]): Value => b.input(name, 'float32', shape);
  const rule = ruleOf(optimizer.name);
  for (const name of numbersOf(ranges, l1)) input(name, []);
  b.input('row', 'int32', []);
  for (const [i, { shape }] of updated.entries())
    for (const part of ['p', 'g', ...rule.states]) input(`${part}${i}`, shape);
  for (const name of countersOf(optimizer, scaled)) input(name, []);
  const history = input('history', [rows, historyColumns.length]);
  const gradients = updated.map(({ range }, i) =>
    l1 ? add(b, `g${i}`, mul(b, sign(b, `p${i}`), `l1/${range}`)) : `g${i}`,
  );
  const norm = sqrt(
    b,
    gradients.map((g) => squares(b, g)).reduce((x, y) => add(b, x, y)),
  );
  // A comparison with what is no number does not hold.
  const conditions = [less(b, norm, largest)];
  if (loss) conditions.push(less(b, b.op('Abs', [input('loss', [])]), largest));
  if (beside) conditions.push(less(b, 0.5, view(b, input('besideFinite', [1]), [])));
  const good = conditions.reduce((x, y) => b.op('And', [x, y]));
  const ratio = div(b, 'maxNorm', add(b, norm, 1e-6));
  const clips = b.op('And', [less(b, 0, 'maxNorm'), less(b, ratio, 1)]);
  const clip = where(b, clips, ratio, 1);
  const step = rule.step(b, optimizer, (name, next) => count(b, name, next, good));
  for (const [i, { range }] of updated.entries()) {
    const values = step(i, range, mul(b, gradients[i]!, clip));
    for (const [part, value] of Object.entries(values)) store(b, `${part}${i}`, where(b, good, value, `${part}${i}`));
  }
  const flag = cast(b, good, 'float32');
  const scaling = scaled ? rescale(b, good) : [b.scalar('float32', 1), b.scalar('float32', 0)];
  const columns = [loss ? 'loss' : b.scalar('float32', 0), norm, flag, ...scaling];
  const line = b.op(
    'Concat',
    columns.map((value) => view(b, value, [1, 1])),
    { axis: 1 },
  );
  const here = equal(b, b.constant(Tensor.of('int32', indices(rows), [rows, 1])), 'row');
  store(b, history, where(b, here, line, history));
  b.output('good', view(b, flag, [1]));
  return encodeGraph(graph);
}

/** What counts steps on the device, float32 []: the optimizer's own; the scale of the loss and its good steps. */
export const countersOf = (optimizer: OptimizerOptions, scaled: boolean): string[] => [
  ...Object.keys(ruleOf(optimizer.name).counters(optimizer, 0)),
  ...(scaled ? ['scale', 'goodSteps'] : []),
];

/** A counter's next value, stored; it stays where the step is bad. */
function count(b: Builder, name: string, next: Value, good: Value): Value {
  const value = where(b, good, next, name);
  store(b, name, value);
  return value;
}

/** The scale of the loss behind the step, and its good steps. */
function rescale(b: Builder, good: Value): [Value, Value] {
  const grown = add(b, 'goodSteps', 1);
  const due = not(b, less(b, grown, lossScale.growthSteps));
  const larger = where(b, less(b, 'scale', lossScale.most), mul(b, 'scale', 2), 'scale');
  const smaller = where(b, less(b, lossScale.least, 'scale'), mul(b, 'scale', 0.5), 'scale');
  const scale = where(b, good, where(b, due, larger, 'scale'), smaller);
  const goodSteps = where(b, b.op('And', [good, not(b, due)]), grown, 0);
  store(b, 'scale', scale);
  store(b, 'goodSteps', goodSteps);
  return [scale, goodSteps];
}

/** Σ x², a scalar; row after row first, so that no thread of the device adds up a whole matrix. */
function squares(b: Builder, x: Value): Value {
  const shape = b.shape(x);
  const rows = view(b, x, [elementCount(shape.slice(0, -1)), shape.at(-1) ?? 1]);
  return sum(b, b.op('ReduceSumSquare', [rows, b.ints([1])], { keepdims: 0 }), [0], false);
}

/**
 * The output `name`/new, which is bound to the buffer of `name`: a copy, since an operator may not write what it reads.
 * Whoever else reads `name` must come before: here the value is made from it, and nothing else reads it.
 */
const store = (b: Builder, name: Value, value: Value): void => b.output(`${name}/new`, value);
