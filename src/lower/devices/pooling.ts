// The gradient of MaxPool without the places of the maxima: the taps of the windows are gone through in their order,
// and the first at which a window's maximum stands takes its gradient, as in the runtime's MaxPool and PyTorch's. Each
// tap's share is spread out to the places of the image that it reads and added, so the order of the sum is fixed.

import type { Builder } from '../../onnx/builder.js';
import { add, equal, indices, not, pad, view, where } from '../../onnx/formulas.js';
import { attrInts, type Node, type Value } from '../../onnx/graph.js';
import type { Window } from '../../onnx/shapes/windows.js';
import type { Definition } from '../form.js';

/** Below every value that float32 has, for what lies outside the image. */
const outside = -3.4e38;

/** Where a tap, its place in the kernel by axis, starts in the padded image. */
const startOf = ({ dilations }: Window, tap: readonly number[]): number[] => tap.map((k, axis) => k * dilations[axis]!);

/** The spatial axes of an image [N, C, …]. */
const spatial = ({ kernel }: Window): number[] => indices(kernel.length).map((axis) => axis + 2);

/** What a tap reads of the padded image for every window. */
function readTap(b: Builder, padded: Value, window: Window, tap: readonly number[]): Value {
  const starts = startOf(window, tap);
  const ends = starts.map((start, axis) => start + (window.out[axis]! - 1) * window.strides[axis]! + 1);
  const axes = b.ints(spatial(window));
  return b.op('Slice', [padded, b.ints(starts), b.ints(ends), axes, b.ints(window.strides)]);
}

/** The values of the windows at the places of the padded image that a tap reads, zeros elsewhere. */
function writeTap(b: Builder, values: Value, window: Window, tap: readonly number[], padded: readonly number[]): Value {
  const { strides, out } = window;
  const [n, c] = b.shape(values) as [number, number];
  // [.., out, 1] filled up to [.., out, stride] and read as one axis: the values with the stride between them.
  const apart = view(b, values, [n, c, ...out.flatMap((length) => [length, 1])]);
  const spaced = pad(
    b,
    apart,
    strides.map((stride, axis) => ({ axis: 3 + 2 * axis, before: 0, after: stride - 1 })),
  );
  const dilated = view(b, spaced, [n, c, ...out.map((length, axis) => length * strides[axis]!)]);
  const starts = startOf(window, tap);
  // What hangs over behind is gap, and cut off by a negative pad.
  const end = (start: number, axis: number): number => padded[axis]! - start - out[axis]! * strides[axis]!;
  const around = starts.map((start, axis) => ({ axis: axis + 2, before: start, after: end(start, axis) }));
  return pad(b, dilated, around);
}

/** Every place of the kernel, the last axis fastest. */
const tapsOf = ({ kernel }: Window): number[][] =>
  kernel.reduce<number[][]>((taps, length) => taps.flatMap((tap) => indices(length).map((k) => [...tap, k])), [[]]);

/** The window, from the node's attributes, the image and the maxima; at its last place it may pass the padding. */
function windowOf(b: Builder, node: Node, x: Value, y: Value): Window {
  const [from, out] = [b.shape(x).slice(2), b.shape(y).slice(2)];
  const attribute = (name: string): number[] => attrInts(node, name)!;
  const [kernel, strides, dilations] = [attribute('kernel_shape'), attribute('strides'), attribute('dilations')];
  const before = attribute('pads');
  const end = (axis: number): number => (out[axis]! - 1) * strides[axis]! + (kernel[axis]! - 1) * dilations[axis]! + 1;
  const after = from.map((length, axis) => Math.max(0, end(axis) - length - before[axis]!));
  return { kernel, strides, dilations, before, after, from, out };
}

/** ortune.MaxPoolScatter: dx from dy, the places (which it does without), x and y. */
export const maxPoolGradByTaps: Definition = (b, node) => {
  const [dy, , x, y] = node.inputs as [Value, Value, Value, Value];
  const window = windowOf(b, node, x, y);
  const sides = spatial(window).map((axis, i) => ({ axis, before: window.before[i]!, after: window.after[i]! }));
  const whole = pad(b, x, sides, b.scalar(b.type(x).dtype, outside));
  const shares: Value[] = [];
  let left: Value | undefined;
  for (const tap of tapsOf(window)) {
    const found = equal(b, readTap(b, whole, window, tap), y);
    const missed = not(b, found);
    const takes: Value = left === undefined ? found : b.op('And', [found, left]);
    left = left === undefined ? missed : b.op('And', [left, missed]);
    shares.push(writeTap(b, where(b, takes, dy, 0), window, tap, b.shape(whole).slice(2)));
  }
  const dx = shares.reduce((all, share) => add(b, all, share));
  const cut = sides.map(({ axis, before, after }) => ({ axis, before: -before, after: -after }));
  return [pad(b, dx, cut)];
};
