// Tensors whose values say that they were computed and not learned: masks, ramps of positions, sinusoids, grids of
// coordinates, the frequencies of rotary positions. No training leaves such values, so position and name need not be
// trusted where they are found.

import { types } from 'node:util';
import type { Tensor } from '../onnx/tensor.js';

/** What a table of more than one element is known as, or undefined. */
export function knownTable(tensor: Tensor): string | undefined {
  if (!types.isFloat32Array(tensor.data())) return undefined;
  const data = tensor.data() as Float32Array;
  const known = formOf(
    data,
    tensor.shape.filter((d) => d > 1),
  );
  return known !== undefined && data.some(Number.isNaN) ? undefined : known;
}

function formOf(data: Float32Array, shape: readonly number[]): string | undefined {
  if (shape.length >= 2 && isMask(data)) return 'a mask';
  if (isRamp(data, shape)) return 'a ramp of positions';
  if (shape.length === 1 && isGeometric(data)) return 'a sequence of frequencies';
  if (shape.length >= 2 && isSinusoid(data, shape)) return 'a table of sinusoids';
  return (shape.length >= 3 && isGrid(data, shape)) || isOdd(data, shape) ? 'a grid of coordinates' : undefined;
}

/**
 * Numbers that arithmetic explains: whole, their square and fourth roots, and the inverse of both; powers of ten; those
 * of GELU.
 */
export function isArithmetic(x: number): boolean {
  const size = Math.abs(x);
  const near = (a: number, b: number): boolean => Math.abs(a - b) <= 2e-6 * Math.max(Math.abs(a), Math.abs(b));
  // Beyond, numbers are within the tolerance of a whole one whatever they are.
  const whole = (v: number): boolean => v > 0.5 && v < 2 ** 15 && near(v, Math.round(v));
  if (!Number.isFinite(x) || size === 0 || size >= 1e4 || size <= 1e-4) return true;
  if ([size, size ** 2, size ** 4, 1 / size, size ** -2, size ** -4, size * 1000].some(whole)) return true;
  return [0.044715, 1.702, Math.sqrt(2 / Math.PI), Math.PI, Math.LN2, Math.LN10].some((c) =>
    near(size, Math.fround(c)),
  );
}

/** All 1, or 0 and one other number, or with numbers as large as those that mask attention. */
function isMask(data: Float32Array): boolean {
  const other = data.find((x) => x !== 0) ?? 0;
  const plain = data.every((x) => x === 0 || x === other) && (other === 1 || data.includes(0));
  return plain || masks(data);
}

/** A loop, since every element of an embedding is looked at, which takes a callback five times as long. */
function masks(data: Float32Array): boolean {
  for (let i = 0; i < data.length; i++) if (!(Math.abs(data[i]!) < 1e4)) return true;
  return false;
}

/** Every row of the last axis goes up or down by equal steps, as position ids and the biases of ALiBi do. */
function isRamp(data: Float32Array, shape: readonly number[]): boolean {
  const width = shape.at(-1) ?? 0;
  if (width < 4) return false;
  for (let row = 0; row < data.length; row += width) {
    const step = data[row + 1]! - data[row]!;
    const allowed = 1e-5 * Math.max(Math.abs(data[row]!), Math.abs(data[row + width - 1]!));
    if (step === 0 || !Number.isFinite(allowed)) return false;
    for (let i = 2; i < width; i++) if (Math.abs(data[row + i]! - data[row]! - i * step) > i * allowed) return false;
  }
  return true;
}

/** 1, r, r², …, as the inverse frequencies of rotary positions, and slopes, are. */
function isGeometric(data: Float32Array): boolean {
  if (data.length < 4 || data.some((x) => !(x > 0))) return false;
  const ratio = data[1]! / data[0]!;
  return ratio !== 1 && data.every((x, i) => i === 0 || Math.abs(x / data[i - 1]! / ratio - 1) < 1e-4);
}

/**
 * [positions, width]: every column is a wave along the positions, x(i + 1) + x(i − 1) = 2 cos(f) x(i), or its channels
 * are pairs of a sine and a cosine, next to each other or a half or a quarter of the width apart (positions in a
 * plane).
 */
function isSinusoid(data: Float32Array, shape: readonly number[]): boolean {
  const width = shape.at(-1)!;
  const rows = data.length / width;
  if (width < 4 || rows < 4) return false;
  return areWaves(data, rows, width) || [1, width / 2, width / 4].some((apart) => arePairs(data, rows, width, apart));
}

/** The first rows are left out: tables have other values at padding's. */
function areWaves(data: Float32Array, rows: number, width: number): boolean {
  if (rows < 5) return false;
  const [first, last] = [Math.min(3, rows - 5), Math.min(rows, 16) - 1];
  let varied = 0;
  for (let column = 0; column < width; column++) {
    const at = (row: number): number => data[row * width + column]!;
    let top = first + 1;
    for (let row = first + 1; row < last; row++) if (Math.abs(at(row)) > Math.abs(at(top))) top = row;
    if (at(top) === 0) continue;
    const factor = (at(top + 1) + at(top - 1)) / at(top);
    if (Math.abs(factor) > 2.001) return false;
    for (let row = first + 1; row < last; row++)
      if (Math.abs(at(row + 1) + at(row - 1) - factor * at(row)) > 1e-3 * Math.abs(at(top))) return false;
    if (at(first) !== at(last)) varied++;
  }
  return varied > width / 8;
}

/** Padding's row may be 0. */
function arePairs(data: Float32Array, rows: number, width: number, apart: number): boolean {
  if (!Number.isInteger(apart) || width % (2 * apart) !== 0) return false;
  for (let row = 0; row < rows; row++) {
    const own = data.subarray(row * width, (row + 1) * width);
    if (row < 4 && own.every((x) => x === 0)) continue;
    for (let block = 0; block < width; block += 2 * apart)
      for (let i = block; i < block + apart; i++)
        if (Math.abs(own[i]! ** 2 + own[i + apart]! ** 2 - 1) > 1e-3) return false;
  }
  return true;
}

/** […axes, channels]: every channel follows one of the axes and is the same along the others. */
function isGrid(data: Float32Array, shape: readonly number[]): boolean {
  const channels = shape.at(-1)!;
  const axes = shape.slice(0, -1);
  if (channels > axes.length) return false;
  const strides = axes.map((_, i) => shape.slice(i + 1).reduce((n, d) => n * d, 1));
  const follows = (channel: number, axis: number): boolean => {
    for (let i = channel; i < data.length; i += channels) {
      const place = Math.floor(i / strides[axis]!) % axes[axis]!;
      if (data[i] !== data[place * strides[axis]! + channel]) return false;
    }
    return true;
  };
  return Array.from({ length: channels }, (_, channel) => channel).every((channel) =>
    axes.some((_, axis) => follows(channel, axis)),
  );
}

/** [places, channels]: the same in reverse with the other sign, as distances on both sides of a place are. */
function isOdd(data: Float32Array, shape: readonly number[]): boolean {
  if (shape.length < 2 || data.every((x) => x === 0)) return false;
  const channels = shape.at(-1)!;
  const rows = data.length / channels;
  return (
    rows >= 4 && data.every((x, i) => x === -data[(rows - 1 - Math.floor(i / channels)) * channels + (i % channels)]!)
  );
}
