// Pictures in a .safetensors file: `pixel_values` [N, C, H, W] or [N, H, W, C] of uint8, float16 or float32, and beside
// them `labels`; or what pack/pack-images.ts writes. The header and the labels are read here; the pixels stay where
// they are until a batch needs them.

import { DataError } from '../../errors.js';
import type { StoredType } from '../../files/safetensors.js';
import { labelsOfNumbers } from '../number-labels.js';
import { checkPack } from '../pack/pack-format.js';
import { shared } from '../shared-arrays.js';
import { namesOf, StoredTensors } from '../stored-tensors.js';
import type { ImageShape, Layout, PixelType } from './pixels.js';
import type { PackedSource, PixelSource, SourceLabels } from './sources.js';

export const pixelTensor = 'pixel_values';
export const labelTensor = 'labels';
/** Of packed pictures that differ in size. */
export const packedTensor = 'pixels';

const pixelTypes: Partial<Record<StoredType, PixelType>> = { U8: 'uint8', F16: 'float16', F32: 'float32' };

/** What decides which axes are which: the file's word, else where a number of channels stands. */
export function shapeOf(name: string, shape: readonly number[], layout: unknown): ImageShape {
  const refuse = (problem: string) =>
    new DataError(
      `${name}: '${pixelTensor}' of shape [${shape}] ${problem}; expected [N, C, H, W] or [N, H, W, C] with 1, 3 or 4 channels`,
    );
  if (shape.length !== 4 || shape.slice(1).some((d) => d < 1)) throw refuse('is no batch of pictures');
  if (layout !== undefined && layout !== 'NCHW' && layout !== 'NHWC')
    throw new DataError(`${name}: layout is ${JSON.stringify(layout)}, expected NCHW or NHWC`);
  const [, a, b, c] = shape as [number, number, number, number];
  const found: Layout | undefined = layout ?? (isChannels(a) ? 'NCHW' : isChannels(c) ? 'NHWC' : undefined);
  if (!found) throw refuse('does not show where its channels are');
  return found === 'NCHW'
    ? { channels: a, height: b, width: c, layout: found }
    : { channels: c, height: a, width: b, layout: found };
}

const isChannels = (d: number): boolean => d === 1 || d === 3 || d === 4;

/**
 * Opens a file, packed or not; `labelled`: it has to hold labels. `weights` names the tensor with a weight for each
 * picture.
 * @throws DataError for a file that is cut or altered, or whose tensors are not those of pictures
 */
export function openImageFile(
  path: string,
  labelled: boolean,
  weights?: string,
): (PixelSource | PackedSource) & SourceLabels {
  return StoredTensors.with(path, `a .safetensors file with '${pixelTensor}'`, (stored) => {
    const sha256 = checkPack(stored, 'images')?.sha256;
    const source =
      sha256 && stored.places.has(packedTensor) ? packedSource(stored, sha256) : pixelSource(stored, sha256);
    const numbers = (name: string): Float64Array => stored.numbers(name, source.rows, 'pictures');
    const { label_names: given } = stored.metadata;
    const names = given === undefined ? undefined : namesOf(given, path);
    const place = (row: number): string => `${path}:row ${row}`;
    return {
      ...source,
      ...(labelled && storedLabels(numbers(labelTensor), { width: widthOf(stored), names, place })),
      ...(weights && { weights: numbers(weights) }),
    };
  });
}

interface StoredAs {
  /** Numbers for each picture; undefined: its class. */
  width: number | undefined;
  names: readonly string[] | undefined;
  /** Where a picture is. */
  place: (row: number) => string;
}

/**
 * Labels as they are stored: numbers of names, or without names numbers that are names themselves; or rows of a number
 * for each class.
 * @throws DataError, with its place, for a label that is no whole number
 */
export function storedLabels(
  labels: ArrayLike<number> | ArrayLike<bigint>,
  { width, names, place }: StoredAs,
): Pick<SourceLabels, 'labels' | 'names' | 'open' | 'numeric'> {
  const values = Float64Array.from(labels as ArrayLike<number>, Number);
  if (names || width !== undefined) return { labels: { values, width }, names };
  const met = labelsOfNumbers(values, place);
  return { labels: { values: met.values, width }, names: met.names, open: true, numeric: true };
}

function pixelSource(stored: StoredTensors, sha256: string | undefined): PixelSource {
  const { path: name } = stored;
  const pixels = stored.place(pixelTensor);
  const type = pixelTypes[pixels.dtype];
  if (!type) throw new DataError(`${name}: '${pixelTensor}' is ${pixels.dtype}, expected U8, F16 or F32`);
  const shape = shapeOf(name, pixels.shape, stored.metadata.layout);
  return { kind: 'pixels', name, begin: stored.begin(pixelTensor), rows: pixels.shape[0]!, type, shape, sha256 };
}

function packedSource(stored: StoredTensors, sha256: string): PackedSource {
  const rows = stored.place('heights').shape[0]!;
  const channels = Number(stored.metadata.channels);
  const [height, width, begin] = [shared.uint32(rows), shared.uint32(rows), shared.float64(rows)];
  height.set(stored.numbers('heights', rows, 'pictures'));
  width.set(stored.numbers('widths', rows, 'pictures'));
  let at = stored.begin(packedTensor);
  for (let row = 0; row < rows; row++) {
    begin[row] = at;
    at += height[row]! * width[row]! * channels;
  }
  return { kind: 'packed', name: stored.path, rows, channels, begin, height, width, sha256 };
}

function widthOf(stored: StoredTensors): number | undefined {
  const { shape } = stored.place(labelTensor);
  if (shape.length === 1) return undefined;
  if (shape.length === 2 && shape[1]! > 0) return shape[1];
  throw new DataError(
    `${stored.path}: '${labelTensor}' has the shape [${shape}]; expected [N] with a class for each picture, or [N, classes]`,
  );
}
