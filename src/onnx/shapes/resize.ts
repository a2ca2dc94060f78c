// Resize as a linear map per axis: the sizes it gives, and the weights [out, in] with which each output element reads
// the input. The operator is separable, so these matrices are all that its gradient needs. Coordinates are computed in
// float32, as the runtime does, so that 'nearest' chooses the same element. Source: the ONNX reference of Resize.

import { quote } from '../../quote.js';
import { OverBudget } from '../budget.js';
import type { TypeContext, TypeRule } from './context.js';

/** One resized axis. `scale` is what coordinates are divided by: it may differ from out / from when it was given. */
export interface ResizedAxis {
  axis: number;
  from: number;
  out: number;
  scale: number;
}

/** The axes that Resize may change, all of them unless `axes` names some. */
export function resizedAxes(c: TypeContext): ResizedAxis[] {
  const shape = c.shape(0);
  const axes = c.ints('axes')?.map((a) => c.axis(a, shape.length)) ?? shape.map((_, i) => i);
  const given = (input: number): number[] | undefined => {
    const values = c.has(input) ? c.values(input) : [];
    if (values.length > 0 && values.length !== axes.length)
      c.fail(`input ${input} has ${values.length} entries for ${axes.length} axes`);
    return values.length > 0 ? values : undefined;
  };
  const [scales, sizes] = [given(2), given(3)];
  if (scales)
    return axes.map((axis, i) => {
      const scale = Math.fround(scales[i]!);
      return { axis, from: shape[axis]!, out: Math.floor(Math.fround(shape[axis]! * scale)), scale };
    });
  if (!sizes) return c.fail('neither scales nor sizes are given');
  const policy = String(c.node.attrs.get('keep_aspect_ratio_policy')?.value ?? 'stretch');
  const ratios = axes.map((axis, i) => Math.fround(sizes[i]! / shape[axis]!));
  if (policy === 'stretch')
    return axes.map((axis, i) => ({ axis, from: shape[axis]!, out: sizes[i]!, scale: ratios[i]! }));
  const scale = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return axes.map((axis) => ({ axis, from: shape[axis]!, out: Math.round(Math.fround(scale * shape[axis]!)), scale }));
}

export const resize: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const out = [...shape];
  for (const { axis, out: size } of resizedAxes(c)) out[axis] = size;
  return [{ dtype, shape: out }];
};

const f = Math.fround;
type Coordinate = (i: number, axis: ResizedAxis) => number;

/** Where output position i lies on the input's axis, by coordinate_transformation_mode. */
const coordinates: Readonly<Record<string, Coordinate>> = {
  asymmetric: (i, { scale }) => f(i / scale),
  half_pixel: (i, { scale }) => f(f((i + 0.5) / scale) - 0.5),
  pytorch_half_pixel: (i, { scale, out }) => (out > 1 ? f(f((i + 0.5) / scale) - 0.5) : 0),
  align_corners: (i, { from, out }) => (out === 1 ? 0 : f((i * (from - 1)) / (out - 1))),
  half_pixel_symmetric: (i, { scale, from, out }) => {
    const offset = f((from / 2) * f(1 - f(out / f(scale * from))));
    return f(offset + f(f((i + 0.5) / scale) - 0.5));
  },
};

const nearest: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Keys' cubic at a distance below 2; a: cubic_coeff_a. */
const cubic = (distance: number, a: number): number => {
  const d = Math.abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
};

/** What one output element reads: pairs of input position and weight, before positions are clamped to the axis. */
type Taps = [position: number, weight: number][];

const tapsOf = (c: TypeContext, mode: string, from: number): ((x: number) => Taps) => {
  const clamp = (x: number): number => Math.min(Math.max(x, 0), from - 1);
  if (mode === 'nearest') {
    const name = String(c.node.attrs.get('nearest_mode')?.value ?? 'round_prefer_floor');
    const round = nearest[name] ?? c.fail(`nearest_mode ${quote(name)} is not known`);
    return (x) => [[round(x), 1]];
  }
  if (mode === 'linear')
    return (x) => {
      const at = clamp(x);
      const low = Math.floor(at);
      return [
        [low, 1 - (at - low)],
        [low + 1, at - low],
      ];
    };
  if (mode !== 'cubic') c.fail(`mode ${quote(mode)} is not known`);
  const a = Number(c.node.attrs.get('cubic_coeff_a')?.value ?? -0.75);
  const inside = c.int('exclude_outside', 0) !== 0;
  return (x) => {
    const low = Math.floor(x);
    const all = [-1, 0, 1, 2].map((k): Taps[number] => [low + k, cubic(x - low - k, a)]);
    if (!inside) return all;
    const kept = all.filter(([position]) => position >= 0 && position < from);
    const total = kept.reduce((sum, [, weight]) => sum + weight, 0);
    return kept.map(([position, weight]) => [position, weight / total]);
  };
};

/** With antialias the filter is stretched by the scale of an axis that shrinks, and its weights add up to 1. */
function wideTaps(c: TypeContext, mode: string, { from, scale }: ResizedAxis): (x: number) => Taps {
  const a = Number(c.node.attrs.get('cubic_coeff_a')?.value ?? -0.75);
  const filter = mode === 'linear' ? (d: number) => Math.max(0, 1 - Math.abs(d)) : (d: number) => cubic(d, a);
  const shrink = Math.min(1, scale);
  const reach = (mode === 'linear' ? 1 : 2) / shrink;
  const inside = c.int('exclude_outside', 0) !== 0;
  return (x) => {
    const [low, high] = [Math.floor(x + 1 - reach), Math.floor(x + 1 + reach)];
    const [first, end] = inside ? [Math.max(0, low), Math.min(from, high)] : [low, high];
    const taps = Array.from({ length: end - first }, (_, k): Taps[number] => [
      first + k,
      filter((first + k - x) * shrink),
    ]);
    const total = taps.reduce((sum, [, weight]) => sum + weight, 0);
    return taps.map(([position, weight]) => [position, weight / total]);
  };
}

/**
 * The weights [out, in] of one axis, row by row.
 * @throws ModelError for coordinate modes that crop (tf_crop_and_resize)
 */
export function resizeWeights(c: TypeContext, resized: ResizedAxis): Float64Array {
  const { from, out, scale } = resized;
  const name = String(c.node.attrs.get('coordinate_transformation_mode')?.value ?? 'half_pixel');
  const coordinate =
    coordinates[name] ?? c.fail(`coordinate_transformation_mode ${quote(name)} has no gradient here; use half_pixel`);
  if (out * from * 8 > c.graph.maxBytes)
    c.fail(`its gradient takes ${out} x ${from} weights, more than maxGraphMemory allows`, OverBudget);
  const mode = String(c.node.attrs.get('mode')?.value ?? 'nearest');
  const wide = c.int('antialias', 0) !== 0 && mode !== 'nearest';
  const taps = wide ? wideTaps(c, mode, resized) : tapsOf(c, mode, from);
  const weights = new Float64Array(out * from);
  for (let i = 0; i < out; i++) {
    const x = scale === 1 && out === from ? i : coordinate(i, resized);
    for (const [position, weight] of taps(x)) weights[i * from + Math.min(Math.max(position, 0), from - 1)]! += weight;
  }
  return weights;
}
