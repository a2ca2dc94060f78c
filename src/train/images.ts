// How a model reads pictures and whether the data's fit: the one input, its layout and size, and the preprocessing.

import { type ImageShape, type Layout, rowShape } from '../data/images/pixels.js';
import {
  type Preprocessing,
  preprocessingOf,
  readPreprocessorConfig,
  type Size,
  savedPreprocessorConfig,
  sizeOf,
} from '../data/images/preprocessing.js';
import { DataError, ModelError } from '../errors.js';
import type { ModelInput } from './protocol.js';

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

const isChannels = (d: unknown): d is number => d === 1 || d === 3 || d === 4;

/** Whether a model reads pictures: one input of four axes, whatever its name. */
export const readsImages = (inputs: readonly ModelInput[]): boolean =>
  inputs.length === 1 && inputs[0]!.dtype.startsWith('float') && inputs[0]!.shape?.length === 4;

/**
 * @param stored shape of the data's pictures
 * @throws ModelError for a model that reads no pictures; DataError for pictures it cannot read
 */
export function planImages(
  model: { directory: string; inputs: readonly ModelInput[] },
  { imageMean, imageStd, imageSize }: ImageOptions,
  stored: ImageShape,
): ImagePlan {
  const [input] = model.inputs;
  if (!readsImages(model.inputs))
    throw new ModelError(
      `image-classification takes a model with one float input of shape [batch, channels, height, width]; found ${model.inputs.map(described).join(', ')}`,
    );
  if (input!.dtype !== 'float32')
    throw new ModelError(`model input '${input!.name}' is ${input!.dtype}; export the model in float32`);
  const { layout, ...fixed } = fixedShape(input!);
  const channels = fixed.channels ?? stored.channels;
  const options = { imageMean, imageStd, imageSize: imageSize && { height: imageSize[0]!, width: imageSize[1]! } };
  const file = readPreprocessorConfig(model.directory);
  const preprocessing = preprocessingOf(file, options, channels);
  const wished = sizeOf(preprocessing);
  const size: Size = {
    height: fixed.height ?? wished?.height ?? stored.height,
    width: fixed.width ?? wished?.width ?? stored.width,
  };
  const shape = { channels, ...size, layout };
  if (stored.channels !== channels || stored.height !== size.height || stored.width !== size.width)
    throw new DataError(
      `the data's pictures have the shape [${rowShape(stored)}] (${stored.layout.slice(1)}), the model reads [${rowShape(shape)}] ` +
        `(${layout.slice(1)}): bring the pictures to ${size.height} x ${size.width} pixels of ${channels} channels` +
        `${fixed.height === undefined ? ', or set imageSize' : ''}`,
    );
  return {
    input: input!.name,
    shape,
    preprocessing,
    preprocessor: savedPreprocessorConfig(file, preprocessing, options, size),
  };
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
  `'${name}' ${dtype}[${shape?.map((d) => d ?? '?').join(', ') ?? '…'}]`;
