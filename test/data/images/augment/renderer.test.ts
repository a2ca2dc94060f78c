import { describe, expect, it, test } from 'vitest';
import { type Augmentation, augmentationSchema, checkChannels } from '#ortune/data/images/augment/chain.js';
import { Renderer } from '#ortune/data/images/augment/renderer.js';
import type { Picture, SampleKey } from '#ortune/data/images/picture.js';
import type { ImageShape, Layout } from '#ortune/data/images/pixels.js';
import { preprocessingOf } from '#ortune/data/images/preprocessing.js';

const key = (sample = 0, epoch = 0, seed = 1): SampleKey => ({ seed, epoch, sample });
const plain = { do_rescale: false, do_normalize: false };
const shapeOf = (height: number, width = height, layout: Layout = 'NHWC'): ImageShape => ({
  channels: 3,
  height,
  width,
  layout,
});

/** Each pixel tells where it is: red is x, green is y. */
function located(height: number, width: number): Picture {
  const data = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set([x, y, 7], (y * width + x) * 3);
  return { data, height, width, channels: 3 };
}

interface Setting {
  config?: Record<string, unknown>;
  augmentation?: Augmentation;
  shape?: ImageShape;
}
function rendered(picture: Picture, { config = {}, augmentation = [], shape = shapeOf(8) }: Setting, at = key()) {
  const preprocessing = preprocessingOf({ ...plain, ...config }, {}, 3);
  const renderer = new Renderer({ shape, preprocessing, augmentation });
  const out = new Float32Array(shape.height * shape.width * 3);
  renderer.render(picture, at, out);
  return {
    renderer,
    out,
    pixel: (y: number, x: number) => [...out.subarray((y * shape.width + x) * 3).subarray(0, 3)],
  };
}

describe('without augmentation', () => {
  it('resizes the shorter edge and crops the middle, as the preprocessing says', () => {
    const config = { size: { shortest_edge: 16 }, crop_size: { height: 8, width: 8 }, do_center_crop: true };
    // 48 x 32 becomes 24 x 16; the middle 8 x 8 begins at (8, 4) of that.
    const { pixel } = rendered(located(48, 32), { config });
    expect(pixel(0, 0)).toEqual([9, 17, 7]);
    expect(pixel(7, 7)).toEqual([23, 31, 7]);
  });

  it('pads what is smaller than the crop', () => {
    const config = { do_resize: false, crop_size: { height: 8, width: 8 }, do_center_crop: true };
    const { pixel } = rendered(located(5, 8), { config });
    expect(pixel(0, 3)).toEqual([0, 0, 0]);
    expect(pixel(2, 3)).toEqual([3, 0, 7]);
    expect(pixel(7, 3)).toEqual([0, 0, 0]);
  });

  it('rescales and normalises into the layout and order of channels of the model', () => {
    const shape = shapeOf(2, 2, 'NCHW');
    const config = {
      do_flip_channel_order: true,
      do_rescale: true,
      do_normalize: true,
      image_mean: [0.1, 0.2, 0.3],
      image_std: [0.5, 0.25, 2],
    };
    const { out } = rendered(located(2, 2), { config, shape });
    const value = (pixel: number, c: number) => (pixel / 255 - config.image_mean[c]!) / config.image_std[c]!;
    const expected = [
      [7, 7, 7, 7].map((v) => value(v, 2)),
      [0, 0, 1, 1].map((v) => value(v, 1)),
      [0, 1, 0, 1].map((v) => value(v, 0)),
    ];
    for (const [i, v] of expected.flat().entries()) expect(out[i]).toBeCloseTo(v, 6);
  });

  it.each([4, 5])('refuses resample %i of a preprocessor', (resample) => {
    expect(() => rendered(located(4, 4), { config: { size: 8, resample } })).toThrow(
      `resample is ${resample}, expected 0`,
    );
  });
});

const crops: Augmentation = [{ op: 'randomResizedCrop' }, { op: 'randomHorizontalFlip' }];

test('a sample depends on seed, epoch and number alone', () => {
  const picture = located(40, 60);
  const of = (at: SampleKey) => rendered(picture, { augmentation: crops }, at).out.join();
  expect(of(key(3, 2))).toBe(of(key(3, 2)));
  const others = [key(3, 2), key(4, 2), key(3, 1), key(3, 2, 5)].map(of);
  expect(new Set(others).size).toBe(4);
});

test('what a decoder may leave out is what the sample does not show', () => {
  const whole = located(60, 90);
  for (let sample = 0; sample < 20; sample++) {
    const { renderer, out } = rendered(whole, { augmentation: crops }, key(sample));
    const need = renderer.need(whole, key(sample))!;
    expect(need.enough).toEqual({ width: 8, height: 8 });
    const data = new Uint8Array(need.width * need.height * 3);
    for (let y = 0; y < need.height; y++) {
      const from = ((need.top + y) * whole.width + need.left) * 3;
      data.set(whole.data.subarray(from, from + need.width * 3), y * need.width * 3);
    }
    const { left, top, width, height } = need;
    const part = {
      data,
      width,
      height,
      channels: 3,
      part: { left, top, width, height, of: { width: 90, height: 60 } },
    };
    expect(rendered(part, { augmentation: crops }, key(sample)).out).toEqual(out);
  }
});

test('a chain that does not decide the size comes after the preprocessing, and always ends at the size of the model', () => {
  const config = { size: { height: 8, width: 8 } };
  const flipped = rendered(located(8, 8), { config, augmentation: [{ op: 'randomHorizontalFlip', p: 1 }] });
  expect(flipped.pixel(0, 0)).toEqual([7, 0, 7]);
  const padded = rendered(located(16, 16), { config, augmentation: [{ op: 'pad', padding: 4 }] });
  expect(padded.pixel(0, 0)).toEqual([0, 0, 0]);
  expect(padded.pixel(4, 4)[2]).toBe(7);
});

test('steps are options of the configuration', () => {
  const parse = (value: unknown) => augmentationSchema.parse(value);
  expect(parse('standard')).toEqual(crops);
  expect(parse('randomVerticalFlip')).toEqual([{ op: 'randomVerticalFlip' }]);
  expect(parse([{ op: 'randomCrop', padding: [1, 2] }, 'randomHorizontalFlip'])).toHaveLength(2);
  const message = (value: unknown) => augmentationSchema.safeParse(value).error!.issues[0]!.message;
  expect(message(['randomHorizontalFlop'])).toContain("did you mean 'randomHorizontalFlip'");
  expect(message([{ op: 'randomHorizontalFlip', p: 2 }])).toContain("option 'p' of step 'randomHorizontalFlip'");
  expect(message([{ op: 'randomResizedCrop', scale: [0.5, 0.2] }])).toContain('lower bound first');
  expect(message([{ op: 'colorJitter', hue: 3 }])).toBe(
    "augmentation: option 'hue' of step 'colorJitter': Too big: expected number to be <=0.5",
  );
  expect(message([{ op: 'colorJitter', tone: 1 }])).toContain('tone');
  expect(augmentationSchema.safeParse([3]).success).toBe(false);
  expect(message(['randomErasing', 'mixup', 'randomHorizontalFlip'])).toBe(
    "augmentation: 'randomHorizontalFlip' follows 'randomErasing', which works on normalised numbers; put 'randomErasing' behind it",
  );
  expect(parse(['randomHorizontalFlip', 'mixup', 'randomErasing', 'randomErasing'])).toHaveLength(4);
  const mixed = parse(['randomErasing', 'randomCrop', 'mixup'].reverse());
  expect(() => checkChannels(mixed, 4)).not.toThrow();
  const jitter = parse(['colorJitter', 'randAugment']);
  expect(() => checkChannels(jitter, 4)).toThrow(/colorJitter, randAugment: colours of 1 or 3 channels.*reads 4/);
  expect(() => checkChannels(jitter, 3)).not.toThrow();
});

test('crops follow the distributions of torchvision', () => {
  const renderer = new Renderer({
    shape: shapeOf(8),
    preprocessing: preprocessingOf(plain, {}, 3),
    augmentation: crops,
  });
  const drawn = Array.from({ length: 10_000 }, (_, sample) => renderer.need({ height: 200, width: 300 }, key(sample))!);
  const mean = (value: (d: (typeof drawn)[number]) => number) =>
    drawn.reduce((sum, d) => sum + value(d), 0) / drawn.length;
  // Its RandomResizedCrop over 100,000 draws of this size; 4 standard errors of 10,000.
  const area = (d: { width: number; height: number }) => (d.width * d.height) / 60_000;
  const ratio = (d: { width: number; height: number }) => Math.log(d.width / d.height);
  expect(Math.abs(mean(area) - 0.3907)).toBeLessThan(0.008);
  expect(Math.abs(mean((d) => area(d) ** 2) - (0.3907 ** 2 + 0.1912 ** 2))).toBeLessThan(0.008);
  expect(Math.abs(mean(ratio) - 0.0307)).toBeLessThan(0.0066);
  expect(Math.abs(mean((d) => ratio(d) ** 2) - (0.0307 ** 2 + 0.164 ** 2))).toBeLessThan(0.002);
  expect(Math.abs(mean((d) => d.left / Math.max(1, 300 - d.width)) - 0.5)).toBeLessThan(0.013);
  expect(Math.abs(mean((d) => d.top / Math.max(1, 200 - d.height)) - 0.4933)).toBeLessThan(0.014);
  for (const { left, top, width, height } of drawn)
    expect(left >= 0 && top >= 0 && left + width <= 300 && top + height <= 200).toBe(true);
});
