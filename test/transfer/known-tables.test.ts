import { describe, expect, test } from 'vitest';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { isArithmetic, knownTable } from '#ortune/transfer/known-tables.js';

const made = (shape: number[], f: (...at: number[]) => number): Tensor => {
  const size = shape.reduce((a, b) => a * b);
  const places = Array.from({ length: size }, (_, i) => {
    let rest = i;
    return shape
      .toReversed()
      .map((d) => {
        const at = rest % d;
        rest = Math.floor(rest / d);
        return at;
      })
      .toReversed();
  });
  return Tensor.of(
    'float32',
    Float32Array.from(places, (at) => f(...at)),
    shape,
  );
};
const frequency = (i: number, width: number) => 10_000 ** ((-2 * Math.floor(i / 2)) / width);

describe('tables that no training leaves', () => {
  test.each<[string, string, Tensor]>([
    ['a causal mask', 'a mask', made([6, 6], (i, j) => (j > i ? -3.4e38 : 0))],
    ['ones and zeros', 'a mask', made([6, 6], (i, j) => Number(j > i))],
    ['positions', 'a ramp of positions', made([1, 9], (_, i) => i)],
    ["ALiBi's biases", 'a ramp of positions', made([2, 1, 8], (h, _, i) => 2 ** -(h + 1) * (i - 7))],
    ['a linspace', 'a ramp of positions', made([12], (i) => -1 + (2 * i) / 11)],
    ['inverse frequencies', 'a sequence of frequencies', made([8], (i) => 10_000 ** (-i / 8))],
    [
      'sinusoids, interleaved',
      'a table of sinusoids',
      made([20, 8], (i, j) => (j % 2 ? Math.cos : Math.sin)(i * frequency(j, 8))),
    ],
    [
      'sinusoids in halves, padding at 0',
      'a table of sinusoids',
      made([20, 8], (i, j) => (i === 1 ? 0 : (j < 4 ? Math.sin : Math.cos)((i + 2) * frequency(2 * (j % 4), 8)))),
    ],
    [
      'cosines of rotary positions alone',
      'a table of sinusoids',
      made([1, 16, 4], (_, i, j) => Math.cos(i * frequency(2 * j, 8))),
    ],
    [
      'sinusoids of places in a plane',
      'a table of sinusoids',
      made([16, 8], (i, j) =>
        (j % 4 < 2 ? Math.sin : Math.cos)((j < 4 ? i % 4 : Math.floor(i / 4)) * (j % 2 ? 0.1 : 1)),
      ),
    ],
    [
      'a grid of coordinates',
      'a grid of coordinates',
      made([1, 5, 5, 2], (_, y, x, c) => Math.sign((c ? x : y) - 2) * Math.log2(1 + Math.abs((c ? x : y) - 2))),
    ],
    ['distances on both sides', 'a grid of coordinates', made([9, 2], (i, c) => (i - 4) ** 3 * (c + 1))],
  ])('%s', (_, known, tensor) => expect(knownTable(tensor)).toBe(known));
});

test('what was learned or drawn is none of them, whatever its shape', () => {
  for (const shape of [[4], [6, 6], [1, 9], [20, 8], [1, 16, 4], [1, 5, 5, 2], [3, 5, 8]])
    for (let i = 0; i < 20; i++)
      expect(
        knownTable(
          Tensor.of(
            'float32',
            normals(
              7,
              i,
              shape.reduce((a, b) => a * b),
            ),
            shape,
          ),
        ),
      ).toBeUndefined();
  expect(knownTable(made([8], () => 1))).toBeUndefined();
  expect(knownTable(made([8], () => 0))).toBeUndefined();
  for (const spoilt of [Number.NaN, Number.POSITIVE_INFINITY])
    for (const place of [0, 3, 7]) expect(knownTable(made([8], (i) => (i === place ? spoilt : i * i)))).toBeUndefined();
});

test('numbers that arithmetic explains', () => {
  const explained = [
    0,
    1,
    -2,
    8,
    0.5,
    0.125,
    Math.SQRT1_2,
    Math.sqrt(32),
    1 / Math.sqrt(24),
    1e-6,
    -1e9,
    0.044715,
    1.702,
  ];
  for (const x of explained) expect(isArithmetic(Math.fround(x)), String(x)).toBe(true);
  for (const x of [2.6589321, 0.1234567, -0.33345678, 17.20031])
    expect(isArithmetic(Math.fround(x)), String(x)).toBe(false);
});
