import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { affineMatrix } from '#ortune/data/images/augment/geometry.js';
import { type Padding, type PadMode, Program, type ResampleFilter } from '#ortune/data/images/augment/program.js';
import { addon } from '#ortune/runtime/native.js';
import { bytesOf, run, type StoredPicture } from '../../../support/pixels.js';

// Parameters of the goldens are as torchvision takes them.
type Pair = [number, number];
interface Case {
  picture: number;
  operation: string;
  parameters: {
    filter: ResampleFilter;
    size: Pair;
    rectangle: [number, number, number, number];
    flip: boolean;
    axis: 'horizontal' | 'vertical';
    mode: PadMode;
    padding: [number, number, number, number];
    fill: number[];
    angle: number;
    translate: Pair;
    scale: number;
    shear: Pair;
  };
  size: Pair;
  expected: string;
}
const golden: { pictures: StoredPicture[]; cases: Case[] } = JSON.parse(
  readFileSync('test/fixtures/augment/geometry.json', 'utf8'),
);
const pictures = golden.pictures.map(({ size, pixels }) => ({ size, pixels: bytesOf(pixels) }));

function programOf({ operation, parameters }: Case, [height, width]: readonly number[]): Program {
  const program = new Program({ height: height!, width: width! });
  const whole = { left: 0, top: 0, ...program.size };
  const { filter, size, fill, padding, rectangle, ...rest } = parameters;
  const to = size && { height: size[0], width: size[1] };
  if (operation === 'resize') program.resample(filter, whole, to);
  if (operation === 'flip') program.mirror(rest.axis);
  if (operation === 'pad') {
    const [left, top, right, bottom] = padding;
    program.pad({ left, top, right, bottom } satisfies Padding, rest.mode, fill);
  }
  if (operation === 'crop') {
    const [top, left, height, width] = rectangle;
    program.resample(filter, { left, top, height, width }, to);
    if (rest.flip) program.mirror('horizontal');
  }
  if (operation === 'affine' || operation === 'rotate') {
    const turn = { angle: -rest.angle, translate: [0, 0], scale: 1, shear: [0, 0] } as const;
    const matrix = affineMatrix(program.size, operation === 'rotate' ? turn : rest);
    program.affine(filter as 'nearest' | 'bilinear', matrix, fill);
  }
  return program;
}

describe('pixels are those of torchvision', () => {
  const named = golden.cases.map(
    (c) => [c.operation, pictures[c.picture]!.size, JSON.stringify(c.parameters), c] as const,
  );
  it.each(named)('%s of %j: %s', (_, __, ___, c) => {
    const picture = pictures[c.picture]!;
    const program = programOf(c, picture.size);
    expect([program.size.height, program.size.width]).toEqual(c.size);
    const found = run(program, picture.size, picture.pixels);
    const expected = bytesOf(c.expected);
    expect(found).toHaveLength(expected.length);
    const errors = found.map((value, i) => Math.abs(value - expected[i]!));
    // A place that lies between two pixels to the last bit may go to either.
    const allowed = c.parameters.filter === 'nearest' && c.operation === 'affine' ? 0.01 * found.length : 0;
    expect(errors.filter((error) => error > 1).length).toBeLessThanOrEqual(allowed);
  });
});

test('flat pictures stay flat at any size', () => {
  const pixels = new Uint8Array(37 * 53 * 3).fill(201);
  for (const filter of ['bilinear', 'bicubic', 'lanczos'] as const)
    for (const to of [
      { height: 5, width: 7 },
      { height: 64, width: 91 },
    ]) {
      const program = new Program({ height: 37, width: 53 });
      program.resample(filter, { left: 0, top: 0, height: 37, width: 53 }, to);
      expect(new Set(run(program, [37, 53, 3], pixels))).toEqual(new Set([201]));
    }
});

test('crops and mirrorings join the resampling before them', () => {
  const picture = pictures[0]!;
  const [height, width] = picture.size;
  const to = { height: 20, width: 30 };
  const apart = new Program({ height, width });
  apart.resample('bilinear', { left: 0, top: 0, height, width }, to);
  const all = run(apart, picture.size, picture.pixels);
  const joined = new Program({ height, width });
  joined.resample('bilinear', { left: 0, top: 0, height, width }, to);
  joined.crop({ left: 4, top: 3, height: 8, width: 11 });
  joined.crop({ left: 1, top: 2, height: 5, width: 7 });
  joined.mirror('horizontal');
  joined.mirror('vertical');
  expect(joined.finish()).toHaveLength(15);
  const found = run(joined, picture.size, picture.pixels);
  const expected: number[] = [];
  for (let y = 4; y >= 0; y--)
    for (let x = 6; x >= 0; x--)
      expected.push(...all.subarray(((5 + y) * 30 + 5 + x) * 3, ((5 + y) * 30 + 5 + x) * 3 + 3));
  expect([...found]).toEqual(expected);
});

test('a mirrored picture is cropped where it shows', () => {
  const picture = pictures[1]!;
  const [height, width] = picture.size;
  const program = new Program({ height, width });
  program.mirror('horizontal');
  program.crop({ left: 2, top: 5, height: 3, width: 4 });
  const found = run(program, picture.size, picture.pixels);
  const at = (y: number, x: number) => [...picture.pixels.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
  expect([...found.subarray(0, 3)]).toEqual(at(5, width - 1 - 2));
  expect([...found.subarray(-3)]).toEqual(at(7, width - 1 - 5));
});

test('a part of the picture at a smaller scale stands for the whole', () => {
  // A horizontal ramp: at half the scale, each pixel is the mean of two.
  const whole = { height: 40, width: 64 };
  const ramp = (width: number, first: number, step: number) =>
    Uint8Array.from({ length: 20 * width }, (_, i) => first + step * (i % width));
  const program = new Program(whole);
  program.resample('bilinear', { left: 16, top: 10, height: 20, width: 32 }, { height: 5, width: 8 });
  const part = { shown: { left: 8, top: 0, height: 40, width: 48 }, pixels: { height: 20, width: 24 } };
  const out = new Float32Array(40);
  addon().renderPicture(ramp(24, 17, 4), [20, 24, 1], program.finish(part), Float32Array.of(1, 0), 0, out, [5, 8]);
  // Pixel x of the whole has the value 2 x; the result's pixel i covers 16 + 4 i to 20 + 4 i.
  for (const [i, value] of out.subarray(0, 8).entries())
    expect(Math.abs(value - 2 * (17.5 + 4 * i))).toBeLessThanOrEqual(1.5);
});

test.each([
  ['no filter', [101, 13, 9, 0, 0, 4, 4, 2, 2, 0, 0, 2, 2, 0, 0], 'unknown filter'],
  ['an empty part', [101, 13, 2, 0, 0, 0, 4, 2, 2, 0, 0, 2, 2, 0, 0], 'reads an empty part'],
  ['a window outside', [101, 13, 2, 0, 0, 4, 4, 2, 2, 1, 0, 2, 2, 0, 0], 'keeps what lies outside'],
  ['too few values', [101, 5, 2, 0, 0, 4, 4], 'takes 13 values'],
  ['an end within', [101, 13, 2], 'ends within an operation'],
  ['an unknown operation', [199, 0], 'unknown operation'],
  ['colours of four', [5, 0], 'take 1 or 3 channels', 4],
  [
    'geometry after erasing',
    [201, 9, 0, 0, 1, 1, -1, 0, 0, 0, 0, 103, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    'what follows an erasing',
  ],
  ['an erasing outside', [201, 9, 3, 0, 2, 1, -1, 0, 0, 0, 0], 'lies outside the picture'],
  ['no number', [102, 11, 0, Number.NaN, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'not finite'],
  ['a mirror beyond the picture', [103, 9, 2, 4, 0, 0, 0, 0, 0, 0, 0], 'mirrors more than there is'],
  ['nothing left', [103, 9, 0, -2, 0, -2, 0, 0, 0, 0, 0], 'cuts the whole picture away'],
  ['another size', [], 'ends at another size'],
] as [string, number[], string, number?][])('the addon refuses %s', (_, program, message, channels = 3) => {
  const call = () =>
    addon().renderPicture(
      new Uint8Array(64),
      [4, 4, channels],
      Float64Array.from(program),
      new Float32Array(6),
      0,
      new Float32Array(12),
      [2, 2],
    );
  expect(call).toThrow(message);
});

test('the addon refuses memory of other lengths', () => {
  const program = new Float64Array();
  const call = (pixels: number, out: number, finish: number) =>
    addon().renderPicture(
      new Uint8Array(pixels),
      [4, 4, 3],
      program,
      new Float32Array(finish),
      0,
      new Float32Array(out),
      [4, 4],
    );
  expect(() => call(47, 48, 6)).toThrow('fewer pixels than the picture has');
  expect(() => call(48, 47, 6)).toThrow('another size');
  expect(() => call(48, 48, 5)).toThrow('a scale and a bias');
});
