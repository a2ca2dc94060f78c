import { describe, expect, test } from 'vitest';
import { pixelTable, writePixels } from '#ortune/data/images/pixels.js';
import { preprocessingOf, savedPreprocessorConfig, sizeOf } from '#ortune/data/images/preprocessing.js';
import { ModelError, UsageError } from '#ortune/errors.js';

const half = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] };
const of = (config: Record<string, unknown> | undefined, options = {}) => preprocessingOf(config, options, 3);

describe('the size of the pictures', () => {
  test.each([
    [
      'ViT',
      { feature_extractor_type: 'ViTFeatureExtractor', size: 224 },
      { height: 224, width: 224 },
      { height: 224, width: 224 },
    ],
    [
      'ViT',
      { image_processor_type: 'ViTImageProcessor', size: { height: 384, width: 256 } },
      { height: 384, width: 256 },
      { height: 384, width: 256 },
    ],
    [
      'ConvNeXt',
      { image_processor_type: 'ConvNextImageProcessor', size: { shortest_edge: 224 }, crop_pct: 0.875 },
      { shortestEdge: 256 },
      { height: 224, width: 224 },
    ],
    [
      'ConvNeXt, large',
      { feature_extractor_type: 'ConvNextFeatureExtractor', size: 384 },
      { height: 384, width: 384 },
      { height: 384, width: 384 },
    ],
    [
      'MobileNetV2',
      {
        image_processor_type: 'MobileNetV2ImageProcessor',
        size: { shortest_edge: 256 },
        crop_size: { height: 224, width: 224 },
      },
      { shortestEdge: 256 },
      { height: 224, width: 224 },
    ],
    [
      'MobileNetV1, old',
      { feature_extractor_type: 'MobileNetV1FeatureExtractor', size: 256, crop_size: 224 },
      { shortestEdge: 256 },
      { height: 224, width: 224 },
    ],
    [
      'DeiT',
      { feature_extractor_type: 'DeiTFeatureExtractor', size: 256, crop_size: 224, do_center_crop: true },
      { height: 256, width: 256 },
      { height: 224, width: 224 },
    ],
    [
      'EfficientNet',
      {
        image_processor_type: 'EfficientNetImageProcessor',
        size: { height: 346, width: 346 },
        crop_size: { height: 289, width: 289 },
        do_center_crop: false,
      },
      { height: 346, width: 346 },
      { height: 346, width: 346 },
    ],
    ['none', { do_resize: false, size: 9 }, undefined, undefined],
  ])('%s', (_, config, resize, size) => {
    const found = of({ ...half, ...config });
    expect(found.resize).toEqual(resize);
    expect(sizeOf(found)).toEqual(size);
    expect(sizeOf(of({ ...half, ...config }, { imageSize: { height: 5, width: 6 } }))).toEqual({ height: 5, width: 6 });
  });
});

describe('the numbers of the pixels', () => {
  test('are rescaled and normalised', () => {
    const table = pixelTable(of({ ...half, do_normalize: true }), 3);
    expect([table[0], table[255], table[256 + 51]]).toEqual([-1, 1, Math.fround(2 * (51 / 255) - 1)]);
  });

  test.each([
    ['not normalised', { ...half, do_normalize: false }, 1],
    ['not rescaled', { ...half, do_rescale: false }, (255 - 0.5) / 0.5],
    [
      'normalised twice by EfficientNet',
      { image_processor_type: 'EfficientNetImageProcessor', ...half, rescale_offset: true, rescale_factor: 1 / 127.5 },
      (1 - 0.5) / 0.25,
    ],
    ['normalised by older names', { mean: 0.5, std: 0.25 }, 2],
    ["normalised as ImageNet's without a file", undefined, (1 - 0.485) / 0.229],
  ])('%s', (_, config, white) => {
    expect(pixelTable(of(config), 3)[255]).toBeCloseTo(white, 5);
  });

  test('follow the options first, one number for all channels', () => {
    expect(of(half, { imageMean: [0.1], imageStd: [0.2] })).toMatchObject({
      mean: [0.1, 0.1, 0.1],
      std: [0.2, 0.2, 0.2],
    });
    expect(() => of(half, { imageMean: [0.1, 0.2] })).toThrow(UsageError);
  });

  test('go from the layout of the data to that of the model, channels turned round on request', () => {
    // Two channels of three places, as [H, W, C].
    const raw = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const shape = { channels: 2, height: 1, width: 3, layout: 'NHWC' } as const;
    const table = Float32Array.from({ length: 512 }, (_, i) => i % 256);
    const written = (to: 'NCHW' | 'NHWC', flip: boolean): number[] => {
      const out = new Float32Array(6);
      writePixels(raw, { type: 'uint8', shape, to, flip, table }, out);
      return [...out];
    };
    expect(written('NCHW', false)).toEqual([1, 3, 5, 2, 4, 6]);
    expect(written('NHWC', false)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(written('NCHW', true)).toEqual([2, 4, 6, 1, 3, 5]);
  });

  test('may be halves, on any byte', () => {
    const halves = new Uint8Array(7);
    new DataView(halves.buffer).setUint16(1, 0x3c00, true);
    new DataView(halves.buffer).setUint16(3, 0xc000, true);
    new DataView(halves.buffer).setUint16(5, 0x3555, true);
    const shape = { channels: 1, height: 1, width: 3, layout: 'NCHW' } as const;
    const out = new Float32Array(3);
    writePixels(
      halves.subarray(1),
      { type: 'float16', shape, to: 'NCHW', flip: false, table: new Float32Array(0) },
      out,
    );
    expect([...out]).toEqual([1, -2, 0.333251953125]);
  });
});

describe('a file that says', () => {
  test.each([
    [
      'a size that is none',
      { ...half, size: { longest_edge: 4 } },
      /size is \{"longest_edge":4\}, expected a number of pixels/,
    ],
    ['no mean', { do_normalize: true, image_std: [1, 1, 1] }, /do_normalize needs image_mean/],
    [
      'another number of channels',
      { image_mean: [0.5, 0.5], image_std: [0.5, 0.5, 0.5] },
      /image_mean has 2 numbers, the model reads 3/,
    ],
    ['a deviation of 0', { image_mean: [0.5], image_std: [0] }, /image_std has a 0/],
    ['a factor that is none', { ...half, rescale_factor: 'big' }, /rescale_factor is "big", expected a number/],
  ])('%s is refused', (_, config, says) => {
    expect(() => of(config)).toThrow(ModelError);
    expect(() => of(config)).toThrow(says);
  });
});

test('what is saved comes to the same again', () => {
  const size = { height: 32, width: 48 };
  for (const config of [
    undefined,
    half,
    { ...half, do_rescale: false },
    { ...half, do_normalize: false },
    { image_processor_type: 'EfficientNetImageProcessor', ...half },
    { image_processor_type: 'EfficientNetImageProcessor', rescale_offset: true, ...half },
    { image_processor_type: 'ConvNextImageProcessor', ...half, size: { shortest_edge: 64 }, crop_pct: 0.875 },
  ])
    for (const options of [{}, { imageMean: [0.1], imageStd: [0.2] }, { imageSize: size }]) {
      const used = of(config, options);
      const saved = savedPreprocessorConfig(config, used, options, size);
      const again = of(saved);
      expect(pixelTable(again, 3), JSON.stringify([config, options])).toEqual(pixelTable(used, 3));
      if ('imageSize' in options || !config) expect(sizeOf(again)).toEqual(size);
    }
});

test('a size that options give is saved in a form that every image processor reads', () => {
  const config = {
    image_processor_type: 'ConvNextImageProcessor',
    ...half,
    size: { shortest_edge: 64 },
    crop_pct: 0.875,
  };
  const options = { imageSize: { height: 48, width: 48 } };
  const saved = savedPreprocessorConfig(config, of(config, options), options, options.imageSize);
  expect(saved).toMatchObject({ image_processor_type: 'ViTImageProcessor', size: { height: 48, width: 48 } });
  expect(saved).not.toHaveProperty('crop_pct');
});
