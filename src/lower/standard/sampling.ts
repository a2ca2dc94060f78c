// Images read at computed places: GridSample, and AffineGrid, which makes the places. Each place reads 2 (linear), 1
// (nearest) or 4 (cubic) taps along each axis; a tap is a row of the table [N·positions, C] with a weight that depends
// on the place. So the image gets its gradient as a table of embeddings does, and the places through the weights.
// Sources: the ONNX references; PyTorch, GridSamplerKernel.cpp, for what happens at and beyond the borders.

import type { Builder } from '../../onnx/builder.js';
import { add, cast, indices, less, mul, sub, transpose, view, where } from '../../onnx/formulas.js';
import { attrInt, attrString, type Value } from '../../onnx/graph.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import type { Definition } from '../form.js';

export interface Sampling {
  readonly mode: string;
  readonly padding: string;
  readonly corners: boolean;
}

/** One tap along one axis, per place: position within the axis, as float, and weight. */
export interface Tap {
  readonly position: Value;
  readonly weight: Value | undefined;
}

const floor = (b: Builder, x: Value): Value => b.op('Floor', [x]);

/** Within 0 and `length` − 1, and no slope where it is moved there. */
export function clamped(b: Builder, x: Value, length: number): Value {
  const inside = where(b, less(b, 0, x), x, 0);
  return where(b, less(b, inside, length - 1), inside, length - 1);
}

/** Mirrored at both ends until it lies between them, which are places of the outermost elements, or half one beyond. */
function reflected(b: Builder, x: Value, length: number, corners: boolean): Value {
  const [low, span] = corners ? [0, length - 1] : [-0.5, length];
  if (span === 0) return mul(b, x, 0);
  const from = sub(b, x, low);
  const distance = where(b, less(b, from, 0), sub(b, 0, from), from);
  const flips = floor(b, mul(b, distance, 1 / span));
  const rest = sub(b, distance, mul(b, flips, span));
  const isOdd = less(b, mul(b, floor(b, mul(b, flips, 0.5)), 2), flips);
  return add(b, where(b, isOdd, sub(b, span, rest), rest), low);
}

/** A place moved into the axis as the padding says; zeros leave it where it is. */
function padded(b: Builder, x: Value, length: number, { padding, corners }: Sampling): Value {
  if (padding === 'zeros') return x;
  return clamped(b, padding === 'reflection' ? reflected(b, x, length, corners) : x, length);
}

/** Keys' cubic with a = −3/4 at the four taps around a place that lies `t` behind the second. */
function cubicWeights(b: Builder, t: Value): Value[] {
  const a = -0.75;
  const near = (d: Value): Value => add(b, mul(b, mul(b, sub(b, mul(b, d, a + 2), a + 3), d), d), 1);
  const far = (d: Value): Value => sub(b, mul(b, add(b, mul(b, sub(b, mul(b, d, a), 5 * a), d), 8 * a), d), 4 * a);
  const u = sub(b, 1, t);
  return [far(add(b, t, 1)), near(t), near(u), far(add(b, u, 1))];
}

/** The taps of places along an axis of `length`: positions of its elements, and what lies between them. */
export function tapsAt(b: Builder, raw: Value, length: number, sampling: Sampling): Tap[] {
  const { mode, padding } = sampling;
  const bounded = (at: Value, weight: Value | undefined): Tap => {
    if (padding !== 'zeros') return { position: at, weight };
    const position = clamped(b, at, length);
    const inside = cast(b, b.op('Equal', [position, at]), b.type(at).dtype);
    return { position, weight: weight ? mul(b, weight, inside) : inside };
  };
  if (mode === 'cubic') {
    const low = floor(b, raw);
    return cubicWeights(b, sub(b, raw, low)).map((weight, k) =>
      bounded(padded(b, add(b, low, k - 1), length, sampling), weight),
    );
  }
  const x = padded(b, raw, length, sampling);
  if (mode === 'nearest') return [bounded(b.op('Round', [x]), undefined)];
  const low = floor(b, x);
  const t = sub(b, x, low);
  const high = add(b, low, 1);
  // Beyond the last element only with weight 0, but it must be a row all the same.
  const last = padding === 'zeros' ? high : clamped(b, high, length);
  return [bounded(low, sub(b, 1, t)), bounded(last, t)];
}

/** The taps of all axes together: positions in the flattened image, weights multiplied. */
export const combined = (b: Builder, along: readonly (readonly Tap[])[], size: readonly number[]): readonly Tap[] =>
  along.reduce((all, taps, axis) =>
    all.flatMap((outer) =>
      taps.map((tap) => ({
        position: add(b, mul(b, outer.position, size[axis]!), tap.position),
        weight: outer.weight && tap.weight ? mul(b, outer.weight, tap.weight) : (outer.weight ?? tap.weight),
      })),
    ),
  );

/** Σ weight · row of the table [rows, C], for taps of any shape: […, C]. `offsets`: of the images in the table. */
export function readTaps(b: Builder, table: Value, taps: readonly Tap[], offsets: Value): Value {
  const read = taps.map(({ position, weight }) => {
    const rows = b.op('Gather', [table, add(b, cast(b, position, 'int64'), offsets)], { axis: 0 });
    return weight ? mul(b, rows, view(b, weight, [...b.shape(weight), 1])) : rows;
  });
  return read.length === 1 ? read[0]! : b.op('Sum', read);
}

const gridSample: Definition = (b, node) => {
  const [image, grid] = node.inputs as [Value, Value];
  const [n, channels, ...size] = b.shape(image) as [number, number, ...number[]];
  const out = b.shape(grid).slice(1, -1);
  const places = elementCount(out);
  const sampling: Sampling = {
    mode: attrString(node, 'mode', 'linear'),
    padding: attrString(node, 'padding_mode', 'zeros'),
    corners: attrInt(node, 'align_corners', 0) !== 0,
  };
  const coordinates =
    size.length === 1
      ? [grid]
      : b.ops('Split', [grid], { axis: -1, num_outputs: size.length }, { outputs: size.length });
  // Coordinates stand in the opposite order of the axes, x, y, z, and go from −1 to 1.
  const along = size.map((length, axis) => {
    const coordinate = view(b, coordinates[size.length - 1 - axis]!, [n, places]);
    const half = (sampling.corners ? length - 1 : length) / 2;
    return tapsAt(b, add(b, mul(b, coordinate, half), (length - 1) / 2), length, sampling);
  });
  const positions = elementCount(size);
  const table = view(b, transpose(b, image, [0, ...indices(size.length).map((i) => i + 2), 1]), [
    n * positions,
    channels,
  ]);
  const offsets = b.constant(
    Tensor.of(
      'int64',
      indices(n).map((i) => i * positions),
      [n, 1],
    ),
  );
  const total = readTaps(b, table, combined(b, along, size), offsets);
  const last = size.length + 1;
  return [transpose(b, view(b, total, [n, ...out, channels]), [0, last, ...indices(size.length).map((i) => i + 1)])];
};

/** theta [N, k, k + 1] by the places of an image of `size`, each (x, y, 1) or (x, y, z, 1). */
const affineGrid: Definition = (b, node) => {
  const [theta, sizes] = node.inputs as [Value, Value];
  const [n, , ...size] = b.graph.initializers.get(sizes)!.numbers() as [number, number, ...number[]];
  const corners = attrInt(node, 'align_corners', 0) !== 0;
  const at = (i: number, length: number): number =>
    corners ? (length === 1 ? 0 : (2 * i) / (length - 1) - 1) : (2 * i + 1) / length - 1;
  const places = indices(elementCount(size)).flatMap((place) => {
    let rest = place;
    const coordinates = size.toReversed().map((length) => {
      const i = rest % length;
      rest = (rest - i) / length;
      return at(i, length);
    });
    return [...coordinates, 1];
  });
  const k = size.length;
  const base = b.constant(Tensor.of(b.type(theta).dtype, places, [1, elementCount(size), k + 1]), 'places');
  return [view(b, b.op('MatMul', [base, transpose(b, theta, [0, 2, 1])]), [n, ...size, k])];
};

export const sampling = { AffineGrid: affineGrid, GridSample: gridSample } as const satisfies Record<
  string,
  Definition
>;
