// Attention of opsets 23 and 24, in which the dynamo exporter writes every transformer. A key that a boolean mask
// hides, or that gets −∞, has no part in a row; a row without any key is 0, and so are its gradients.

import { add, cast, indices, less, mul, view } from '../formulas.js';
import type { Value } from '../graph.js';
import { Tensor } from '../tensor.js';
import { attend, behind, causal, joinHeads, lowest, splitHeads, swapHeads, within } from './attend.js';
import type { DefinedNode, DefinedTable } from './definition.js';

/** [B, T, H, d] of an input [B, T, H·d] or [B, H, T, d]. */
function heads(c: DefinedNode, input: number, count: string): Value {
  const { b } = c;
  const shape = c.axes(input, 3, 4);
  if (shape.length === 4) return swapHeads(b, c.x(input));
  const number = c.int(count, 0);
  if (number < 1 || shape[2]! % number !== 0) c.fail(`input ${input} [${shape}] does not split into ${number} heads`);
  return splitHeads(b, c.x(input), number);
}

interface Mask {
  /** bool, of four axes. */
  visible: Value;
  bias?: Value;
}

/** The mask of four axes; keys beyond its last axis are hidden. */
function maskOf(c: DefinedNode, keys: number): Mask | undefined {
  const { b } = c;
  if (!c.has(3)) return undefined;
  const { dtype, shape } = c.type(3);
  const given = view(b, c.x(3), [...new Array<number>(Math.max(0, 4 - shape.length)).fill(1), ...shape]);
  const [batch, heads, rows, columns] = b.shape(given) as [number, number, number, number];
  const missing = columns === 1 ? 0 : keys - columns;
  if (missing < 0) c.fail(`attn_mask [${shape}] has ${columns} columns for ${keys} keys`);
  const hidden = (value: number) =>
    b.constant(Tensor.of(dtype, new Array(batch * heads * rows * missing).fill(value), [batch, heads, rows, missing]));
  const widened = (value: number): Value =>
    missing === 0 ? given : b.op('Concat', [given, hidden(value)], { axis: 3 });
  if (dtype === 'bool') return { visible: widened(0) };
  const mask = widened(Number.NEGATIVE_INFINITY);
  return {
    visible: b.op('Greater', [mask, b.scalar(dtype, Number.NEGATIVE_INFINITY)]),
    bias: b.op('Max', [mask, b.scalar(dtype, lowest)]),
  };
}

/** Which keys come before the padding, and with `is_causal` not behind a query, whose last is the last key then. */
function nonpad(c: DefinedNode, [length, keys]: readonly [number, number]): Value {
  const { b } = c;
  const ends = c.x(6);
  if (c.int('is_causal', 0) === 0) return within(b, keys, ends);
  const column = view(b, cast(b, ends, 'int64'), [b.shape(ends)[0]!, 1, 1, 1]);
  const rows = b.constant(
    Tensor.of(
      'int64',
      indices(length).map((i) => i + 1 - length),
      [1, 1, length, 1],
    ),
    'rows',
  );
  const places = b.constant(Tensor.of('int64', indices(keys), [1, 1, 1, keys]), 'places');
  return less(b, places, add(b, column, rows));
}

const attention = (c: DefinedNode): (Value | undefined)[] => {
  const { b } = c;
  const fourth = c.shape(0).length === 4;
  const q = heads(c, 0, 'q_num_heads');
  const k = behind(b, c.optional(4), heads(c, 1, 'kv_num_heads'));
  const v = behind(b, c.optional(5), heads(c, 2, 'kv_num_heads'));
  const [length, keys] = [b.shape(q)[1]!, b.shape(k)[1]!];
  const past = c.has(4) ? c.shape(4)[2]! : 0;
  const mask = maskOf(c, keys);
  const inOrder = c.int('is_causal', 0) !== 0 && !c.has(6);
  const ends = c.has(6) ? nonpad(c, [length, keys]) : undefined;
  const given = mask && ends ? b.op('And', [mask.visible, ends]) : (mask?.visible ?? ends);
  const { y, scores, weights, seen } = attend(b, {
    q,
    k,
    v,
    scale: c.float('scale', 0),
    softcap: c.float('softcap', 0),
    biases: mask?.bias ? [mask.bias] : [],
    ordered: inOrder ? causal(b, [length, keys], past) : undefined,
    visible: given,
  });
  const mode = c.int('qk_matmul_output_mode', 0);
  const shown = mode === 0 ? scores : mode !== 3 ? undefined : seen ? mul(b, weights, seen) : weights;
  return [fourth ? swapHeads(b, y) : joinHeads(b, y), swapHeads(b, k), swapHeads(b, v), shown];
};

export const standardAttention: DefinedTable = {
  Attention: {
    inputs: 7,
    attributes: 'q_num_heads kv_num_heads scale softcap is_causal softmax_precision qk_matmul_output_mode',
    define: attention,
  },
};
