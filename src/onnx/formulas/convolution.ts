// What gradients of convolutions are made of. A convolution is linear in x and in W: with xp the padded input,
//   y[n, m, o] = Σ_c,k  W[m, c, k] · xp[n, c, o·stride + k·dilation]    (c within the group of m; o, k over all axes)
// so each gradient is again a convolution of this form. Sources: the ONNX references of Conv and ConvTranspose; JAX,
// convolution.py, for the exchange of stride and dilation. Which form runs fastest is not decided here.

import type { AttrInput, Builder } from '../builder.js';
import { indices, sum, transpose, view } from '../formulas.js';
import type { Value } from '../graph.js';
import type { Window } from '../shapes/windows.js';

/** What a backward window leaves over at the end of each axis: elements that no window has read. */
const rest = ({ from, out, strides, dilations, kernel, before, after }: Window): number[] =>
  from.map((d, i) => d + before[i]! + after[i]! - (out[i]! - 1) * strides[i]! - (kernel[i]! - 1) * dilations[i]! - 1);

/**
 * Σ_m,o dy[n, m, o] · W[m, c, k] at o·stride + k·dilation = i: the transpose of the convolution of this window, as one
 * ConvTranspose. Elements that no window has read get 0 (output_padding); windows that hang over the end (ceil_mode)
 * are cut by more padding.
 */
export function convolveBack(b: Builder, dy: Value, weight: Value, window: Window, group: number): Value {
  const over = rest(window);
  const { strides, dilations, before, after } = window;
  const attrs: Record<string, AttrInput> = { group, strides, dilations };
  attrs.pads = [...before, ...after.map((p, i) => p + Math.max(0, -over[i]!))];
  if (over.some((r) => r > 0)) attrs.output_padding = over.map((r) => Math.max(0, r));
  return b.op('ConvTranspose', [dy, weight], attrs);
}

/**
 * dW[m, c, k] = Σ_n,o dy[n, m, o] · xp[n, c, o·stride + k·dilation]. Read with n as the channel that is summed, c as
 * the batch and k as the position, this is a convolution of x with the kernel dy whose dilation is the stride and
 * whose stride is the dilation. Groups become groups of channels: x [N, G·C', …] → [C', G·N, …], dy [N, M, …] → [M, N,
 * …], and their convolution in G groups is [C', M, …kernel], with positions behind the kernel cut off.
 */
export function weightGrad(b: Builder, x: Value, dy: Value, window: Window, group: number): Value {
  const { kernel, strides, dilations, before, after } = window;
  const [n, channels, ...from] = b.shape(x) as [number, number, ...number[]];
  const inner = channels / group;
  const axes = indices(kernel.length);
  const apart = view(b, x, [n, group, inner, ...from]);
  const byChannel = transpose(b, apart, [2, 1, 0, ...axes.map((i) => i + 3)]);
  const image = view(b, byChannel, [inner, group * n, ...from]);
  const filters = transpose(b, dy, [1, 0, ...axes.map((i) => i + 2)]);
  const attrs = { group, strides: dilations, dilations: strides, pads: [...before, ...after] };
  const wide = b.op('Conv', [image, filters], attrs);
  const cut = sliceTo(b, wide, kernel);
  return transpose(b, cut, [1, 0, ...axes.map((i) => i + 2)]);
}

/** The first `size` positions along the spatial axes. */
export function sliceTo(b: Builder, x: Value, size: readonly number[]): Value {
  const shape = b.shape(x).slice(2);
  if (size.every((d, i) => d === shape[i])) return x;
  return b.op('Slice', [x, b.ints(size.map(() => 0)), b.ints(size), b.ints(indices(size.length).map((i) => i + 2))]);
}

/** Σ over the batch and all positions: the bias is added per channel. */
export const perChannelSum = (b: Builder, dy: Value): Value =>
  sum(
    b,
    dy,
    indices(b.shape(dy).length).filter((axis) => axis !== 1),
    false,
  );
