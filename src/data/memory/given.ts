// Data that a host program gives to the library as they are, in place of paths, as train, eval, test or data. They are
// taken out of the options before these are parsed, so that configuration files and messages between threads have a
// name in their place, and are put in again where the data is opened.

import { UsageError } from '../../errors.js';
import { isUrl } from '../../files/path-of.js';
import { type GivenModel, isGivenModel, memoryModel } from '../../models/given-model.js';
import { memoryPrefix } from '../images/memory-names.js';
import { type GivenImages, isGivenImages, sourceOf } from '../images/tensors.js';
import type { DataInput } from '../protocol.js';
import { type BytesInput, checkDataBytes, type DataBytes, isDataBytes } from './given-bytes.js';
import { accessPrefix, bytesPrefix, functionPrefix, rowsPrefix, tensorsPrefix } from './names.js';
import { isRowAccess, type RowAccess } from './row-access.js';
import type { EpochRows } from './row-function.js';
import type { DataRows } from './rows.js';
import { type DataTensors, isDataTensors, sharedTensors } from './tensors.js';

/**
 * Samples in memory: pictures, tensors, rows, rows by their numbers, a function that gives the rows of each epoch, or
 * the bytes of a file.
 */
export type GivenData = GivenImages | DataTensors | DataRows | RowAccess | EpochRows | DataBytes;

/** Options of which some may be data in memory, and the model its bytes. */
export type WithGiven<O extends { model: unknown }, K extends keyof O> = {
  [P in keyof O]: P extends K ? O[P] | GivenData : P extends 'model' ? O[P] | GivenModel : O[P];
};

/** What is in memory among options: data, by the option's name, and the model. */
export interface Given {
  data?: Readonly<Record<string, GivenData>>;
  model?: GivenModel | undefined;
}

/** Rows of a host program, as they were given. */
export type RowsInput = { name: string } & ({ rows: DataRows } | { rowsOf: EpochRows } | { access: RowAccess });

const options: readonly string[] = ['train', 'eval', 'test', 'data'];

/** Options with a name in place of data in memory. */
export function withoutGiven<O extends object>(from: O): { options: O; given: Given } {
  const data: Record<string, GivenData> = {};
  let model: GivenModel | undefined;
  const rest = Object.entries(from).map(([key, value]) => {
    if (key === 'model' && isGivenModel(value)) {
      model = value;
      return [key, memoryModel];
    }
    const prefix = options.includes(key) ? prefixOf(value) : undefined;
    if (prefix === undefined) return [key, value];
    data[key] = value;
    if (prefix === bytesPrefix) return [key, `${prefix}${key}.${checkDataBytes(value, key).format}`];
    return [key, `${prefix}${key}`];
  });
  return { options: Object.fromEntries(rest) as O, given: { data, model } };
}

/** Of data in memory, by its kind; undefined for paths and for what is neither. */
function prefixOf(value: unknown): string | undefined {
  if (typeof value === 'function') return functionPrefix;
  if (typeof value !== 'object' || value === null) return undefined;
  if (isDataBytes(value)) return bytesPrefix;
  if (isGivenImages(value)) return memoryPrefix;
  if (isDataTensors(value)) return tensorsPrefix;
  if (isRowAccess(value)) return accessPrefix;
  if (Array.isArray(value)) return typeof value[0] === 'object' && !isUrl(value[0]) ? rowsPrefix : undefined;
  return Symbol.iterator in value || Symbol.asyncIterator in value ? rowsPrefix : undefined;
}

const prefixes = [memoryPrefix, tensorsPrefix, functionPrefix, accessPrefix, rowsPrefix, bytesPrefix];

/** Files, or what a name stands for. @throws UsageError for data that do not fit together, and a name without data */
export function inputOf(files: readonly string[], given: Given): DataInput | RowsInput | BytesInput {
  const [path] = files;
  const prefix = prefixes.find((one) => path?.startsWith(one));
  if (path === undefined || prefix === undefined) return { files };
  const [name] = path.slice(prefix.length).split('.') as [string];
  const found = given.data?.[name];
  if (!found)
    throw new UsageError(
      `${path} stands for data in memory, which are given to the library as they are, not by a name`,
    );
  if (isDataBytes(found)) return { name, file: found };
  if (isGivenImages(found)) return { source: sourceOf(found, path) };
  if (isDataTensors(found)) return { tensors: sharedTensors(found, name) };
  if (isRowAccess(found)) return { name, access: found };
  return typeof found === 'function' ? { name, rowsOf: found } : { name, rows: found };
}
