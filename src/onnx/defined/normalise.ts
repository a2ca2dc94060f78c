// Normalisations of files that the standard operators of opset 21 lack: by the root mean square alone (the
// normalisation of T5, Llama and their kin), behind a sum with the residual, in groups, and of summed embeddings.

import { type AttrInput, float } from '../builder.js';
import { add, axisOf, cast, div, indices, mean, mul, sqrt, sum, transpose, view } from '../formulas.js';
import type { Value } from '../graph.js';
import { Tensor } from '../tensor.js';
import type { DefinedNode, DefinedTable } from './definition.js';

/** x / √(mean(x²) + ε) · scale over the axes from `axis` on, and 1 / √(…). Zhang and Sennrich, 2019. */
export function rootMeanSquare(c: DefinedNode, x: Value, scale: Value, axis: number, epsilon: number): Value[] {
  const { b } = c;
  const rank = b.shape(x).length;
  const axes = indices(rank).slice(axisOf(axis, rank));
  const root = sqrt(b, add(b, mean(b, mul(b, x, x), axes), epsilon));
  const y = mul(b, div(b, x, root), scale);
  return [y, ...(c.node.outputs.length > 1 ? [b.op('Reciprocal', [root])] : [])];
}

const rmsNormalization = (c: DefinedNode): Value[] =>
  rootMeanSquare(c, c.x(0), c.x(1), c.axis(c.int('axis', -1), c.shape(0).length), c.float('epsilon', 1e-5));

/** The normalisation of input + skip + bias; mean (which there is none of), 1 / √(…), and that sum. */
const skipSimplified = (c: DefinedNode): (Value | undefined)[] => {
  const { b } = c;
  const both = add(b, c.x(0), c.x(1));
  const bias = c.optional(3);
  const total = bias ? add(b, both, bias) : both;
  const [y, inverse] = rootMeanSquare(c, total, c.x(2), -1, c.float('epsilon', 1e-12));
  return [y, undefined, inverse, total];
};

/**
 * The layer normalisation of word + position + segment embeddings, the number of tokens of each sample, and the sum.
 * ids and positions are [B, T].
 */
const embedLayerNormalization = (c: DefinedNode): Value[] => {
  const { b } = c;
  const [ids, segments, words, positionTable, segmentTable, gamma, beta, mask, positions] = Array.from(
    { length: 9 },
    (_, i) => c.optional(i),
  );
  const [batch, length] = c.axes(0, 2) as [number, number];
  const look = (table: Value, at: Value): Value => b.op('Gather', [table, at], { axis: 0 });
  const counted = b.constant(Tensor.of('int64', indices(length), [1, length]), 'positions');
  let total = add(b, look(words!, ids!), look(positionTable!, positions ?? counted));
  if (segments && segmentTable) total = add(b, total, look(segmentTable, segments));
  const attrs: Record<string, AttrInput> = { axis: -1, epsilon: float(c.float('epsilon', 1e-12)) };
  const y = b.op('LayerNormalization', [total, gamma!, beta!], attrs);
  const counts = mask
    ? sum(b, cast(b, mask, 'int32'), [1], false)
    : b.constant(Tensor.of('int32', new Array(batch).fill(0)), 'lengths');
  return [y, counts, total];
};

/** The last axis is the channels' where `channels_last` says so; activation 1 is SiLU. */
const groupNorm = (c: DefinedNode, x: Value, [gamma, beta]: [Value, Value]): Value => {
  const { b } = c;
  const { length } = b.shape(x);
  const last = c.int('channels_last', 1) !== 0;
  const first = last ? transpose(b, x, [0, length - 1, ...indices(length - 2).map((i) => i + 1)]) : x;
  const attrs = { num_groups: c.int('groups', 1), epsilon: float(c.float('epsilon', 1e-5)) };
  const normalised = b.op('GroupNormalization', [first, gamma, beta], attrs);
  const activated = c.int('activation', 0) === 0 ? normalised : mul(b, normalised, b.op('Sigmoid', [normalised]));
  return last ? transpose(b, activated, [0, ...indices(length - 2).map((i) => i + 2), 1]) : activated;
};

/** The normalisation of x + skip + bias, and that sum; skip may be of one place, [N, C] or [N, 1, 1, C]. */
const skipGroupNorm = (c: DefinedNode): Value[] => {
  const { b } = c;
  const skip = c.shape(3);
  const spread = skip.length === 2 ? view(b, c.x(3), [skip[0]!, 1, 1, skip[1]!]) : c.x(3);
  const bias = c.optional(4);
  const both = add(b, c.x(0), spread);
  const total = bias ? add(b, both, bias) : both;
  return [groupNorm(c, total, [c.x(1), c.x(2)]), total];
};

const simplified = { inputs: 2, attributes: 'axis epsilon stash_type', define: rmsNormalization };

export const normalisations: DefinedTable = {
  SimplifiedLayerNormalization: simplified,
  RMSNormalization: simplified,
  'com.microsoft.SkipSimplifiedLayerNormalization': { inputs: 4, attributes: 'epsilon', define: skipSimplified },
  'com.microsoft.EmbedLayerNormalization': {
    inputs: 9,
    attributes: 'epsilon mask_index_type',
    define: embedLayerNormalization,
  },
  'com.microsoft.GroupNorm': {
    inputs: 3,
    attributes: 'epsilon groups activation channels_last',
    define: (c) => [groupNorm(c, c.x(0), [c.x(1), c.x(2)])],
  },
  'com.microsoft.SkipGroupNorm': {
    inputs: 5,
    attributes: 'epsilon groups activation',
    only: { channels_last: 1 },
    define: skipGroupNorm,
  },
};
