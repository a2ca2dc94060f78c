// What gradients of pooling are made of: a window's share goes back to its elements, or to where the maximum stood.

import type { Builder } from '../builder.js';
import { div, indices, view, zeros } from '../formulas.js';
import type { Value } from '../graph.js';
import type { Window } from '../shapes/windows.js';
import { elementCount, Tensor } from '../tensor.js';
import { convolveBack } from './convolution.js';

/** Each output's value added to every element of its window. */
export function spread(b: Builder, value: Value, window: Window, shape: readonly number[]): Value {
  const [n, channels, ...out] = b.shape(value) as [number, number, ...number[]];
  const ones = Tensor.of(b.type(value).dtype, new Float32Array(elementCount(window.kernel)).fill(1), [
    1,
    1,
    ...window.kernel,
  ]);
  const images = view(b, value, [n * channels, 1, ...out]);
  return view(b, convolveBack(b, images, b.constant(ones), window, 1), shape);
}

/**
 * Elements that each window averages, [1, 1, …out]: those inside the input, or inside the padded input with
 * count_include_pad. A window that hangs over the padding as well (ceil_mode) counts no more than that.
 */
function counts({ kernel, strides, dilations, before, after, from, out }: Window, padded: boolean): Tensor {
  const along = out.map((length, axis) =>
    indices(length).map((o) => {
      const start = o * strides[axis]! - before[axis]!;
      const [low, high] = padded ? [-before[axis]!, from[axis]! + after[axis]!] : [0, from[axis]!];
      const positions = indices(kernel[axis]!).map((k) => start + k * dilations[axis]!);
      return positions.filter((p) => p >= low && p < high).length;
    }),
  );
  const table = along.reduce<number[]>((all, axis) => all.flatMap((a) => axis.map((n) => a * n)), [1]);
  return Tensor.of('float64', table, [1, 1, ...out]);
}

/** dx = Σ over the windows of dy / count, of `shape`. */
export function averagePoolGrad(
  b: Builder,
  dy: Value,
  window: Window,
  padded: boolean,
  shape: readonly number[],
): Value {
  const table = counts(window, padded);
  const count = b.constant(Tensor.of(b.type(dy).dtype, table.numbers(), table.shape));
  return spread(b, div(b, dy, count), window, shape);
}

/** Positions in the whole tensor come with the maxima (Indices); windows overlap, so what meets adds up. */
export function maxPoolGrad(b: Builder, dy: Value, places: Value, shape: readonly number[]): Value {
  const count = elementCount(b.shape(dy));
  const none = zeros(b, { dtype: b.type(dy).dtype, shape: [elementCount(shape)] });
  const added = b.op('ScatterElements', [none, view(b, places, [count]), view(b, dy, [count])], { reduction: 'add' });
  return view(b, added, shape);
}
