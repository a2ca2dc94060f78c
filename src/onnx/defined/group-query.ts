// GroupQueryAttention of com.microsoft, with which decoders are built for ONNX Runtime: causal attention whose keys
// serve several heads of queries, with rotary positions, windows, soft caps and sinks inside. Known are whole
// sequences, as training has them: `seqlens_k`, the number of tokens less one, says then what is padding behind the
// tokens, whose own rows see the tokens alone.

import { cast, indices, sub, view } from '../formulas.js';
import type { Value } from '../graph.js';
import { Tensor } from '../tensor.js';
import { attend, joinHeads, splitHeads, swapHeads } from './attend.js';
import type { DefinedNode, DefinedTable } from './definition.js';
import { rootMeanSquare } from './normalise.js';
import { anglesAt, counted, rotate } from './rotary.js';

/** q, k and v [B, T, heads, d]; without a key the query holds all three side by side. */
function split(c: DefinedNode, heads: number, groups: number): [Value, Value, Value] {
  const { b } = c;
  const [, , width] = c.axes(0, 3) as [number, number, number];
  if (c.has(1)) return [splitHeads(b, c.x(0), heads), splitHeads(b, c.x(1), groups), splitHeads(b, c.x(2), groups)];
  const size = width / (heads + 2 * groups);
  const sizes = b.ints([heads * size, groups * size, groups * size]);
  const [q, k, v] = b.ops('Split', [c.x(0), sizes], { axis: 2 }, { outputs: 3 }) as [Value, Value, Value];
  return [splitHeads(b, q, heads), splitHeads(b, k, groups), splitHeads(b, v, groups)];
}

/** Which keys each token sees, [B, 1, T, T]: the last ones up to its own place. Padding stands at the last token's. */
function inOrder(c: DefinedNode, length: number): Value {
  const { b } = c;
  const [batch] = c.shape(0) as [number];
  const places = (...shape: number[]) => b.constant(Tensor.of('int64', indices(length), [1, 1, ...shape]), 'places');
  const last = view(b, cast(b, c.x(5), 'int64'), [batch, 1, 1, 1]);
  const row = b.op('Min', [places(length, 1), last]);
  const keys = places(1, length);
  const before = b.op('LessOrEqual', [keys, row]);
  const window = c.int('local_window_size', -1);
  return window > 0 ? b.op('And', [before, b.op('Greater', [keys, sub(b, row, window)])]) : before;
}

const groupQueryAttention = (c: DefinedNode): (Value | undefined)[] => {
  const { b } = c;
  const [heads, groups] = [c.int('num_heads', 1), c.int('kv_num_heads', 1)];
  const [, length] = c.axes(0, 3) as [number, number, number];
  const total = c.numbers(6)?.[0];
  const past = c.has(3) ? c.shape(3)[2]! : 0;
  if (past > 0)
    c.fail(
      `past_key is ${past} tokens long; only whole sequences are known here, whose past is empty: give the inputs of the cache the length 0`,
    );
  if (total !== undefined && total !== length)
    c.fail(`total_sequence_length is ${total}, expected the ${length} tokens of the query: a past is not known here`);
  const [query, key, v] = split(c, heads, groups);
  const normed = (x: Value, weight: number): Value =>
    c.has(weight) ? rootMeanSquare(c, x, c.x(weight), -1, c.float('qk_norm_epsilon', 1e-6))[0]! : x;
  let [q, k] = [normed(query, 14), normed(key, 15)];
  if (c.int('do_rotary', 0) !== 0) {
    const angles = anglesAt(c, c.x(7), c.x(8), c.optional(9) ?? counted(c, length));
    const interleaved = c.int('rotary_interleaved', 0) !== 0;
    [q, k] = [rotate(c, q, angles, interleaved), rotate(c, k, angles, interleaved)];
  }
  const smooth = c.int('smooth_softmax', 0) > 0;
  const zeros = () => b.constant(Tensor.of(c.dtype(0), new Array(heads).fill(0)), 'sink');
  const { y } = attend(b, {
    q,
    k,
    v,
    scale: c.float('scale', 0),
    softcap: c.float('softcap', 0),
    biases: c.has(10) ? [c.x(10)] : [],
    ordered: inOrder(c, length),
    sink: c.optional(11) ?? (smooth ? zeros() : undefined),
  });
  return [joinHeads(b, y), swapHeads(b, k), swapHeads(b, v)];
};

export const groupQuery: DefinedTable = {
  'com.microsoft.GroupQueryAttention': {
    inputs: 16,
    attributes:
      'num_heads kv_num_heads scale softcap do_rotary rotary_interleaved local_window_size smooth_softmax qk_norm_epsilon',
    only: {
      causal: 1,
      kv_cache_bit_width: 0,
      k_quant_type: 'NONE',
      v_quant_type: 'NONE',
      qk_output: 0,
      sliding_window_cache: 0,
    },
    refused: { 12: 'a quantised past', 13: 'a quantised past' },
    constants: [7, 8],
    define: groupQueryAttention,
  },
};
