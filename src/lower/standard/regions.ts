// Regions of images, RoiAlign, and convolutions whose taps are moved, DeformConv: both read images at computed places,
// linearly between elements. Sources: the ONNX references; torchvision, roi_align_kernel.cpp and
// deform_conv2d_kernel.cpp, for what happens at the borders, and that regions have no gradient there.

import { ModelError } from '../../errors.js';
import type { Builder } from '../../onnx/builder.js';
import { add, cast, indices, less, mean, mul, sub, transpose, view, where } from '../../onnx/formulas.js';
import { attrFloat, attrInt, attrString, type Node, type Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { deformedWindow } from '../../onnx/shapes/sampled.js';
import { elementCount, Tensor } from '../../onnx/tensor.js';
import { quote } from '../../quote.js';
import type { Definition } from '../form.js';
import { combined, readTaps, type Sampling, type Tap, tapsAt } from './sampling.js';

/** Elements beyond the image are 0. */
const withZeros: Sampling = { mode: 'linear', padding: 'zeros', corners: true };
/** Places between the outermost elements and one beyond are those of the outermost. */
const withBorder: Sampling = { mode: 'linear', padding: 'border', corners: true };

const fail = (node: Node, why: string): never => {
  throw new ModelError(`node ${quote(node.name)} (${node.op}) has no gradient here: ${why}`);
};

/** Numbers along one axis of a tensor, of the type of `like`. */
const numbers = (b: Builder, like: Value, values: readonly number[], ...shape: number[]): Value =>
  b.constant(Tensor.of(b.type(like).dtype, values, shape), 'places');

/** [N, C, H, W] as rows [N·H·W, C]. */
const rowsOf = (b: Builder, x: Value): Value => {
  const [n, channels, height, width] = b.shape(x) as [number, number, number, number];
  return view(b, transpose(b, x, [0, 2, 3, 1]), [n * height * width, channels]);
};

/** Where `ratio` places of each of `bins` bins lie between `from` and `to` [R]: [R, bins · ratio]. */
function placesOf(b: Builder, from: Value, to: Value, bins: number, ratio: number, half: boolean): Value {
  const [regions] = b.shape(from) as [number];
  const size = sub(b, to, from);
  const whole = half ? size : b.op('Max', [size, b.scalar(b.type(size).dtype, 1)]);
  const shares = indices(bins * ratio).map((i) => (i + 0.5) / (bins * ratio));
  const column = (x: Value): Value => view(b, x, [regions, 1]);
  return add(b, column(from), mul(b, column(whole), numbers(b, from, shares, 1, shares.length)));
}

/** The taps of places, which more than one element beyond the image weigh nothing. */
function tapsInside(b: Builder, places: Value, length: number): Tap[] {
  const { dtype } = b.type(places);
  const outside = b.op('Or', [less(b, places, -1), less(b, length, places)]);
  const inside = cast(b, b.op('Not', [outside]), dtype);
  return tapsAt(b, where(b, outside, 0, places), length, withBorder).map(({ position, weight }) => ({
    position,
    weight: mul(b, weight!, inside),
  }));
}

const roiAlign: Definition = (b, node) => {
  const [x, given, image] = node.inputs as [Value, Value, Value];
  const [, channels, height, width] = b.shape(x) as [number, number, number, number];
  const [out, ratio] = [
    [attrInt(node, 'output_height', 1), attrInt(node, 'output_width', 1)] as const,
    attrInt(node, 'sampling_ratio', 0),
  ];
  if (attrString(node, 'mode', 'avg') !== 'avg') fail(node, "its mode is 'max', expected 'avg'");
  if (ratio < 1)
    fail(
      node,
      'its sampling_ratio is 0, by which large regions are read at more places than small ones; export the model with a sampling_ratio of 1 or more, such as 2',
    );
  const half = attrString(node, 'coordinate_transformation_mode', 'half_pixel') === 'half_pixel';
  const scale = attrFloat(node, 'spatial_scale', 1);
  const regions = b.op('StopGradient', [given], {}, { domain: 'ortune' });
  const [count] = b.shape(given) as [number];
  const moved = sub(b, mul(b, regions, scale), half ? 0.5 : 0);
  const corners = b.ops('Split', [moved], { axis: 1, num_outputs: 4 }, { outputs: 4 }).map((c) => view(b, c, [count]));
  const [left, top, right, bottom] = corners as [Value, Value, Value, Value];
  const along = [
    tapsInside(b, placesOf(b, top, bottom, out[0], ratio, half), height),
    tapsInside(b, placesOf(b, left, right, out[1], ratio, half), width),
  ].map((taps, axis) =>
    taps.map((tap) => {
      const shape = axis === 0 ? [count, out[0] * ratio, 1] : [count, 1, out[1] * ratio];
      return { position: view(b, tap.position, shape), weight: view(b, tap.weight!, shape) };
    }),
  );
  const offsets = view(b, mul(b, cast(b, image, 'int64'), height * width), [count, 1, 1]);
  const read = readTaps(b, rowsOf(b, x), combined(b, along, [height, width]), offsets);
  const apart = view(b, read, [count, out[0], ratio, out[1], ratio, channels]);
  return [transpose(b, mean(b, apart, [2, 4], false), [0, 3, 1, 2])];
};

const deformConv: Definition = (b, node) => {
  const [x, weight, offset, bias, mask] = node.inputs as [Value, Value, Value, Value?, Value?];
  const [n, channels, height, width] = b.shape(x) as [number, number, number, number];
  const [filters, , ...kernel] = b.shape(weight) as [number, number, number, number];
  const { strides, dilations, before, out } = deformedWindow(new TypeContext(b.graph, node));
  const [group, groups] = [attrInt(node, 'group', 1), attrInt(node, 'offset_group', 1)];
  const [taps, places] = [elementCount(kernel), elementCount(out)];
  const apart = view(b, offset, [n * groups, taps, 2, places]);
  const moves = b.ops('Split', [apart], { axis: 2, num_outputs: 2 }, { outputs: 2 }) as [Value, Value];
  // Where a tap would stand unmoved, of every tap and place.
  const along = [height, width].map((length, axis) => {
    const at = indices(taps).flatMap((tap) =>
      indices(places).map((place) => {
        const k = axis === 0 ? Math.floor(tap / kernel[1]!) : tap % kernel[1]!;
        const o = axis === 0 ? Math.floor(place / out[1]!) : place % out[1]!;
        return o * strides[axis]! - before[axis]! + k * dilations[axis]!;
      }),
    );
    const moved = add(b, view(b, moves[axis]!, [n * groups, taps * places]), numbers(b, offset, at, 1, taps * places));
    return tapsAt(b, moved, length, withZeros);
  });
  const images = view(b, x, [n * groups, channels / groups, height, width]);
  const starts = indices(n * groups).map((i) => i * height * width);
  const offsets = b.constant(Tensor.of('int64', starts, [n * groups, 1]), 'images');
  const read = readTaps(b, rowsOf(b, images), combined(b, along, [height, width]), offsets);
  const weighed = mask ? mul(b, read, view(b, mask, [n * groups, taps * places, 1])) : read;
  const columns = transpose(b, weighed, [0, 2, 1]);
  const rows = view(b, columns, [n, group, (channels / group) * taps, places]);
  const matrix = view(b, weight, [group, filters / group, (channels / group) * taps]);
  const y = view(b, b.op('MatMul', [matrix, rows]), [n, filters, ...out]);
  return [bias ? add(b, y, view(b, bias, [filters, 1, 1])) : y];
};

export const regions = { RoiAlign: roiAlign, DeformConv: deformConv } as const satisfies Record<string, Definition>;
