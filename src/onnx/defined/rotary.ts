// Rotary positions (Su et al., RoFormer, 2021): every pair of a head's channels is turned by an angle that depends on
// the token's place, whose sine and cosine stand in tables. The pairs are a channel of the first half with one of the
// second, or neighbours (interleaved). Channels beyond the tables' width stay as they are.

import { add, cast, indices, mul, sub, transpose, view } from '../formulas.js';
import type { Value } from '../graph.js';
import { Tensor } from '../tensor.js';
import type { DefinedNode, DefinedTable } from './definition.js';

/** Cosine and sine of every token: [B or 1, T, r] each, r the number of pairs. */
export interface Angles {
  cos: Value;
  sin: Value;
}

/**
 * Turns x [B, T, H, d].
 * @param interleaved whether pairs are neighbours
 */
export function rotate({ b }: DefinedNode, x: Value, { cos, sin }: Angles, interleaved: boolean): Value {
  const [batch, length, heads, size] = b.shape(x) as [number, number, number, number];
  const [some, , pairs] = b.shape(cos) as [number, number, number];
  const whole = 2 * pairs === size;
  const split = b.constant(Tensor.of('int64', [2 * pairs, size - 2 * pairs]));
  const [turned, rest] = whole ? [x, ''] : (b.ops('Split', [x, split], { axis: 3 }, { outputs: 2 }) as [Value, Value]);
  const grouped = interleaved ? view(b, turned, [batch, length, heads, pairs, 2]) : turned;
  const axis = interleaved ? 4 : 3;
  const halves = b.ops('Split', [grouped], { axis, num_outputs: 2 }, { outputs: 2 });
  const [p, q] = halves.map((half) => view(b, half, [batch, length, heads, pairs])) as [Value, Value];
  const [c, s] = [cos, sin].map((table) => view(b, table, [some, length, 1, pairs])) as [Value, Value];
  const parts = [sub(b, mul(b, p, c), mul(b, q, s)), add(b, mul(b, p, s), mul(b, q, c))];
  const paired = interleaved ? parts.map((part) => view(b, part, [batch, length, heads, pairs, 1])) : parts;
  const joined = view(b, b.op('Concat', paired, { axis }), [batch, length, heads, 2 * pairs]);
  return whole ? joined : b.op('Concat', [joined, rest], { axis: 3 });
}

/** The rows of the tables [places, r] at positions [B or 1, T]. */
export const anglesAt = ({ b }: DefinedNode, cos: Value, sin: Value, positions: Value): Angles => ({
  cos: b.op('Gather', [cos, positions], { axis: 0 }),
  sin: b.op('Gather', [sin, positions], { axis: 0 }),
});

/** Positions 0, 1, … from a first one on: [1, T]. */
export function counted({ b }: DefinedNode, length: number, first?: Value): Value {
  const steps = b.constant(Tensor.of('int64', indices(length), [1, length]), 'places');
  return first === undefined ? steps : add(b, steps, view(b, cast(b, first, 'int64'), [1, 1]));
}

/**
 * The node's x [B, T, H·d] or [B, H, T, d], turned. Without `num_heads`, heads of the tables' width are meant.
 * @param angles of T tokens, and how many channels of a head they turn
 */
function embed(c: DefinedNode, angles: (length: number) => Angles): Value {
  const { b } = c;
  const shape = c.axes(0, 3, 4);
  const fourth = shape.length === 4;
  const [batch, length] = fourth ? [shape[0]!, shape[2]!] : (shape as [number, number]);
  const found = angles(length);
  const pairs = b.shape(found.cos).at(-1)!;
  const rotary = c.int('rotary_embedding_dim', 0);
  const stated = c.int('num_heads', 0);
  if (rotary > 0 && rotary !== 2 * pairs)
    c.fail(`rotary_embedding_dim is ${rotary}, but the tables turn ${2 * pairs} channels`);
  const heads = fourth ? shape[1]! : stated > 0 ? stated : shape[2]! / (2 * pairs);
  const size = fourth ? shape[3]! : shape[2]! / heads;
  if (!Number.isInteger(heads) || !Number.isInteger(size) || size < 2 * pairs)
    c.fail(`[${shape}] does not split into ${stated || 'whole'} heads of at least ${2 * pairs} channels`);
  const x = fourth ? transpose(b, c.x(0), [0, 2, 1, 3]) : view(b, c.x(0), [batch, length, heads, size]);
  const y = rotate(c, x, found, c.int('interleaved', 0) !== 0);
  return fourth ? transpose(b, y, [0, 2, 1, 3]) : view(b, y, shape);
}

/** Positions [1], the first one, or [B, T]. */
const microsoft = (c: DefinedNode): Value[] => [
  embed(c, (length) => {
    const positions = c.axes(1, 1, 2).length === 2 ? c.x(1) : counted(c, length, c.x(1));
    return anglesAt(c, c.x(2), c.x(3), positions);
  }),
];

/** Tables of places with positions [B, T], or without them of every token: [B or 1, T, r]. */
const standard = (c: DefinedNode): Value[] => [
  embed(c, () => {
    const positions = c.optional(3);
    if (positions) return anglesAt(c, c.x(1), c.x(2), positions);
    c.axes(1, 3);
    return { cos: c.x(1), sin: c.x(2) };
  }),
];

export const rotary: DefinedTable = {
  'com.microsoft.RotaryEmbedding': {
    inputs: 4,
    attributes: 'interleaved num_heads rotary_embedding_dim',
    only: { is_packed_batching: 0, scale: 1 },
    constants: [2, 3],
    define: microsoft,
  },
  RotaryEmbedding: {
    inputs: 4,
    attributes: 'interleaved num_heads rotary_embedding_dim',
    constants: [1, 2],
    define: standard,
  },
};
