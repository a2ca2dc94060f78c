// One step of an optimizer as a graph of standard operators over a buffer for each tensor: the global norm, clipping to it,
// AdamW or SGD, and the new values in the place of the old. A step that is not good changes nothing but the scale of the loss.
// What differs from step to step comes as numbers; what counts the steps lies on the device, so that no step waits for what
// became of the one before. The formulas, and their order, are those of native/optim.

import { Builder } from '../onnx/builder.js';
import { encodeGraph } from '../onnx/encode.js';
import { add, cast, div, equal, indices, less, mul, not, sqrt, sub, sum, view, where } from '../onnx/formulas.js';
import { Graph, type Value } from '../onnx/graph.js';
import { elementCount, Tensor } from '../onnx/tensor.js';
import { lossScale } from './loss-scale.js';
import type { OptimizerOptions } from './options.js';

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
  /** Whether there is a loss, and a flag for what is beside: both have to be finite. */
  loss: boolean;
  beside: boolean;
  scaled: boolean;
  /** Rows of the history. */
  rows: number;
}

/** What a row of the history tells of a step. */
export const historyColumns = ['loss', 'norm', 'good', 'scale', 'goodSteps'] as const;

/**
 * What counts steps on the device, float32 [], with its first value: AdamW's β₁ᵗ and β₂ᵗ over the good steps; the scale of
 * the loss and how many good steps it has had.
 */
export const counters = { meanPower: 1, squarePower: 1, scale: lossScale.first, goodSteps: 0 } as const;

/** Above every finite gradient norm that is of use: a larger one counts as not finite. */
const largest = 3.4e38;

/** Names of the numbers that are told at every step, float32 []; `row`, int32 [], is where in the history it goes. */
export const numbersOf = (ranges: number): string[] => [
  ...indices(ranges).flatMap((r) => [`rate${r}`, `decay${r}`]),
  'maxNorm',
];

/** Of the optimizer's state. */
export const partsOf = (options: OptimizerOptions): string[] => (options.name === 'adamw' ? ['m', 'v'] : ['velocity']);

/**
 * Inputs: the numbers; p, g and the parts of the state of each tensor; loss [], besideFinite [1]; the counters; history
 * [rows, columns]. Outputs, to be bound to the same buffers: `name`/new of what changes, and good [1].
 */
export function updateGraph({
  optimizer,
  updated,
  ranges,
  loss,
  beside,
  scaled,
  rows,
}: UpdateGraphOptions): Uint8Array {
  const graph = new Graph();
  const b = new Builder(graph);
  const input = (name: string, shape: readonly number[]): Value => b.input(name, 'float32', shape);
  for (const name of numbersOf(ranges)) input(name, []);
  b.input('row', 'int32', []);
  for (const [i, { shape }] of updated.entries())
    for (const part of ['p', 'g', ...partsOf(optimizer)]) input(`${part}${i}`, shape);
  for (const name of countersOf(optimizer, scaled)) input(name, []);
  const history = input('history', [rows, historyColumns.length]);
  const norm = sqrt(
    b,
    updated.map((_, i) => squares(b, `g${i}`)).reduce((x, y) => add(b, x, y)),
  );
  // A comparison with what is no number does not hold.
  const conditions = [less(b, norm, largest)];
  if (loss) conditions.push(less(b, b.op('Abs', [input('loss', [])]), largest));
  if (beside) conditions.push(less(b, 0.5, view(b, input('besideFinite', [1]), [])));
  const good = conditions.reduce((x, y) => b.op('And', [x, y]));
  const ratio = div(b, 'maxNorm', add(b, norm, 1e-6));
  const clips = b.op('And', [less(b, 0, 'maxNorm'), less(b, ratio, 1)]);
  const clip = where(b, clips, ratio, 1);
  const step = optimizer.name === 'adamw' ? adamw(b, optimizer, good) : sgd(b, optimizer);
  for (const [i, { range }] of updated.entries()) {
    const values = step(i, range, mul(b, `g${i}`, clip));
    for (const [part, value] of Object.entries(values)) store(b, `${part}${i}`, where(b, good, value, `${part}${i}`));
  }
  const flag = cast(b, good, 'float32');
  const scaling = scaled ? rescale(b, good) : [b.scalar('float32', 1), b.scalar('float32', 0)];
  const told = [loss ? 'loss' : b.scalar('float32', 0), norm, flag, ...scaling];
  const line = b.op(
    'Concat',
    told.map((value) => view(b, value, [1, 1])),
    { axis: 1 },
  );
  const here = equal(b, b.constant(Tensor.of('int32', indices(rows), [rows, 1])), 'row');
  store(b, history, where(b, here, line, history));
  b.output('good', view(b, flag, [1]));
  return encodeGraph(graph);
}

/** The counters that an update has. */
export const countersOf = (optimizer: OptimizerOptions, scaled: boolean): (keyof typeof counters)[] => [
  ...(optimizer.name === 'adamw' ? (['meanPower', 'squarePower'] as const) : []),
  ...(scaled ? (['scale', 'goodSteps'] as const) : []),
];

/** A counter's next value, stored; it stays where the step is bad. */
function count(b: Builder, name: keyof typeof counters, next: Value, good: Value): Value {
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

/** The new values of what a tensor has, by part, from its clipped gradient. */
type Step = (index: number, range: number, gradient: Value) => Record<string, Value>;

function adamw(b: Builder, { beta1, beta2, epsilon }: OptimizerOptions & { name: 'adamw' }, good: Value): Step {
  const [meanPower, squarePower] = [
    count(b, 'meanPower', mul(b, 'meanPower', Math.fround(beta1)), good),
    count(b, 'squarePower', mul(b, 'squarePower', Math.fround(beta2)), good),
  ];
  const correctMean = sub(b, 1, meanPower);
  const correctSquare = b.op('Reciprocal', [sqrt(b, sub(b, 1, squarePower))]);
  const moved = (old: Value, fresh: Value, beta: number): Value => {
    const kept = Math.fround(beta);
    return add(b, mul(b, old, kept), mul(b, fresh, 1 - kept));
  };
  return (i, range, g) => {
    const m = moved(`m${i}`, g, beta1);
    const v = moved(`v${i}`, mul(b, g, g), beta2);
    const change = div(b, m, add(b, mul(b, sqrt(b, v), correctSquare), epsilon));
    const kept = sub(b, 1, mul(b, `rate${range}`, `decay${range}`));
    const p = sub(b, mul(b, `p${i}`, kept), mul(b, change, div(b, `rate${range}`, correctMean)));
    return { p, m, v };
  };
}

function sgd(b: Builder, { momentum, nesterov }: OptimizerOptions & { name: 'sgd' }): Step {
  return (i, range, clipped) => {
    const g = add(b, clipped, mul(b, `p${i}`, `decay${range}`));
    const velocity = add(b, mul(b, `velocity${i}`, momentum), g);
    const change = nesterov ? add(b, g, mul(b, velocity, momentum)) : velocity;
    return { p: sub(b, `p${i}`, mul(b, change, `rate${range}`)), velocity };
  };
}

/**
 * The output `name`/new, which is bound to the buffer of `name`: a copy, since an operator may not write what it reads.
 * Whoever else reads `name` must come before: here the value is made from it, and nothing else reads it.
 */
const store = (b: Builder, name: Value, value: Value): void => b.output(`${name}/new`, value);
