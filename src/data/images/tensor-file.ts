// Pictures in a .safetensors file: `pixel_values` [N, C, H, W] or [N, H, W, C] of uint8, float16 or float32, and beside them
// `labels`. The header and the labels are read here; the pixels stay where they are until a batch needs them.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import {
  decodeHeader,
  decodeMetadata,
  headerLength,
  prefixBytes,
  type StoredType,
  storedTypes,
  type TensorPlace,
} from '../../checkpoint/safetensors.js';
import { DataError } from '../../errors.js';
import type { ImageShape, Layout, PixelType } from './pixels.js';
import type { PixelSource, SourceLabels } from './sources.js';

export const pixelTensor = 'pixel_values';
export const labelTensor = 'labels';

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
 * Opens a file; `labelled`: it has to hold labels. `weights` names the tensor with a weight for each picture.
 * @throws DataError for a file that is cut, or whose tensors are not those of pictures
 */
export function openImageFile(path: string, labelled: boolean, weights?: string): PixelSource & SourceLabels {
  const file = openSync(path, 'r');
  try {
    const size = fstatSync(file).size;
    if (size === 0)
      throw new DataError(`data file ${path} is empty; expected a .safetensors file with '${pixelTensor}'`);
    const length = headerLength(readAt(file, path, 0, Math.min(prefixBytes, size)), path, size);
    const header = readAt(file, path, prefixBytes, length);
    const start = prefixBytes + length;
    const places = decodeHeader(header, path, size - start, storedTypes);
    const { label_names: given, layout } = decodeMetadata(header, path);
    const pixels = tensorOf(places, path, pixelTensor);
    const type = pixelTypes[pixels.dtype];
    if (!type) throw new DataError(`${path}: '${pixelTensor}' is ${pixels.dtype}, expected U8, F16 or F32`);
    const shape = shapeOf(path, pixels.shape, layout);
    const rows = pixels.shape[0]!;
    const numbers = (name: string): Float64Array => {
      const place = tensorOf(places, path, name);
      if (place.shape[0] !== rows)
        throw new DataError(`${path}: '${name}' has the shape [${place.shape}], but there are ${rows} pictures`);
      return numbersOf(readAt(file, path, start + place.begin, place.end - place.begin), place.dtype, path, name);
    };
    const labels = labelled
      ? { values: numbers(labelTensor), width: widthOf(tensorOf(places, path, labelTensor), path) }
      : undefined;
    const names = given === undefined ? undefined : namesOf(given, path);
    const begin = start + pixels.begin;
    return {
      kind: 'pixels',
      name: path,
      begin,
      rows,
      type,
      shape,
      labels,
      names,
      ...(weights && { weights: numbers(weights) }),
    };
  } finally {
    closeSync(file);
  }
}

function tensorOf(places: ReadonlyMap<string, TensorPlace>, path: string, name: string): TensorPlace {
  const place = places.get(name);
  if (place) return place;
  const found = [...places.keys()].map((key) => `'${key}'`).join(', ');
  throw new DataError(`${path}: there is no tensor '${name}'; found ${found || 'none'}`);
}

function widthOf({ shape }: TensorPlace, path: string): number | undefined {
  if (shape.length === 1) return undefined;
  if (shape.length === 2 && shape[1]! > 0) return shape[1];
  throw new DataError(
    `${path}: '${labelTensor}' has the shape [${shape}]; expected [N] with a class for each picture, or [N, classes]`,
  );
}

/** A JSON list, or names separated by commas. */
function namesOf(text: string, path: string): string[] {
  if (!text.trimStart().startsWith('[')) return text.split(',').map((name) => name.trim());
  try {
    const names: unknown = JSON.parse(text);
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  } catch {
    // Said below.
  }
  throw new DataError(`${path}: label_names must be a JSON list of names, or names separated by commas`);
}

function numbersOf(bytes: Uint8Array, type: StoredType, path: string, name: string): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read: Partial<Record<StoredType, [bytes: number, at: (at: number) => number]>> = {
    BOOL: [1, (at) => view.getUint8(at)],
    U8: [1, (at) => view.getUint8(at)],
    I32: [4, (at) => view.getInt32(at, true)],
    I64: [8, (at) => Number(view.getBigInt64(at, true))],
    F32: [4, (at) => view.getFloat32(at, true)],
    F64: [8, (at) => view.getFloat64(at, true)],
  };
  const [step, at] = read[type] ?? [];
  if (!step || !at)
    throw new DataError(`${path}: '${name}' is ${type}, expected I64 or another of ${Object.keys(read).join(', ')}`);
  return Float64Array.from({ length: bytes.byteLength / step }, (_, i) => at(i * step));
}

function readAt(file: number, path: string, from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const read = readSync(file, bytes, done, length - done, from + done);
    if (read === 0) throw new DataError(`data file ${path} ends at byte ${from + done}; is it being written?`);
    done += read;
  }
  return bytes;
}
