// Element-wise arithmetic on constants. Only what a single correctly rounded operation gives is computed, so that a
// folded constant has the bits the runtime would have made: no Exp, Log, Erf or Tanh, and no sums of floats.

import { isFloat } from '../dtype.js';
import type { StaticType } from '../graph.js';
import { elementCount, type Tensor } from '../tensor.js';
import { fromNumbers, toNumbers } from './numbers.js';
import { broadcastStrides, readStrided } from './strided.js';
import type { Evaluator } from './table.js';

type Unary = (a: number) => number;
type Binary = (a: number, b: number) => number;

/** ONNX Round: halves to even. */
const roundEven: Unary = (a) => {
  const r = Math.round(a);
  return r - a === 0.5 && r % 2 !== 0 ? r - 1 : r;
};

const unary: Record<string, Unary> = {
  Neg: (a) => -a,
  Abs: Math.abs,
  Ceil: Math.ceil,
  Floor: Math.floor,
  Round: roundEven,
  Sign: Math.sign,
  Sqrt: Math.sqrt,
  Reciprocal: (a) => 1 / a,
  Relu: (a) => Math.max(0, a),
  Not: (a) => 1 - a,
  IsNaN: (a) => +Number.isNaN(a),
};

const binary: Record<string, Binary> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Max: Math.max,
  Min: Math.min,
  And: (a, b) => a & b,
  Or: (a, b) => a | b,
  Xor: (a, b) => a ^ b,
  Equal: (a, b) => +(a === b),
  Greater: (a, b) => +(a > b),
  GreaterOrEqual: (a, b) => +(a >= b),
  Less: (a, b) => +(a < b),
  LessOrEqual: (a, b) => +(a <= b),
};

/** Integer division truncates, and by zero is left to the runtime to refuse. */
const quotient = (float: boolean): Binary =>
  float ? (a, b) => a / b : (a, b) => (b === 0 ? Number.NaN : Math.trunc(a / b));

/** The remainder takes the divisor's sign (fmod 0), or the dividend's (fmod 1). */
const remainder = (fmod: boolean): Binary => (fmod ? (a, b) => a % b : (a, b) => ((a % b) + b) % b);

const spread = (tensor: Tensor, shape: readonly number[]): Float64Array | undefined => {
  const numbers = toNumbers(tensor);
  if (!numbers || numbers.length === elementCount(shape)) return numbers;
  return readStrided(numbers, shape, broadcastStrides(tensor.shape, shape));
};

function apply(inputs: readonly Tensor[], type: StaticType, f: Binary): Tensor | undefined {
  let result: Float64Array | undefined;
  for (const input of inputs) {
    const next = spread(input, type.shape);
    if (!next) return undefined;
    result = result ? result.map((a, i) => f(a, next[i]!)) : next;
  }
  return result && fromNumbers(type.dtype, type.shape, result);
}

const cast: Evaluator = (_, [x], [type]) => {
  const numbers = x && toNumbers(x);
  if (!numbers || !type) return undefined;
  if (type.dtype === 'bool')
    return [
      fromNumbers(
        'bool',
        type.shape,
        numbers.map((v) => +(v !== 0)),
      ),
    ];
  const whole = !isFloat(type.dtype) && isFloat(x.dtype);
  return [fromNumbers(type.dtype, type.shape, whole ? numbers.map(Math.trunc) : numbers)];
};

/** The root of a square of a number of few bits; NaN of what is none. */
const exactRoot: Unary = (a) => {
  const root = Math.sqrt(a);
  return Math.fround(root) === root && root * root === a ? Math.abs(root) : Number.NaN;
};

/**
 * Squares, and roots of squares (a grid's side from its number of places); other powers may differ in the last bit
 * between libraries.
 */
const pow: Evaluator = (_, [x, e], [type]) => {
  const exponent = e?.size === 1 ? e.numbers()[0] : undefined;
  const base = x && toNumbers(x);
  if (!base || !type) return undefined;
  const result = (f: Unary) => [fromNumbers(type.dtype, type.shape, base.map(f))];
  if (exponent === 1) return result((a) => a);
  if (exponent === 2) return result((a) => a * a);
  return exponent === 0.5 && isFloat(type.dtype) && base.every((a) => !Number.isNaN(exactRoot(a)))
    ? result(exactRoot)
    : undefined;
};

const clip: Evaluator = (_, [x, low, high], [type]) => {
  const numbers = x && toNumbers(x);
  if (!numbers || !type) return undefined;
  const [min, max] = [low?.numbers()[0] ?? -Infinity, high?.numbers()[0] ?? Infinity];
  return [
    fromNumbers(
      type.dtype,
      type.shape,
      numbers.map((v) => Math.min(max, Math.max(min, v))),
    ),
  ];
};

export const arithmetic: Readonly<Record<string, Evaluator>> = {
  ...Object.fromEntries(
    Object.entries(unary).map(([op, f]): [string, Evaluator] => [
      op,
      (_, [x], [type]) => {
        const numbers = x && toNumbers(x);
        return numbers && type && [fromNumbers(type.dtype, type.shape, numbers.map(f))];
      },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(binary).map(([op, f]): [string, Evaluator] => [
      op,
      (_, inputs, [type]) => type && [apply(inputs, type, f)],
    ]),
  ),
  Div: (_, inputs, [type]) => type && [apply(inputs, type, quotient(isFloat(type.dtype)))],
  Mod: (c, inputs, [type]) => type && [apply(inputs, type, remainder(c.int('fmod', 0) !== 0))],
  Cast: cast,
  CastLike: cast,
  Pow: pow,
  Clip: clip,
};
