// What values an attribute may have, by its name: the specification says it in words only. The bounds are those of what
// runs: a runtime counts positions of an axis in 32 bits, and a number that is none, or a stride of 0, is a damaged
// file. Names mean the same for all operators that have them, with few exceptions.

import { AttributeType } from './model.js';
import type { AttributeProto } from './onnx_pb.js';

const largest = 2n ** 31n - 1n;
type Range = readonly [low: bigint, high: bigint];
const positive: Range = [1n, largest];
const notNegative: Range = [0n, largest];
const axis: Range = [-64n, 63n];
/** An axis position or an amount, of either sign. */
const signed: Range = [-largest, largest];
const type: Range = [0n, 64n];

const integers: Readonly<Record<string, Range>> = {
  strides: positive,
  dilations: positive,
  kernel_shape: positive,
  group: positive,
  num_groups: positive,
  num_heads: positive,
  num_outputs: positive,
  blocksize: positive,
  output_shape: positive,
  hidden_size: positive,
  size: positive,
  p: positive,
  k: notNegative,
  output_padding: notNegative,
  shape: notNegative,
  split: notNegative,
  batch_dims: notNegative,
  perm: [0n, 63n],
  axis,
  axes: axis,
  start: axis,
  pads: signed,
  diagonal: signed,
  to: type,
  dtype: type,
  stash_type: type,
};

/** Ends of ranges are the largest integers there are where they mean 'to the end'. */
const anyInteger: Range = [-(2n ** 63n), 2n ** 63n - 1n];
const exceptions: Readonly<Record<string, Readonly<Record<string, Range>>>> = {
  Shape: { start: signed, end: anyInteger },
  Slice: { starts: anyInteger, ends: anyInteger },
};

/** Numbers that may be infinite: bounds, and what is filled in. */
const infinite = new Set(['min', 'max', 'value', 'value_float', 'value_floats', 'extrapolation_value', 'clip']);
const positiveFloats = new Set(['epsilon']);

const words: Readonly<Record<string, readonly string[]>> = {
  auto_pad: ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'],
  approximate: ['none', 'tanh'],
};

const said = ([low, high]: Range): string =>
  high === largest
    ? low === -largest
      ? 'below 2^31 in size'
      : `of at least ${low} and below 2^31`
    : `from ${low} to ${high}`;

/** What is wrong with an attribute's value, to follow its name; undefined where nothing is. */
export function attributeProblem(op: string, attribute: AttributeProto): string | undefined {
  const { name } = attribute;
  switch (attribute.type) {
    case AttributeType.INT:
      return integerProblem(op, name, [attribute.i]);
    case AttributeType.INTS:
      return integerProblem(op, name, attribute.ints);
    case AttributeType.FLOAT:
      return floatProblem(name, [attribute.f]);
    case AttributeType.FLOATS:
      return floatProblem(name, attribute.floats);
    case AttributeType.STRING: {
      const text = new TextDecoder().decode(attribute.s);
      const known = Object.hasOwn(words, name) ? words[name]! : undefined;
      return known && !known.includes(text) ? `is none of ${known.join(', ')}` : undefined;
    }
    default:
      return undefined;
  }
}

function integerProblem(op: string, name: string, values: readonly bigint[]): string | undefined {
  if (name === 'value_int' || name === 'value_ints') return undefined;
  const own = Object.hasOwn(exceptions, op) ? exceptions[op]![name] : undefined;
  const range = own ?? (Object.hasOwn(integers, name) ? integers[name]! : [-(2n ** 53n), 2n ** 53n]);
  const wrong = values.find((value) => value < range[0] || value > range[1]);
  if (wrong !== undefined) return `is ${wrong}, expected numbers ${said(range as Range)}`;
  const lists = name === 'axes' || name === 'perm';
  return lists && new Set(values).size < values.length ? `names an axis twice: ${values.slice(0, 16)}` : undefined;
}

function floatProblem(name: string, values: readonly number[]): string | undefined {
  for (const value of values) {
    if (name.startsWith('value_')) continue;
    if (Number.isNaN(value) || (!Number.isFinite(value) && !infinite.has(name)))
      return `is ${value}, expected a finite number`;
    if (positiveFloats.has(name) && value < 0) return `is ${value}, expected a number of at least 0`;
  }
  return undefined;
}
