// Tensors of .safetensors files, or in memory, as a table: sample i is row i along the first axis of each requested
// tensor. Numbers and classes are read at once; what is a tensor for each sample stays where it is.

import { DataError } from '../../errors.js';
import type { StoredType } from '../../files/safetensors.js';
import { quote } from '../../quote.js';
import { ClassNames } from '../column-builders.js';
import type { ColumnSlice, ColumnSpec, TensorSlice, TensorSource } from '../columns.js';
import type { ReadTable } from '../found.js';
import { shared } from '../shared-arrays.js';
import { namesOf, StoredTensors } from '../stored-tensors.js';

const dtypes: Partial<Record<StoredType, TensorSlice['dtype']>> = {
  F32: 'float32',
  F16: 'float16',
  I64: 'int64',
  I32: 'int32',
  U8: 'uint8',
  BOOL: 'bool',
};

/** Tensors by name, in a file or in memory. */
export interface NamedTensors {
  /** Of the file, or what to call them in messages. */
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensorNames: readonly string[];
  /** @throws DataError where there is none of this name */
  place(name: string): { shape: readonly number[]; dtype: StoredType };
  /** Where a tensor's rows lie. */
  source(name: string): TensorSource;
  /** All numbers of a tensor that has as many rows as are expected. @throws DataError */
  numbers(name: string, rows: number, of: string): Float64Array;
}

/** Of one file. */
interface Part {
  path: string;
  count: number;
  columns: Readonly<Record<string, ColumnSlice>>;
  /** Those that classes count in, where the file gives them in their order. */
  given: readonly string[] | undefined;
  /** Those that classes count in. */
  names: readonly string[];
  weight: Float64Array | undefined;
  /** Tensors that are not requested. */
  unread: readonly string[];
}

/**
 * @param weights tensor with the samples' weights
 * @throws DataError for a file of another kind, and for tensors that are not there or do not fit together
 */
export function readTensors(
  paths: readonly string[],
  columns: readonly ColumnSpec[],
  weights: string | undefined,
): ReadTable {
  const other = paths.find((path) => !path.endsWith('.safetensors'));
  if (other !== undefined)
    throw new DataError(`${other} is a table, and other files of the data hold tensors; give files of one kind`);
  const parts = paths.map((path) =>
    StoredTensors.with(path, 'a .safetensors file', (stored) => readPart(stored, columns, weights)),
  );
  return joinedTable(parts, columns, weights);
}

/** Named tensors as a table. @throws DataError for tensors that are not there or do not fit together */
export const tensorTable = (
  tensors: NamedTensors,
  columns: readonly ColumnSpec[],
  weights: string | undefined,
): ReadTable => joinedTable([readPart(tensors, columns, weights)], columns, weights);

function joinedTable(parts: readonly Part[], columns: readonly ColumnSpec[], weights: string | undefined): ReadTable {
  const paths = parts.map(({ path }) => path);
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  if (count === 0) throw new DataError(`data file ${paths.join(', ')} holds no samples`);
  const [file, line] = [shared.uint32(count), shared.uint32(count)];
  const weight = weights === undefined ? undefined : shared.float32(count);
  let from = 0;
  for (const [number, part] of parts.entries()) {
    file.fill(number, from, from + part.count);
    for (let i = 0; i < part.count; i++) line[from + i] = i;
    weight?.set(part.weight!, from);
    from += part.count;
  }
  const joinedColumns = columns.map(({ role }) => [role, joined(parts, role, count)]);
  const origin = { files: paths, lines: { file, line, unit: 'row' as const } };
  const notes = parts.flatMap(({ path, unread }) =>
    unread.length === 0
      ? []
      : `${path}: no input of the model and no loss reads ${unread.map((name) => quote(name)).join(', ')}`,
  );
  const table = { count, columns: Object.fromEntries(joinedColumns), weight, origin };
  const names = new ClassNames();
  let first = 0;
  for (const part of parts) {
    const ids = part.names.map((name) => names.idOf(name));
    for (const column of Object.values(table.columns) as ColumnSlice[])
      if (column.kind === 'class')
        for (let i = first; i < first + part.count; i++) column.values[i] = ids[column.values[i]!]!;
    first += part.count;
  }
  return { table, names: names.names, notes, fileLabels: parts.map(({ given: named }) => ({ named })) };
}

function readPart(stored: NamedTensors, columns: readonly ColumnSpec[], weights: string | undefined): Part {
  const { path } = stored;
  const [first] = columns as [ColumnSpec];
  const count = stored.place(first.name).shape[0] ?? 0;
  const { label_names: names } = stored.metadata;
  const given = names === undefined ? undefined : namesOf(names, path);
  const met = new ClassNames();
  const classOf = (label: number, row: number): number => {
    const name = given ? given[label] : Number.isSafeInteger(label) && label >= 0 ? String(label) : undefined;
    if (name !== undefined) return met.idOf(name);
    const expected = given ? `a whole number below ${given.length}, that of a class` : 'a whole number from 0';
    throw new DataError(`${path}:row ${row}: label ${label}, expected ${expected}`);
  };
  const read = columns.map((spec) => [spec.role, columnOf(stored, spec, count, classOf)]);
  return {
    path,
    count,
    columns: Object.fromEntries(read),
    given,
    names: met.names,
    weight: weights === undefined ? undefined : stored.numbers(weights, count, 'samples'),
    unread: stored.tensorNames.filter((name) => name !== weights && !columns.some((column) => column.name === name)),
  };
}

function columnOf(
  stored: NamedTensors,
  { kind, name }: ColumnSpec,
  count: number,
  classOf: (label: number, row: number) => number,
): ColumnSlice {
  const { shape, dtype: type } = stored.place(name);
  if (shape[0] !== count)
    throw new DataError(`${stored.path}: ${quote(name)} has the shape [${shape}], but there are ${count} samples`);
  const width = shape.slice(1).reduce((product, d) => product * d, 1);
  switch (kind) {
    case 'numbers':
      return { kind, values: Float32Array.from(stored.numbers(name, count, 'samples')), width };
    case 'class':
      if (width === 1) return { kind, values: Int32Array.from(stored.numbers(name, count, 'samples'), classOf) };
      throw new DataError(
        `${stored.path}: ${quote(name)} has the shape [${shape}]; expected [N] with a class for each sample`,
      );
    case 'tensor': {
      const dtype = dtypes[type];
      if (!dtype)
        throw new DataError(
          `${stored.path}: ${quote(name)} is ${type}, expected one of ${Object.keys(dtypes).join(', ')}`,
        );
      const places = Uint32Array.from({ length: 2 * count }, (_, k) => (k % 2 === 0 ? 0 : k >> 1));
      const sources = [stored.source(name)];
      return { kind, dtype, shape: shape.slice(1), sources, places };
    }
    default:
      throw new DataError(`${stored.path}: tensors hold no ${kind} for ${quote(name)}; give a table`);
  }
}

/** The column of all files. */
function joined(parts: readonly Part[], role: string, count: number): ColumnSlice {
  const columns = parts.map((part) => part.columns[role]!);
  const [first] = columns as [ColumnSlice];
  const unlike = (what: string): DataError =>
    new DataError(`${parts.map(({ path }) => path).join(', ')}: ${quote(role)} has ${what} in some and not in others`);
  if (first.kind === 'tensor') {
    const all = columns as TensorSlice[];
    const same = ({ dtype, shape }: TensorSlice): boolean =>
      dtype === first.dtype && String(shape) === String(first.shape);
    if (!all.every(same)) throw unlike(`${first.dtype} [${first.shape}]`);
    const places = shared.uint32(2 * count);
    let at = 0;
    for (const [source, one] of all.entries())
      for (let k = 0; k < one.places.length; k += 2, at += 2) places.set([source, one.places[k + 1]!], at);
    return { ...first, sources: all.flatMap(({ sources }) => sources), places };
  }
  if (first.kind === 'class') {
    const values = shared.int32(count);
    concatenate(values, columns as { values: Int32Array }[]);
    return { kind: 'class', values };
  }
  if (first.kind !== 'numbers') throw new Error(`no ${first.kind} is read from tensors`);
  if (!columns.every((column) => column.kind === 'numbers' && column.width === first.width))
    throw unlike(`${first.width} numbers a sample`);
  const values = shared.float32(count * first.width);
  concatenate(values, columns as { values: Float32Array }[]);
  return { kind: 'numbers', values, width: first.width };
}

function concatenate<A extends Int32Array | Float32Array>(out: A, columns: readonly { values: A }[]): void {
  let at = 0;
  for (const { values } of columns) {
    out.set(values, at);
    at += values.length;
  }
}
