// Biases of attention that depend on the distance between tokens: the table of T5, looked up by buckets of distances,
// and the bias of WavLM and DeBERTa, which a gate of the query scales.

import { add, indices, mul, sub, sum, transpose, view } from '../formulas.js';
import type { Value } from '../graph.js';
import { Tensor } from '../tensor.js';
import { splitHeads, swapHeads } from './attend.js';
import type { DefinedNode, DefinedTable } from './definition.js';

/**
 * The bucket of a key that stands `distance` places behind its query: exact for near ones, by the logarithm up to
 * `most` for others. Raffel et al., Exploring the Limits of Transfer Learning, 2020.
 */
function bucketOf(distance: number, buckets: number, most: number, both: boolean): number {
  const half = both ? buckets / 2 : buckets;
  const side = both && distance > 0 ? half : 0;
  const n = both ? Math.abs(distance) : Math.max(-distance, 0);
  const exact = Math.floor(half / 2);
  if (n < exact) return side + n;
  const ratio = Math.fround(Math.fround(Math.log(n / exact)) / Math.fround(Math.log(most / exact)));
  return side + Math.min(exact + Math.trunc(Math.fround(ratio * (half - exact))), half - 1);
}

/** table [buckets, H] → [1, H, T, S] */
const relativePositionBias = (c: DefinedNode): Value[] => {
  const { b } = c;
  const [buckets, heads] = c.axes(0, 2) as [number, number];
  const [length, keys] = [c.values(1)[0]!, c.values(2)[0]!];
  const [most, both] = [c.int('max_distance', 128), c.int('is_bidirectional', 0) !== 0];
  const places = indices(length * keys).map((i) => bucketOf((i % keys) - Math.floor(i / keys), buckets, most, both));
  const rows = b.op('Gather', [c.x(0), b.constant(Tensor.of('int64', places), 'buckets')], { axis: 0 });
  return [view(b, transpose(b, rows, [1, 0]), [1, heads, length, keys])];
};

/**
 * (u · (r · a − 1) + 2) · bias, u and r the gates of each token and head: the sigmoids of the sums of the halves of a
 * layer's output on the query. Chi et al., XLM-E, 2022.
 */
const gated = (c: DefinedNode): Value[] => {
  const { b } = c;
  const heads = c.int('num_heads', 1);
  const [batch, length] = c.axes(0, 3) as [number, number, number];
  const query = swapHeads(b, splitHeads(b, add(b, c.x(0), c.x(1)), heads));
  const gates = add(b, b.op('MatMul', [query, c.x(3)]), c.x(4));
  const width = b.shape(gates)[3]!;
  const sums = sum(b, view(b, gates, [batch, heads, length, 2, width / 2]), [4], false);
  const [u, r] = b.ops('Split', [b.op('Sigmoid', [sums])], { axis: 3, num_outputs: 2 }, { outputs: 2 }) as [
    Value,
    Value,
  ];
  const factor = add(b, mul(b, u, sub(b, mul(b, r, c.x(5)), 1)), 2);
  return [mul(b, factor, c.x(2))];
};

export const positionBiases: DefinedTable = {
  'com.microsoft.RelativePositionBias': {
    inputs: 3,
    attributes: 'max_distance is_bidirectional',
    define: relativePositionBias,
  },
  'com.microsoft.GatedRelativePositionBias': {
    inputs: 7,
    attributes: 'num_heads',
    refused: { 6: 'with which padding is left out of the query' },
    define: gated,
  },
};
