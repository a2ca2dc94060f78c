// Pictures that a host program has in memory, as train, eval or data of the library's functions: pixels here, encoded
// ones in encoded-images.ts.

import { types } from 'node:util';
import { checkNumbers, checkOptions, checkTexts } from '../../arguments.js';
import { UsageError } from '../../errors.js';
import { type EncodedImages, encodedSourceOf, isEncodedImages } from './encoded-images.js';
import type { Layout, PixelType } from './pixels.js';
import type { ImageSource } from './sources.js';
import { shapeOf, storedLabels } from './tensor-file.js';

export interface ImageTensors {
  /** uint8 is rescaled and normalised as the model's preprocessing says; float32 is taken as it is. */
  pixels: Uint8Array | Float32Array;
  /** [N, C, H, W] or [N, H, W, C] */
  shape: readonly number[];
  /** Where the shape leaves it open; default: where 1, 3 or 4 channels stand. */
  layout?: Layout | undefined;
  /** A class for each picture, or row by row a number for each class (soft labels, multi-label). Not for prediction. */
  labels?: ArrayLike<number> | ArrayLike<bigint> | undefined;
  /** Names of the classes. */
  labelNames?: readonly string[] | undefined;
  /** Weight of each picture in the loss; default 1. */
  weights?: ArrayLike<number> | undefined;
}

const isImageTensors = (value: unknown): value is ImageTensors =>
  typeof value === 'object' && value !== null && 'pixels' in value && 'shape' in value;

/** Pictures by their pixels, or as the files they were. */
export type GivenImages = ImageTensors | EncodedImages;

export const isGivenImages = (value: unknown): value is GivenImages => isImageTensors(value) || isEncodedImages(value);

/**
 * The pictures as the workers find them; pixels that are not in shared memory are copied once.
 * @param name what to call them in messages
 * @throws UsageError for arrays that do not fit together; DataError for a shape that is none of pictures
 */
export const sourceOf = (images: GivenImages, name: string): ImageSource =>
  isImageTensors(images) ? tensorSourceOf(images, name) : encodedSourceOf(images, name);

const keys: readonly string[] = ['pixels', 'shape', 'layout', 'labels', 'labelNames', 'weights'];

function tensorSourceOf(images: ImageTensors, name: string): ImageSource {
  checkOptions(images, name, keys);
  const { pixels, shape: dims, layout, ...rest } = images;
  checkNumbers(dims, `${name}: shape`);
  const shape = shapeOf(name, dims, layout);
  const rows = dims[0]!;
  const expected = dims.reduce((product, d) => product * d, 1);
  if (!types.isUint8Array(pixels) && !types.isFloat32Array(pixels))
    throw new UsageError(`${name}: pixels must be a Uint8Array or a Float32Array`);
  if (pixels.length !== expected)
    throw new UsageError(`${name}: shape [${dims}] takes ${expected} pixels, found ${pixels.length}`);
  const { labels, labelNames, weights } = rest;
  if (labels !== undefined) checkNumbers(labels, `${name}: labels`);
  if (labelNames !== undefined) checkTexts(labelNames, `${name}: labelNames`);
  if (weights !== undefined) checkNumbers(weights, `${name}: weights`);
  const count = labels?.length ?? 0;
  if (labels && (count % rows !== 0 || count === 0))
    throw new UsageError(`${name}: ${rows} pictures take as many labels, or a row of them each; found ${count}`);
  if (weights && weights.length !== rows)
    throw new UsageError(`${name}: ${rows} pictures take as many weights, found ${weights.length}`);
  const type: PixelType = types.isUint8Array(pixels) ? 'uint8' : 'float32';
  const place = (row: number): string => `${name}:row ${row}`;
  return {
    kind: 'pixels',
    name,
    ...sharedBytes(pixels),
    rows,
    type,
    shape,
    ...(labels && storedLabels(labels, { width: count === rows ? undefined : count / rows, names: labelNames, place })),
    ...(weights && { weights: Float64Array.from(weights) }),
  };
}

function sharedBytes(pixels: Uint8Array | Float32Array): { memory: SharedArrayBuffer; begin: number } {
  const { buffer, byteOffset, byteLength } = pixels;
  if (types.isSharedArrayBuffer(buffer)) return { memory: buffer, begin: byteOffset };
  const memory = new SharedArrayBuffer(byteLength);
  new Uint8Array(memory).set(new Uint8Array(buffer, byteOffset, byteLength));
  return { memory, begin: 0 };
}
