// Picture files and encoded pictures (JPEG, PNG, ...) that a host program has in memory, as train, eval or data of the
// library's functions.

import { types } from 'node:util';
import { checkNumbers, checkOptions, checkTexts, kindOfValue } from '../../arguments.js';
import { UsageError } from '../../errors.js';
import { shared } from '../shared-arrays.js';
import { fileSource } from './folder.js';
import { LabelColumn } from './label-column.js';
import type { ImageSource } from './sources.js';

export interface EncodedImages {
  /** The bytes of each picture file, or the path of each. */
  images: readonly Uint8Array[] | readonly string[];
  /**
   * Of each picture its class, by name or by number; or a list of numbers, one for each class (soft labels,
   * multi-label), or of the labels that hold. Not for prediction.
   */
  labels?: readonly (string | number | readonly number[] | readonly string[])[] | undefined;
  /** Names of the classes, where labels are numbers. */
  labelNames?: readonly string[] | undefined;
  /** Weight of each picture in the loss; default 1. */
  weights?: ArrayLike<number> | undefined;
}

export const isEncodedImages = (value: unknown): value is EncodedImages =>
  typeof value === 'object' && value !== null && 'images' in value;

/**
 * The pictures as the workers find them; bytes are copied once, into shared memory.
 * @param name what to call them in messages
 * @throws UsageError for arrays that do not fit together; DataError for a label that is none
 */
export function encodedSourceOf(given: EncodedImages, name: string): ImageSource {
  checkOptions(given, name, ['images', 'labels', 'labelNames', 'weights']);
  const { images, labels, labelNames, weights } = given;
  if (labels !== undefined && !Array.isArray(labels) && !ArrayBuffer.isView(labels))
    throw new UsageError(`${name}: labels must be a list, found ${kindOfValue(labels)}`);
  if (labelNames !== undefined) checkTexts(labelNames, `${name}: labelNames`);
  if (weights !== undefined) checkNumbers(weights, `${name}: weights`);
  if (!Array.isArray(images))
    throw new UsageError(`${name}: images must be a list of paths or Uint8Arrays, found ${kindOfValue(images)}`);
  const rows = images.length;
  if (rows === 0) throw new UsageError(`${name}: images holds no pictures`);
  for (const [key, list] of Object.entries({ labels, weights }))
    if (list && list.length !== rows)
      throw new UsageError(`${name}: ${rows} pictures take as many ${key}, found ${list.length}`);
  const column = new LabelColumn('labels');
  for (const [row, label] of (labels ?? []).entries()) column.add(label, `${name}:row ${row}`);
  const numeric = labels?.every((label) => typeof label === 'number') ?? false;
  const declared = labelNames && { names: labelNames, source: `${name}: labelNames`, numeric };
  return {
    ...pictures(images, name),
    ...(labels && column.labels(declared)),
    ...(weights && { weights: Float64Array.from(weights) }),
  };
}

function pictures(images: EncodedImages['images'], name: string): ImageSource {
  // A copy has undefined in holes, which every() would pass over.
  const all: readonly unknown[] = [...images];
  if (all.every((image) => typeof image === 'string')) return fileSource(name, all);
  const wrong = all.findIndex((image) => !types.isUint8Array(image));
  if (wrong >= 0)
    throw new UsageError(
      `${name}: images must be all paths, or all Uint8Arrays with the bytes of picture files; images[${wrong}] is ${kindOfValue(all[wrong])}`,
    );
  const encoded = all as readonly Uint8Array[];
  const rows = encoded.length;
  const memory = new SharedArrayBuffer(encoded.reduce((sum, { length }) => sum + length, 0));
  const bytes = new Uint8Array(memory);
  const [begin, length] = [shared.float64(rows), shared.uint32(rows)];
  let used = 0;
  for (const [row, image] of encoded.entries()) {
    bytes.set(image, used);
    begin[row] = used;
    length[row] = image.length;
    used += image.length;
  }
  return { kind: 'pieces', name, rows, memory, begin, length };
}
