// How pictures become what a model reads, from preprocessor_config.json in the forms that the image processors of the
// transformers library have had, from options, or ImageNet's defaults. What a run used goes into the file of the saved
// model. Only arithmetic on pixels happens here so far; resize and crop say which size a model's pictures have.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelError, UsageError } from '../../errors.js';

export interface Size {
  height: number;
  width: number;
}

/** Both sides, or the shorter one and the other in proportion. */
export type Resize = Size | { shortestEdge: number };

export interface Preprocessing {
  /** Of uint8 pixels, before they are normalised: pixel · rescale + offset. */
  rescale: number;
  offset: number;
  /** Of each channel: (pixel - mean) / std. */
  mean: readonly number[];
  std: readonly number[];
  /** The channels are given to the model in reverse order. */
  flipChannels: boolean;
  /** Undefined: pictures keep their size. */
  resize: Resize | undefined;
  /** Cut from the middle after that. */
  crop: Size | undefined;
  /** Number of Pillow's resampling filter: 0 nearest, 2 bilinear, 3 bicubic. */
  resample: number;
  /** What a user should know. */
  notes: readonly string[];
}

/** Options that win over the file. */
export interface PreprocessingOptions {
  imageMean?: readonly number[] | undefined;
  imageStd?: readonly number[] | undefined;
  imageSize?: Size | undefined;
}

type Json = Record<string, unknown>;

export const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
const fileName = 'preprocessor_config.json';
const bilinear = 2;

/**
 * preprocessor_config.json of a model directory; undefined where there is none. @throws ModelError when it is no JSON
 * object
 */
export function readPreprocessorConfig(directory: string): Json | undefined {
  const file = join(directory, fileName);
  let config: unknown;
  try {
    config = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ModelError(`${file} cannot be used: ${(error as Error).message}`);
  }
  if (typeof config === 'object' && config !== null && !Array.isArray(config)) return config as Json;
  throw new ModelError(`${file}: expected a JSON object that says how pictures are prepared`);
}

/**
 * What a file and options come to for pictures of so many channels.
 * @throws ModelError for values that cannot be meant; UsageError for options of another number of channels
 */
export function preprocessingOf(
  config: Json | undefined,
  options: PreprocessingOptions,
  channels: number,
): Preprocessing {
  const { imageMean, imageStd, imageSize } = options;
  for (const [name, values] of Object.entries({ imageMean, imageStd }))
    if (values && values.length !== 1 && values.length !== channels)
      throw new UsageError(
        `${name} has ${values.length} numbers; the model reads ${channels} channels: give ${channels}, or one`,
      );
  const found = config ? ofFile(config) : withoutFile(channels, imageMean !== undefined && imageStd !== undefined);
  const [mean, std] = [imageMean ?? found.mean, imageStd ?? found.std];
  for (const [key, values] of Object.entries({ image_mean: mean, image_std: std }))
    if (values.length !== 1 && values.length !== channels)
      throw new ModelError(`${fileName}: ${key} has ${values.length} numbers, the model reads ${channels} channels`);
  if (std.some((value) => value === 0))
    throw new ModelError(`${fileName}: image_std has a 0, which nothing can be divided by`);
  const size = imageSize && { resize: imageSize, crop: undefined };
  const each = (values: readonly number[]): readonly number[] =>
    values.length === 1 ? new Array<number>(channels).fill(values[0]!) : values;
  return { ...found, mean: each(mean), std: each(std), ...size };
}

/** Height and width of the pictures a model is given, where the preprocessing decides them. */
export function sizeOf({ resize, crop }: Pick<Preprocessing, 'resize' | 'crop'>): Size | undefined {
  if (crop) return crop;
  if (!resize) return undefined;
  return 'shortestEdge' in resize ? { height: resize.shortestEdge, width: resize.shortestEdge } : resize;
}

function withoutFile(channels: number, given: boolean): Preprocessing {
  const coloured = channels === imagenet.mean.length;
  const how = coloured ? "normalised by ImageNet's mean and deviation" : 'not normalised';
  return {
    rescale: 1 / 255,
    offset: 0,
    mean: coloured ? imagenet.mean : [0],
    std: coloured ? imagenet.std : [1],
    flipChannels: false,
    resize: undefined,
    crop: undefined,
    resample: bilinear,
    notes: given
      ? []
      : [
          `the model has no ${fileName}: uint8 pixels are divided by 255 and ${how}; imageMean and imageStd say otherwise`,
        ],
  };
}

function ofFile(config: Json): Preprocessing {
  const rescales = config.do_rescale ?? true;
  const normalises = config.do_normalize ?? (config.image_mean ?? config.mean) !== undefined;
  const mean = normalises ? numbers(config, ['image_mean', 'mean']) : [0];
  let std = normalises ? numbers(config, ['image_std', 'std']) : [1];
  // EfficientNet's processor normalises by the deviation a second time.
  if (processorOf(config) === 'EfficientNet' && normalises && (config.include_top ?? true))
    std = std.map((value) => value * value);
  return {
    rescale: rescales ? number(config, 'rescale_factor', 1 / 255) : 1,
    offset: rescales && config.rescale_offset === true ? -1 : 0,
    mean,
    std,
    flipChannels: config.do_flip_channel_order === true,
    ...geometry(config),
    resample: number(config, 'resample', bilinear),
    notes: [],
  };
}

/** 'ConvNext' of ConvNextImageProcessor, ConvNextImageProcessorFast or ConvNextFeatureExtractor. */
const processorOf = (config: Json): string =>
  String(config.image_processor_type ?? config.feature_extractor_type ?? '').replace(
    /(ImageProcessor|FeatureExtractor).*$/,
    '',
  );

/** Processors whose size, given as one number, is that of the shorter side. */
const shortestByNumber = new Set([
  'ConvNext',
  'MobileNetV1',
  'MobileNetV2',
  'MobileViT',
  'CLIP',
  'LeViT',
  'Levit',
  'PoolFormer',
]);

function geometry(config: Json): Pick<Preprocessing, 'resize' | 'crop'> {
  const processor = processorOf(config);
  const size = config.size ?? config.image_size;
  const edge = typeof size === 'number' ? size : edgeOf(size);
  const crops = config.do_center_crop ?? config.crop_size !== undefined;
  const crop = crops && config.crop_size !== undefined ? square(config.crop_size, 'crop_size') : undefined;
  if (config.do_resize === false || size === undefined) return { resize: undefined, crop };
  if (processor === 'ConvNext' && edge !== undefined) return convNext(edge, number(config, 'crop_pct', 224 / 256));
  if (edge !== undefined && (typeof size !== 'number' || shortestByNumber.has(processor)))
    return { resize: { shortestEdge: edge }, crop };
  return { resize: square(size, 'size'), crop };
}

/** Small pictures are resized to more than is wanted and cropped, large ones (384) are warped. */
const convNext = (edge: number, share: number): Pick<Preprocessing, 'resize' | 'crop'> =>
  edge < 384
    ? { resize: { shortestEdge: Math.floor(edge / share) }, crop: { height: edge, width: edge } }
    : { resize: { height: edge, width: edge }, crop: undefined };

const isSide = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0;

function edgeOf(size: unknown): number | undefined {
  const edge = typeof size === 'object' && size !== null ? (size as Json).shortest_edge : undefined;
  return isSide(edge) ? edge : undefined;
}

function square(value: unknown, key: string): Size {
  if (isSide(value)) return { height: value, width: value };
  const { height, width } = (typeof value === 'object' && value !== null ? value : {}) as Json;
  if (isSide(height) && isSide(width)) return { height, width };
  throw new ModelError(
    `${fileName}: ${key} is ${JSON.stringify(value)}, expected a number of pixels, {height, width} or {shortest_edge}`,
  );
}

function number(config: Json, key: string, fallback: number): number {
  const value = config[key] ?? fallback;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new ModelError(`${fileName}: ${key} is ${JSON.stringify(value)}, expected a number`);
}

function numbers(config: Json, keys: readonly [string, string]): number[] {
  const value = config[keys[0]] ?? config[keys[1]];
  const list = typeof value === 'number' ? [value] : value;
  if (Array.isArray(list) && list.length > 0 && list.every((v) => typeof v === 'number' && Number.isFinite(v)))
    return list;
  throw new ModelError(
    `${fileName}: do_normalize needs ${keys[0]}, a number for each channel; found ${JSON.stringify(value)}`,
  );
}

/**
 * preprocessor_config.json of a saved model: the file as it was, with what the run used where it said nothing or
 * options said otherwise.
 */
export function savedPreprocessorConfig(
  config: Json | undefined,
  { rescale, offset, mean, std, resample }: Preprocessing,
  options: PreprocessingOptions,
  size: Size,
): Json {
  const { imageMean, imageStd, imageSize } = options;
  const used = { do_rescale: true, rescale_factor: rescale, do_normalize: true, image_mean: mean, image_std: std };
  if (!config || imageSize) return plain(config, { ...used, image_mean: mean.map((m) => m - offset) }, resample, size);
  const given = imageMean !== undefined || imageStd !== undefined;
  const normalises = config.do_normalize ?? (config.image_mean ?? config.mean) !== undefined;
  return {
    ...config,
    do_rescale: config.do_rescale ?? true,
    rescale_factor: config.rescale_factor ?? (rescale === 1 ? 1 / 255 : rescale),
    do_normalize: normalises,
    ...(given && { ...used, do_rescale: config.do_rescale ?? true, include_top: false, rescale_offset: offset !== 0 }),
  };
}

/**
 * Of the plainest processor: every picture is brought to one size. Others read a size differently (ConvNext's wants the
 * shortest edge and crops), so what is particular to them is left out.
 */
function plain(config: Json | undefined, used: Json, resample: number, size: Size): Json {
  const { crop_pct, crop_size, include_top, rescale_offset, feature_extractor_type, ...rest } = config ?? {};
  const sized = { do_resize: true, do_center_crop: false, size, resample };
  return { ...rest, image_processor_type: 'ViTImageProcessor', ...sized, ...used };
}
