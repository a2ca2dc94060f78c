// Fourier transforms: sizes as the operators' inputs and attributes say, and the types of what they give. Complex
// numbers are a last axis of two; a real input has a last axis of one.

import type { TypeContext, TypeTable } from './context.js';

const binsOf = (length: number, onesided: boolean): number => (onesided ? Math.floor(length / 2) + 1 : length);

/** N, the axis it runs along, and how many bins come out; `real`: one-sided bins go back to real numbers. */
export function dftOf(c: TypeContext) {
  const shape = c.shape(0);
  const last = shape.at(-1);
  if (shape.length < 2 || (last !== 1 && last !== 2)) c.fail(`its input [${shape}] ends in neither 1 nor 2 parts`);
  const axis = c.axis(c.has(2) ? c.values(2)[0]! : -2, shape.length);
  if (axis === shape.length - 1) c.fail('its axis is that of the real and imaginary part');
  const [onesided, back] = [c.int('onesided', 0) !== 0, c.int('inverse', 0) !== 0];
  const real = onesided && back;
  const length = c.has(1) ? c.values(1)[0]! : real ? 2 * (shape[axis]! - 1) : shape[axis]!;
  if (onesided && (last === 2) !== back) c.fail('a one-sided transform is of real numbers, and its inverse gives some');
  if (!(length > 0)) c.fail(`a transform of length ${length}`);
  return { axis, length, back, real, bins: real ? length : binsOf(length, onesided) };
}

/** Of a signal [B, samples, 1 or 2], or [B, samples]. */
export function stftOf(c: TypeContext) {
  const shape = c.shape(0);
  const [samples, parts] = [shape[1] ?? 0, shape[2] ?? 1];
  const step = c.values(1)[0]!;
  const length = c.has(3) ? c.values(3)[0]! : c.has(2) ? c.shape(2)[0]! : samples;
  if (c.has(2) && c.shape(2)[0] !== length) c.fail(`a window of ${c.shape(2)} for frames of ${length}`);
  if (!(step > 0) || !(length > 0) || length > samples)
    c.fail(`frames of ${length} every ${step} do not fit a signal of ${samples}`);
  const onesided = c.int('onesided', 1) !== 0;
  if (onesided && parts === 2) c.fail('a one-sided transform is of real numbers');
  return { step, length, frames: Math.floor((samples - length) / step) + 1, bins: binsOf(length, onesided) };
}

export const fourier: TypeTable = {
  DFT: (c) => {
    const { axis, bins, real } = dftOf(c);
    const { dtype, shape } = c.type(0);
    return [{ dtype, shape: shape.with(axis, bins).with(-1, real ? 1 : 2) }];
  },
  STFT: (c) => {
    const { frames, bins } = stftOf(c);
    return [{ dtype: c.dtype(0), shape: [c.shape(0)[0]!, frames, bins, 2] }];
  },
};
