// Rows of the attention operators (see defined-rows.ts): masks of every form, groups, windows, soft caps, sinks, pasts,
// and rows that nothing is left of.

import { float } from '#ortune/onnx/builder.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { bools, fillFor } from '../autodiff/row-values.js';
import { angles, type DefinedRow, int32, microsoft, row } from './defined-row.js';

const { any } = fillFor(47)('float32');
const few = { num_heads: 2 };
const infinite = (shape: number[], hidden: readonly number[]) =>
  Tensor.of(
    'float32',
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) =>
      hidden.includes(i) ? Number.NEGATIVE_INFINITY : i / 9,
    ),
    shape,
  );

/** B 2, T 3, C 4, two heads of 2. */
const layer = () => [any(2, 3, 4), any(4, 12), any(12)];
const attention: DefinedRow[] = [
  microsoft('Attention', layer(), few),
  microsoft('Attention', layer(), { ...few, unidirectional: 1, scale: float(0.4) }, { what: 'causal' }),
  microsoft('Attention', [...layer(), int32([2, 3], [1, 1, 1, 1, 0, 0])], few, { what: 'with a mask of keys' }),
  microsoft(
    'Attention',
    [...layer(), int32([2, 3], [1, 1, 0, 0, 0, 0])],
    { ...few, mask_filter_value: float(-20) },
    { what: 'with a sample without keys' },
  ),
  microsoft(
    'Attention',
    [...layer(), int32([2], [2, 3])],
    { ...few, unidirectional: 1 },
    { what: 'with lengths, causal' },
  ),
  microsoft('Attention', [...layer(), int32([4], [2, 3, 0, 1])], few, { what: 'with ends and starts' }),
  microsoft('Attention', [...layer(), int32([2, 3, 3], [1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 1])], few, {
    what: 'with a mask of pairs',
  }),
  microsoft('Attention', [...layer(), undefined, undefined, any(1, 2, 3, 3)], few, { what: 'with a bias' }),
  microsoft(
    'Attention',
    [...layer(), int32([2, 5], [1, 1, 1, 1, 0, 1, 0, 1, 1, 1]), any(2, 2, 2, 2, 2)],
    { ...few, unidirectional: 1 },
    { what: 'behind a past', types: ['float32', 'float32'] },
  ),
  microsoft(
    'Attention',
    [any(2, 3, 4), any(4, 10), any(10)],
    { ...few, qkv_hidden_sizes: [4, 4, 2] },
    { what: 'with narrow values' },
  ),
];

const three = (keys = 3) => [any(2, 3, 4), any(2, keys, 4), any(2, keys, 4)];
const multiHead: DefinedRow[] = [
  microsoft('MultiHeadAttention', three(), few),
  microsoft('MultiHeadAttention', [...three(5), any(12), int32([2, 5], [1, 1, 1, 1, 0, 1, 1, 0, 0, 0])], few, {
    what: 'across, with biases and a mask of keys',
  }),
  microsoft(
    'MultiHeadAttention',
    [...three(), undefined, undefined, any(2, 2, 3, 3)],
    { ...few, unidirectional: 1, scale: float(0.3) },
    { what: 'causal, with a bias' },
  ),
  microsoft('MultiHeadAttention', [any(2, 3, 4), any(2, 2, 5, 2), any(2, 2, 5, 2)], few, {
    what: 'over keys that are kept',
  }),
  microsoft(
    'MultiHeadAttention',
    [...three(), undefined, undefined, undefined, any(2, 2, 2, 2), any(2, 2, 2, 2)],
    { ...few, unidirectional: 1 },
    { what: 'behind a past', types: ['float32', 'float32', 'float32'] },
  ),
];

const grouped = { num_heads: 4, kv_num_heads: 2 };
const sequence = (...more: (Tensor | undefined)[]) => [
  any(2, 5, 64),
  any(2, 5, 32),
  any(2, 5, 32),
  undefined,
  undefined,
  int32([2], [4, 3]),
  int32([], [5]),
  ...more,
];
const groups: DefinedRow[] = [
  microsoft('GroupQueryAttention', sequence(), grouped),
  microsoft(
    'GroupQueryAttention',
    [any(2, 5, 128), undefined, undefined, undefined, undefined, int32([2], [4, 4]), int32([], [5])],
    grouped,
    { what: 'packed, with what is kept', types: ['float32', 'float32', 'float32'] },
  ),
  microsoft(
    'GroupQueryAttention',
    sequence(...angles(8, 8)),
    { ...grouped, do_rotary: 1 },
    { what: 'with rotary positions', constants: [7, 8] },
  ),
  microsoft(
    'GroupQueryAttention',
    sequence(...angles(8, 8)),
    { ...grouped, do_rotary: 1, rotary_interleaved: 1, local_window_size: 2 },
    { what: 'interleaved, with a window', constants: [7, 8] },
  ),
  microsoft(
    'GroupQueryAttention',
    sequence(),
    { ...grouped, softcap: float(0.8), scale: float(0.7) },
    { what: 'with a soft cap' },
  ),
  microsoft('GroupQueryAttention', sequence(), { ...grouped, smooth_softmax: 1 }, { what: 'with a smooth softmax' }),
  microsoft('GroupQueryAttention', sequence(undefined, undefined, undefined, any(2, 1, 5, 5)), grouped, {
    what: 'with a bias',
  }),
  microsoft('GroupQueryAttention', sequence(undefined, undefined, undefined, undefined, any(4)), grouped, {
    what: 'with sinks',
  }),
  microsoft(
    'GroupQueryAttention',
    sequence(undefined, undefined, undefined, undefined, undefined, undefined, undefined, any(16), any(16)),
    { ...grouped, qk_norm_epsilon: float(1e-3) },
    { what: 'with normalised queries and keys', noKernel: 'the runtime refuses these on the CPU' },
  ),
];

const opset = 23;
const rows = (more: Partial<DefinedRow>) => ({ opset, ...more });
const fourth = (keys = 3) => [any(2, 2, 3, 4), any(2, 2, keys, 4), any(2, 2, keys, 4)];
const third = (keys = 3) => [any(2, 3, 16), any(2, keys, 8), any(2, keys, 12)];
const standard: DefinedRow[] = [
  row('Attention', fourth(), {}, rows({})),
  row('Attention', third(5), { q_num_heads: 4, kv_num_heads: 2, scale: float(0.3) }, rows({ what: 'of groups' })),
  row(
    'Attention',
    fourth(),
    { is_causal: 1 },
    rows({ what: 'causal', types: ['float32', 'float32', 'float32', 'float32'] }),
  ),
  row('Attention', [...fourth(), bools([3, 3], [1, 0, 1, 1, 1, 0, 0, 1, 1])], {}, rows({ what: 'with a mask' })),
  row(
    'Attention',
    [...fourth(), bools([2, 1, 3, 3], [1, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0])],
    {},
    rows({ what: 'with rows that see nothing' }),
  ),
  row(
    'Attention',
    [...fourth(), infinite([2, 1, 3, 3], [1, 4, 7, 9, 10, 11, 12, 13, 14])],
    { is_causal: 1 },
    rows({ what: 'with samples that see nothing, causal', constants: [3] }),
  ),
  row('Attention', [...fourth(5), any(2, 3, 5)], {}, rows({ what: 'with a bias of heads' })),
  row('Attention', [...fourth(), any(3, 3)], { softcap: float(0.9) }, rows({ what: 'with a bias and a soft cap' })),
  row(
    'Attention',
    [...fourth(), undefined, any(2, 2, 2, 4), any(2, 2, 2, 4)],
    { is_causal: 1, qk_matmul_output_mode: 3 },
    rows({ what: 'behind a past', types: ['float32', 'float32', 'float32', 'float32'] }),
  ),
  row(
    'Attention',
    [...fourth(5), undefined, undefined, undefined, Tensor.of('int64', [4, 2])],
    {},
    { opset: 24, what: 'before padding' },
  ),
  row(
    'Attention',
    [...fourth(5), undefined, undefined, undefined, Tensor.of('int64', [5, 4])],
    { is_causal: 1 },
    { opset: 24, what: 'before padding, causal' },
  ),
];

export const attentionRows: readonly DefinedRow[] = [...attention, ...multiHead, ...groups, ...standard];
