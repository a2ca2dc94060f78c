// Attention and MultiHeadAttention of com.microsoft, into which ONNX Runtime's optimizer joins a layer's products,
// bias, masks and softmax. A masked key gets `mask_filter_value` added, so that a row without any key is even
// attention, as the runtime computes it.

import { add, greaterOrEqual, view, where } from '../formulas.js';
import type { Value } from '../graph.js';
import { attend, behind, causal, joinHeads, lowest, splitHeads, swapHeads, within } from './attend.js';
import type { DefinedNode, DefinedTable } from './definition.js';

/** [T, S, past] */
type Lengths = readonly [number, number, number];

const filterOf = (c: DefinedNode): number => c.float('mask_filter_value', -10000);

/** What the keys' mask and the order of tokens add to the scores, of four axes; undefined: nothing. */
function masked(c: DefinedNode, mask: number, [length, keys, past]: Lengths): Value | undefined {
  const { b } = c;
  const { dtype } = c.type(0);
  const visible = c.has(mask) ? keysOf(c, mask, keys) : undefined;
  const padding = visible && where(b, visible, b.scalar(dtype, 0), filterOf(c));
  if (c.int('unidirectional', 0) === 0) return padding;
  return where(b, causal(b, [length, keys], past), padding ?? b.scalar(dtype, 0), lowest);
}

/** Which keys a mask shows: its [B] lengths or [2B] ends and starts, [B, S], or [B, T, S]. */
function keysOf(c: DefinedNode, mask: number, keys: number): Value {
  const { b } = c;
  const x = c.x(mask);
  const shape = c.axes(mask, 1, 2, 3);
  const [batch] = c.shape(0) as [number];
  if (shape.length === 1) {
    if (shape[0] === batch) return within(b, keys, x);
    if (shape[0] !== 2 * batch)
      c.fail(`input ${mask} is [${shape}], expected [${batch}] lengths or twice as many places`);
    const [ends, starts] = b.ops('Split', [x], { axis: 0, num_outputs: 2 }, { outputs: 2 });
    return within(b, keys, ends!, starts);
  }
  if (shape.at(-1) !== keys) c.fail(`input ${mask} is a mask [${shape}], expected one of ${keys} keys`);
  const shows = greaterOrEqual(b, x, 1);
  return view(b, shows, [shape[0]!, 1, shape.length === 3 ? shape[1]! : 1, keys]);
}

const scaleOf = (c: DefinedNode): number => c.float('scale', 0);

/** The biases of a node: the mask's and the given one's. */
const biasesOf = (c: DefinedNode, mask: number, given: number, lengths: Lengths): Value[] =>
  [masked(c, mask, lengths), c.optional(given)].filter((bias) => bias !== undefined);

/**
 * input [B, T, C] times weights [C, 3C] plus bias gives q, k and v side by side; past and present are [2, B, H, P, d].
 */
const attention = (c: DefinedNode): Value[] => {
  const { b } = c;
  const [, length] = c.axes(0, 3) as [number, number, number];
  const [, width] = c.axes(1, 2) as [number, number];
  const heads = c.int('num_heads', 1);
  const sizes = c.ints('qkv_hidden_sizes') ?? [width / 3, width / 3, width / 3];
  if (sizes.some((size) => !Number.isInteger(size / heads)))
    c.fail(`weights [${c.shape(1)}] do not split into three times ${heads} heads`);
  const product = b.op('MatMul', [c.x(0), c.x(1)]);
  const bias = c.optional(2);
  const all = bias ? add(b, product, bias) : product;
  const parts = b.ops('Split', [all, b.ints(sizes)], { axis: 2 }, { outputs: 3 });
  const [q, newK, newV] = parts.map((x) => splitHeads(b, x, heads)) as [Value, Value, Value];
  const past = c.has(4) ? pastOf(c, c.x(4)) : undefined;
  const [k, v] = [behind(b, past?.[0], newK), behind(b, past?.[1], newV)];
  const keys = b.shape(k)[1]!;
  const { y } = attend(b, { q, k, v, scale: scaleOf(c), biases: biasesOf(c, 3, 5, [length, keys, keys - length]) });
  const present = c.wants(1)
    ? [
        b.op(
          'Concat',
          [k, v].map((x) => unsqueezed(c, swapHeads(b, x))),
          { axis: 0 },
        ),
      ]
    : [];
  return [joinHeads(b, y), ...present];
};

const unsqueezed = ({ b }: DefinedNode, x: Value): Value => view(b, x, [1, ...b.shape(x)]);

/** Keys and values of a past [2, B, H, P, d]. */
function pastOf({ b }: DefinedNode, x: Value): Value[] {
  const shape = b.shape(x);
  const parts = b.ops('Split', [x], { axis: 0, num_outputs: 2 }, { outputs: 2 });
  return parts.map((part) => view(b, part, shape.slice(1)));
}

/** q, k and v [B, T, H, d] of a node with separate or packed ones, and the past that keys and values already are. */
function separate(c: DefinedNode, heads: number): [Value, Value, Value] {
  const { b } = c;
  const unpacked = (x: Value, count: number): Value[] => {
    const [batch, length, , , size] = b.shape(x) as [number, number, number, number, number];
    const parts = b.ops('Split', [x], { axis: 3, num_outputs: count }, { outputs: count });
    return parts.map((part) => view(b, part, [batch, length, heads, size]));
  };
  if (!c.has(1)) {
    c.axes(0, 5);
    return unpacked(c.x(0), 3) as [Value, Value, Value];
  }
  c.axes(0, 3);
  const q = splitHeads(b, c.x(0), heads);
  if (!c.has(2)) {
    c.axes(1, 5);
    return [q, ...(unpacked(c.x(1), 2) as [Value, Value])];
  }
  const fourth = c.axes(1, 3, 4).length === 4;
  c.axes(2, fourth ? 4 : 3);
  const [k, v] = [c.x(1), c.x(2)].map((x) => (fourth ? swapHeads(b, x) : splitHeads(b, x, heads)));
  return [q, k!, v!];
}

/** Adds to each its part of the bias [C + C + E]. */
function biased(c: DefinedNode, [q, k, v]: [Value, Value, Value], bias: Value | undefined): [Value, Value, Value] {
  if (!bias) return [q, k, v];
  const { b } = c;
  const widths = [q, k, v].map((x) => b.shape(x)[2]! * b.shape(x)[3]!);
  const parts = b.ops('Split', [bias, b.ints(widths)], { axis: 0 }, { outputs: 3 });
  return [q, k, v].map((x, i) => add(b, x, view(b, parts[i]!, [1, 1, ...b.shape(x).slice(2)]))) as [
    Value,
    Value,
    Value,
  ];
}

const multiHeadAttention = (c: DefinedNode): Value[] => {
  const { b } = c;
  const heads = c.int('num_heads', 1);
  if (c.shape(0).at(-1)! % heads !== 0 && c.shape(0).length === 3)
    c.fail(`query [${c.shape(0)}] does not split into ${heads} heads`);
  const [q, newK, newV] = biased(c, separate(c, heads), c.optional(3));
  const [k, v] = [behind(b, c.optional(6), newK), behind(b, c.optional(7), newV)];
  const [length, keys] = [b.shape(q)[1]!, b.shape(k)[1]!];
  const { y } = attend(b, { q, k, v, scale: scaleOf(c), biases: biasesOf(c, 4, 5, [length, keys, keys - length]) });
  return [joinHeads(b, y), ...(c.wants(1) || c.wants(2) ? [swapHeads(b, k), swapHeads(b, v)] : [])];
};

const buffers = 'with which the past is a part of a larger buffer';

export const microsoftAttention: DefinedTable = {
  'com.microsoft.Attention': {
    inputs: 7,
    attributes: 'num_heads unidirectional scale mask_filter_value qkv_hidden_sizes',
    only: { do_rotary: 0, past_present_share_buffer: 0, rotary_embedding_dim: 0 },
    refused: { 6: buffers },
    define: attention,
  },
  'com.microsoft.MultiHeadAttention': {
    inputs: 10,
    attributes: 'num_heads unidirectional scale mask_filter_value',
    refused: { 8: buffers, 9: 'the order of beams in a buffer' },
    define: multiHeadAttention,
  },
};
