// How a model reads pictures and whether the data's fit: the one input, its layout and size, and the preprocessing.

import { DataError, ModelError, UsageError } from '../../errors.js';
import { coreThreads } from '../../machine.js';
import type { Dim, ValueInfo } from '../../onnx/graph.js';
import { quote } from '../../quote.js';
import type { Axis, Field } from '../slots.js';
import { pictureSources, type Table } from '../table.js';
import { type Augmentation, checkChannels } from './augment/chain.js';
import type { ImageEncoding } from './encode.js';
import { mostPictureBytes, mostPixels, type PictureLimits } from './picture-names.js';
import { type ImageShape, type Layout, rowShape, sameSize } from './pixels.js';
import {
  type Preprocessing,
  preprocessingOf,
  readPreprocessorConfig,
  type Size,
  savedPreprocessorConfig,
  sizeOf,
} from './preprocessing.js';
import { type PictureSource, type StoredShape, storedShapes } from './sources.js';

export interface ImagePlan {
  /** Name of the model's input. */
  input: string;
  /** In which the model reads every picture. */
  shape: ImageShape;
  preprocessing: Preprocessing;
  /** preprocessor_config.json to write beside the model. */
  preprocessor: Readonly<Record<string, unknown>>;
}

/** What the options of a run, an evaluation or a prediction say of pictures. */
export interface ImageOptions {
  imageMean?: readonly number[] | undefined;
  imageStd?: readonly number[] | undefined;
  /** Height and width. */
  imageSize?: readonly number[] | undefined;
}

/** An input of a model as its file states it. */
type ModelInput = Pick<ValueInfo, 'name' | 'dtype'> & { shape?: readonly Dim[] | undefined };

const isChannels = (d: unknown): d is number => d === 1 || d === 3 || d === 4;

/** Whether a model reads pictures: one input of four axes, whatever its name. */
export const readsImages = (inputs: readonly ModelInput[]): boolean =>
  inputs.length === 1 && inputs[0]!.dtype.startsWith('float') && inputs[0]!.shape?.length === 4;

/**
 * @param task its name, for messages
 * @param stored shapes of those of the data's pictures that are tensors; others have a size each, and are resized
 * @throws ModelError for a model that reads no pictures; DataError for tensors it cannot read; UsageError where nothing
 * says
 *   what size pictures are to have
 */
export function planImages(
  model: { directory: string; inputs: readonly ModelInput[] },
  { imageMean, imageStd, imageSize }: ImageOptions,
  stored: readonly StoredShape[],
  task: string,
): ImagePlan {
  const [input] = model.inputs;
  if (!readsImages(model.inputs))
    throw new ModelError(
      `${task} takes a model with one float input of shape [batch, channels, height, width]; found ${model.inputs.map(described).join(', ')}`,
    );
  // 16-bit inputs are fed from float32.
  if (input!.dtype === 'float64')
    throw new ModelError(`model input ${quote(input!.name)} is ${input!.dtype}; export the model in float32`);
  const { layout, ...fixed } = fixedShape(input!);
  const [first] = stored;
  const channels = fixed.channels ?? first?.shape.channels ?? 3;
  const options = { imageMean, imageStd, imageSize: imageSize && { height: imageSize[0]!, width: imageSize[1]! } };
  const file = readPreprocessorConfig(model.directory);
  const preprocessing = preprocessingOf(file, options, channels);
  const wished = sizeOf(preprocessing) ?? first?.shape;
  const height = fixed.height ?? wished?.height;
  const width = fixed.width ?? wished?.width;
  if (height === undefined || width === undefined)
    throw new UsageError(
      `model input ${quote(input!.name)} takes pictures of any size, and nothing says to which the data's are to be resized: set imageSize`,
    );
  const size: Size = { height, width };
  const shape = { channels, ...size, layout };
  for (const one of stored) refuseOtherShape(one, shape, fixed.height === undefined);
  return {
    input: input!.name,
    shape,
    preprocessing,
    preprocessor: savedPreprocessorConfig(file, preprocessing, options, size),
  };
}

/** Pictures of another size are resized, where they are of uint8. */
function refuseOtherShape({ name, shape: found, floats }: StoredShape, shape: ImageShape, free: boolean): void {
  if (found.channels === shape.channels && (!floats || sameSize(found, shape))) return;
  throw new DataError(
    `${name}: the pictures have the shape [${rowShape(found)}] (${found.layout.slice(1)}), the model reads [${rowShape(shape)}] ` +
      `(${shape.layout.slice(1)}): bring them to ${shape.height} x ${shape.width} pixels of ${shape.channels} channels` +
      `${free ? ', or set imageSize' : ''}${floats ? ', or store them as uint8, which is resized' : ''}`,
  );
}

/** What the file fixes of the input, and where its channels are. */
function fixedShape({ shape = [] }: ModelInput): Partial<Omit<ImageShape, 'layout'>> & { layout: Layout } {
  const dims = shape.map((d) => (typeof d === 'number' && d > 0 ? d : undefined));
  const last = !isChannels(dims[1]) && isChannels(dims[3]);
  const [channels, height, width] = last ? [dims[3], dims[1], dims[2]] : dims.slice(1);
  return {
    layout: last ? 'NHWC' : 'NCHW',
    ...(channels !== undefined && { channels }),
    ...(height !== undefined && { height }),
    ...(width !== undefined && { width }),
  };
}

const described = ({ name, dtype, shape }: ModelInput): string =>
  `${quote(name)} ${dtype}[${shape?.map((d) => d ?? '?').join(', ') ?? '…'}]`;

/** The trainer's threads have every core, and decoding gives way to them: more workers would only hold more memory. */
const workersForCores = (): number => Math.max(1, Math.min(8, coreThreads() >> 1));

/** How pictures are loaded for a model, without what a loss reads. */
export function imageLoading(
  { input, shape, preprocessing }: Pick<ImagePlan, 'input' | 'shape' | 'preprocessing'>,
  {
    maxPixels = mostPixels,
    maxPictureBytes = mostPictureBytes,
    augmentation = [],
  }: Partial<PictureLimits> & { augmentation?: Augmentation | undefined },
) {
  const limits = { maxPixels, maxPictureBytes };
  const encoding: ImageEncoding = { input, shape, preprocessing, ...limits, augmentation };
  return {
    fields: [{ name: input, dtype: 'float32', shape: ['batch', ...rowShape(shape)] }] as Field[],
    axes: {} as Record<string, Axis>,
    encoding,
    preprocessing: { input, shape, preprocessing, ...limits },
    workers: workersForCores(),
  };
}

/**
 * The same with the checks of data and options against the model.
 * @param task its name, for messages
 * @throws as planImages; UsageError for augmentation of pictures that are floats or have too many channels for it
 */
export function planImageLoading(
  model: { directory: string; inputs: readonly ModelInput[] },
  config: ImageOptions & Partial<PictureLimits> & { augmentation?: Augmentation | undefined },
  tables: readonly Table[],
  task: string,
) {
  const { augmentation = [] } = config;
  const sources = tables.map(pictureSources);
  if (augmentation.length > 0) refuseFloats(sources[0] ?? []);
  const plan = planImages(model, config, storedShapes(sources.flat()), task);
  checkChannels(augmentation, plan.shape.channels);
  return { ...imageLoading(plan, config), preprocessor: plan.preprocessor, notes: plan.preprocessing.notes };
}

/** Augmentation works on pixels as they are stored in files of pictures. */
function refuseFloats(sources: readonly PictureSource[]): void {
  const floats = sources.find((source) => source.kind === 'pixels' && source.type !== 'uint8');
  if (floats)
    throw new UsageError(
      `${floats.name}: the pictures are floats, and augmentation takes uint8 pixels: leave augmentation out`,
    );
}
