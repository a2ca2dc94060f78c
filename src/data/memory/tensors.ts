// Named tensors that a host program has in memory, such as features and targets: sample i is row i along the first axis
// of each. They are copied once, into shared memory, where the data thread finds them as it finds those of a file
// (read/tensors.ts).

import { types } from 'node:util';
import { isObject, kindOfValue } from '../../arguments.js';
import { DataError, UsageError } from '../../errors.js';
import type { StoredType } from '../../files/safetensors.js';
import { quote } from '../../quote.js';
import type { TensorSource } from '../columns.js';
import type { NamedTensors } from '../read/tensors.js';
import { numbersOf } from '../stored-tensors.js';

export interface DataTensor {
  data: Float32Array | BigInt64Array | Int32Array | Uint8Array;
  /** [N, …], N being the number of samples. */
  shape: readonly number[];
}

/** Samples as tensors, by the names that columns have elsewhere. */
export interface DataTensors {
  tensors: Readonly<Record<string, DataTensor>>;
}

/** Tensors as the data thread gets them. */
export interface SharedTensors {
  /** What to call them in messages. */
  name: string;
  tensors: Readonly<Record<string, { dtype: StoredType; shape: readonly number[]; source: SharedBytes }>>;
}

interface SharedBytes {
  memory: SharedArrayBuffer;
  begin: number;
  bytes: number;
}

export const isDataTensors = (value: unknown): value is DataTensors =>
  typeof value === 'object' && value !== null && 'tensors' in value;

/**
 * The tensors in shared memory; those that lie there are not copied.
 * @param name the option that they were given as
 * @throws UsageError for arrays that are not as the shapes say, or do not fit together
 */
export function sharedTensors({ tensors }: DataTensors, name: string): SharedTensors {
  if (typeof tensors !== 'object' || tensors === null || Object.keys(tensors).length === 0)
    throw new UsageError(`${name}: 'tensors' must be an object of { data, shape } by name`);
  const all = Object.entries(tensors).map(
    ([key, tensor]) => [key, shared(tensor, `${name}: tensor ${quote(key)}`)] as const,
  );
  const [[first, { shape }]] = all as unknown as [(typeof all)[number]];
  const other = all.find(([, tensor]) => tensor.shape[0] !== shape[0]);
  if (other)
    throw new UsageError(
      `${name}: tensor ${quote(first)} has the shape [${shape}], tensor ${quote(other[0])} [${other[1].shape}]; ` +
        'the first axis is that of the samples and must be equal',
    );
  return { name, tensors: Object.fromEntries(all) };
}

function shared(tensor: DataTensor, what: string): SharedTensors['tensors'][string] {
  if (!isObject(tensor)) throw new UsageError(`${what} must be { data, shape }, found ${kindOfValue(tensor)}`);
  const { data, shape } = tensor;
  const dtype = dtypeOf(data);
  if (!dtype) throw new UsageError(`${what}: 'data' must be a Float32Array, BigInt64Array, Int32Array or Uint8Array`);
  if (!Array.isArray(shape) || shape.length === 0 || !shape.every((d) => Number.isInteger(d) && d >= 0))
    throw new UsageError(`${what}: 'shape' must be a list of whole numbers, [N, …], with N samples`);
  const expected = shape.reduce((product: number, d: number) => product * d, 1);
  if (data.length !== expected)
    throw new UsageError(`${what}: shape [${shape}] takes ${expected} numbers, found ${data.length}`);
  const { buffer, byteOffset, byteLength: bytes } = data;
  if (types.isSharedArrayBuffer(buffer)) return { dtype, shape, source: { memory: buffer, begin: byteOffset, bytes } };
  const memory = new SharedArrayBuffer(bytes);
  new Uint8Array(memory).set(new Uint8Array(buffer, byteOffset, bytes));
  return { dtype, shape, source: { memory, begin: 0, bytes } };
}

function dtypeOf(data: unknown): StoredType | undefined {
  if (types.isFloat32Array(data)) return 'F32';
  if (types.isBigInt64Array(data)) return 'I64';
  if (types.isInt32Array(data)) return 'I32';
  return types.isUint8Array(data) ? 'U8' : undefined;
}

/** Shared tensors as a table is made of them. */
export class MemoryTensors implements NamedTensors {
  readonly path: string;
  readonly metadata = {};
  readonly #tensors: SharedTensors['tensors'];

  constructor({ name, tensors }: SharedTensors) {
    this.path = name;
    this.#tensors = tensors;
  }

  get tensorNames(): string[] {
    return Object.keys(this.#tensors);
  }

  place(name: string): SharedTensors['tensors'][string] {
    if (Object.hasOwn(this.#tensors, name)) return this.#tensors[name]!;
    const found = Object.keys(this.#tensors).map((key) => quote(key));
    throw new DataError(`${this.path}: there is no tensor ${quote(name)}; found ${found.join(', ')}`);
  }

  source(name: string): TensorSource {
    const { memory, begin } = this.place(name).source;
    return { memory, begin };
  }

  numbers(name: string): Float64Array {
    const { dtype, source } = this.place(name);
    return numbersOf(new Uint8Array(source.memory, source.begin, source.bytes), dtype, this.path, name);
  }
}
