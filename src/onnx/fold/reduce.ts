// Reductions of integer constants (products and sums of dimensions, largest lengths). Sums of floats depend on their
// order and are left to the runtime.

import { isFloat } from '../dtype.js';
import { fromNumbers, toNumbers } from './numbers.js';
import { readStrided, stridesOf } from './strided.js';
import type { Evaluator } from './table.js';

const reduce =
  (f: (a: number, b: number) => number): Evaluator =>
  (c, [x, axesInput], [type]) => {
    const numbers = x && toNumbers(x);
    if (!numbers || !type || isFloat(x.dtype) || x.size === 0) return undefined;
    const given = (axesInput?.numbers() ?? []).map((a) => c.axis(a, x.shape.length));
    if (given.length === 0 && c.int('noop_with_empty_axes', 0)) return [x];
    const all = [...x.shape.keys()];
    const kept = given.length ? all.filter((a) => !given.includes(a)) : [];
    const order = [...kept, ...all.filter((a) => !kept.includes(a))];
    const strides = stridesOf(x.shape);
    const rows = readStrided(
      numbers,
      order.map((a) => x.shape[a]!),
      order.map((a) => strides[a]!),
    );
    const count = kept.reduce((n, a) => n * x.shape[a]!, 1);
    const width = rows.length / count;
    const values = Float64Array.from({ length: count }, (_, i) => rows.subarray(i * width, (i + 1) * width).reduce(f));
    return [fromNumbers(type.dtype, type.shape, values)];
  };

export const reductions: Readonly<Record<string, Evaluator>> = {
  ReduceSum: reduce((a, b) => a + b),
  ReduceProd: reduce((a, b) => a * b),
  ReduceMax: reduce((a, b) => Math.max(a, b)),
  ReduceMin: reduce((a, b) => Math.min(a, b)),
};
