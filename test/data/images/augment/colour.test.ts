import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { randAugmentSpace, trivialAugmentSpace } from '#ortune/data/images/augment/automatic.js';
import { type Augmentation, chainOf } from '#ortune/data/images/augment/chain.js';
import { Rng, seedOf } from '#ortune/data/images/augment/draws.js';
import { affineMatrix } from '#ortune/data/images/augment/geometry.js';
import { Program } from '#ortune/data/images/augment/program.js';
import { Renderer } from '#ortune/data/images/augment/renderer.js';
import { preprocessingOf } from '#ortune/data/images/preprocessing.js';
import { bytesOf, run, type StoredPicture, worst } from '../../../support/pixels.js';

interface Golden {
  pictures: StoredPicture[];
  cases: { picture: number; operation: string; value: number | null; expected: string }[];
  moves: { operation: string; magnitude: number; expected: string }[];
  spaces: Record<string, Record<string, { signed: boolean; magnitudes: number[] | null }>>;
}
const golden: Golden = JSON.parse(readFileSync('test/fixtures/augment/colour.json', 'utf8'));
const pictures = golden.pictures.map(({ size, pixels }) => ({ size, pixels: bytesOf(pixels) }));

/** A chain on one sample of a picture. */
function programOf(augmentation: Augmentation, size: StoredPicture['size'], sample = 0): Program {
  const program = new Program({ height: size[0], width: size[1] });
  const chain = chainOf(augmentation);
  const seed = seedOf({ seed: 7, epoch: 0, sample });
  for (let i = 0; i < chain.length; i++)
    chain.draw(i, { program, draws: new Rng(seed, i), target: { height: size[0], width: size[1] } });
  return program;
}

/** The step that does one operation for certain, with one value. */
function stepOf(operation: string, value: number): Augmentation[number] {
  const exact = [value, value];
  if (operation === 'brightness' || operation === 'contrast' || operation === 'saturation' || operation === 'hue')
    return { op: 'colorJitter', [operation]: exact };
  if (operation === 'gaussianBlur') return { op: 'gaussianBlur', kernelSize: 5, sigma: exact };
  if (operation === 'sharpness') return { op: 'randomAdjustSharpness', sharpnessFactor: value, p: 1 };
  if (operation === 'solarize') return { op: 'randomSolarize', threshold: value, p: 1 };
  if (operation === 'posterize') return { op: 'randomPosterize', bits: value, p: 1 };
  return { op: `random${operation[0]!.toUpperCase()}${operation.slice(1)}`, p: 1 };
}

describe('colours are those of torchvision', () => {
  const named = golden.cases.map((c) => [c.operation, c.value, pictures[c.picture]!.size, c] as const);
  it.each(named)('%s %s of %j', (operation, value, size, c) => {
    const found = run(programOf([stepOf(operation, value ?? 0)], size), size, pictures[c.picture]!.pixels);
    expect(worst(found, bytesOf(c.expected))).toBeLessThanOrEqual(2);
  });
});

describe.each([
  ['randAugment', randAugmentSpace],
  ['trivialAugmentWide', trivialAugmentSpace],
] as const)('%s', (name, space) => {
  const theirs = golden.spaces[name]!;

  it('has the operations of torchvision', () => {
    const lower = (names: string[]) => names.map((text) => text.toLowerCase()).sort();
    expect(lower(Object.keys(space))).toEqual(lower(Object.keys(theirs)));
  });

  it.each(Object.entries(theirs))('%s has its magnitudes', (operation, { signed, magnitudes }) => {
    const ours = Object.entries(space).find(([key]) => key.toLowerCase() === operation.toLowerCase())![1];
    expect(ours.signed ?? false).toBe(signed);
    for (const [bin, magnitude] of (magnitudes ?? []).entries())
      expect(ours.at(bin / 30, { height: 40, width: 60 })).toBeCloseTo(magnitude, 4);
  });

  it('changes most samples, and keeps their size', () => {
    const { size, pixels } = pictures[0]!;
    const changed = Array.from({ length: 300 }, (_, sample) => {
      const found = run(programOf([{ op: name }], size, sample), size, pixels);
      expect(found).toHaveLength(pixels.length);
      return worst(found, pixels) > 0;
    });
    expect(changed.filter(Boolean).length).toBeGreaterThan(200);
  });
});

describe('what automatic augmentation moves is moved as torchvision moves it', () => {
  const { size, pixels } = pictures[0]!;
  it.each(golden.moves)('$operation by $magnitude', ({ operation, magnitude, expected }) => {
    const degrees = (Math.atan(magnitude) * 180) / Math.PI;
    const still = { angle: 0, translate: [0, 0], scale: 1, shear: [0, 0] } as const;
    const changes: Record<string, object> = {
      ShearX: { shear: [degrees, 0] },
      ShearY: { shear: [0, degrees] },
      TranslateX: { translate: [Math.trunc(magnitude), 0] },
      TranslateY: { translate: [0, Math.trunc(magnitude)] },
      Rotate: { angle: -magnitude },
    };
    const [height, width] = size;
    const corner = operation.startsWith('Shear') ? ([-0.5, -0.5] as const) : undefined;
    const program = new Program({ height, width });
    program.affine('nearest', affineMatrix(program.size, { ...still, ...changes[operation] }, corner), [0]);
    const found = run(program, size, pixels);
    const off = found.filter((value, i) => Math.abs(value - bytesOf(expected)[i]!) > 0).length;
    expect(off).toBeLessThanOrEqual(0.01 * found.length);
  });
});

/** Values of the first operation of each sample's program; undefined where there is none. */
const drawn = (augmentation: Augmentation, size: StoredPicture['size'] = [32, 32, 3], samples = 10_000) =>
  Array.from({ length: samples }, (_, sample) => {
    const [code, count, ...values] = programOf(augmentation, size, sample).finish();
    return code === undefined ? undefined : { code, values: values.slice(0, count) };
  });

/** Kolmogorov and Smirnov's distance of values from the uniform distribution between two bounds. */
function distance(values: number[], [low, high]: readonly [number, number]): number {
  const sorted = values.map((value) => (value - low) / (high - low)).sort((a, b) => a - b);
  return Math.max(...sorted.map((x, i) => Math.max((i + 1) / sorted.length - x, x - i / sorted.length)));
}

describe('parameters follow their distributions over 10,000 samples', () => {
  // Of the statistic times the root of the number of samples, 1.95 is passed once in a thousand times.
  it.each([
    ['brightness', 0.4, [0.6, 1.4]],
    ['contrast', 1.5, [0, 2.5]],
    ['saturation', [0.5, 3], [0.5, 3]],
    ['hue', 0.1, [-0.1, 0.1]],
  ] as const)('%s %j is uniform', (name, option, bounds) => {
    const values = drawn([{ op: 'colorJitter', [name]: option }]).map((one) => one!.values[0]!);
    expect(distance(values, bounds) * Math.sqrt(values.length)).toBeLessThan(1.95);
  });

  it('the order of the jitter is any of 24', () => {
    const counts = new Map<string, number>();
    const op = { op: 'colorJitter', brightness: 0.1, contrast: 0.1, saturation: 0.1, hue: 0.1 };
    for (let sample = 0; sample < 10_000; sample++) {
      const numbers = programOf([op], [32, 32, 3], sample).finish();
      const order = [0, 3, 6, 9].map((at) => numbers[at]).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chi = [...counts.values()].reduce((sum, n) => sum + (n - 10_000 / 24) ** 2 / (10_000 / 24), 0);
    expect(chi).toBeLessThan(49.7); // 23 degrees of freedom, once in a thousand times
  });

  it.each([
    ['randomGrayscale', 0.1],
    ['randomInvert', 0.5],
    ['randomEqualize', 0.5],
    ['randomAutocontrast', 0.5],
    ['randomSolarize', 0.5],
    ['randomPosterize', 0.5],
    ['randomAdjustSharpness', 0.5],
    ['randomHorizontalFlip', 0.5],
    ['randomVerticalFlip', 0.5],
  ])('%s happens with probability %f', (op, p) => {
    const happened = drawn([{ op }]).filter((one) => one !== undefined).length;
    expect(Math.abs(happened - 10_000 * p)).toBeLessThan(3.3 * Math.sqrt(10_000 * p * (1 - p)));
  });

  it('deviations of the blur are uniform', () => {
    // The middle weight of three tells the deviation: 1 / (1 + 2 exp(-1 / (2 s^2))).
    const middle = drawn([{ op: 'gaussianBlur', kernelSize: 3, sigma: [0.5, 2] }]).map((one) => one!.values[2]!);
    const deviations = middle.map((m) => Math.sqrt(-1 / (2 * Math.log((1 / m - 1) / 2))));
    expect(distance(deviations, [0.5, 2]) * 100).toBeLessThan(1.95);
  });

  it('rotations and translations are uniform', () => {
    const angles = drawn([{ op: 'randomRotation', degrees: 30 }]).map((one) =>
      Math.atan2(one!.values[2]!, one!.values[1]!),
    );
    expect(distance(angles, [-Math.PI / 6, Math.PI / 6]) * 100).toBeLessThan(1.95);
    const moved = drawn([{ op: 'randomAffine', translate: [0.25, 0] }], [32, 4000, 3]).map((one) => one!.values[3]!);
    expect(distance(moved, [-1000, 1000]) * 100).toBeLessThan(1.95);
  });

  it('erased areas and ratios are those of torchvision', () => {
    const found = drawn([{ op: 'randomErasing' }], [200, 200, 3]);
    const erased = found.flatMap((one) => one ?? []);
    expect(Math.abs(erased.length - 5000)).toBeLessThan(165);
    const areas = erased.map(({ values }) => (values[2]! * values[3]!) / 40_000);
    expect(Math.min(...areas)).toBeGreaterThan(0.018);
    expect(Math.max(...areas)).toBeLessThan(0.335);
    const ratios = erased.map(({ values }) => Math.log(values[3]! / values[2]!));
    expect(Math.abs(ratios.reduce((a, b) => a + b, 0) / ratios.length - Math.log(0.3 * 3.3) / 2)).toBeLessThan(0.05);
  });
});

test('erasing replaces a rectangle of the finished numbers', () => {
  const size = [40, 50, 3] as const;
  const pixels = new Uint8Array(40 * 50 * 3).fill(100);
  const values = { op: 'randomErasing', p: 1, value: [-1, -2, -3] };
  const found = run(programOf([values], [...size]), [...size], pixels);
  const places = Array.from({ length: 2000 }, (_, i) => [...found.subarray(3 * i, 3 * i + 3)].join());
  expect(new Set(places)).toEqual(new Set(['100,100,100', '-1,-2,-3']));
  const noise = run(programOf([{ ...values, value: 'random' }], [...size]), [...size], pixels).filter((v) => v !== 100);
  expect(noise.length).toBe(3 * places.filter((place) => place === '-1,-2,-3').length);
  const mean = noise.reduce((a, b) => a + b, 0) / noise.length;
  const square = noise.reduce((a, b) => a + b * b, 0) / noise.length;
  expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(noise.length));
  expect(Math.abs(square - 1)).toBeLessThan(6 / Math.sqrt(noise.length));
});

test('erasing comes after the picture has the size of the model', () => {
  const picture = { data: new Uint8Array(40 * 30 * 3).fill(128), width: 40, height: 30, channels: 3 };
  const steps = [
    { op: 'resize', size: 30 },
    { op: 'randomErasing', p: 1, value: 7, ratio: [1, 1], scale: [0.25, 0.25] },
  ];
  const shape = { channels: 3, height: 24, width: 24, layout: 'NCHW' } as const;
  const out = new Float32Array(3 * 24 * 24);
  const preprocessing = preprocessingOf({}, {}, 3);
  new Renderer({ shape, preprocessing, augmentation: steps }).render(picture, { seed: 1, epoch: 0, sample: 0 }, out);
  expect(out.filter((x) => x === 7)).toHaveLength(3 * 12 * 12);
});
