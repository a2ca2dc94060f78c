// A .safetensors file of data, open for reading: its header is read and checked at once, tensors on request.
// What the tensors mean is up to the callers (images/tensor-file.ts, pack/). Blocks; belongs in a thread.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DataError } from '../errors.js';
import {
  decodeHeader,
  decodeMetadata,
  headerLength,
  prefixBytes,
  type StoredType,
  storedTypes,
  type TensorPlace,
} from '../files/safetensors.js';
import { quote } from '../quote.js';
import type { TensorSource } from './columns.js';

export class StoredTensors {
  readonly path: string;
  /** The header's length as it is stored, and the header. */
  readonly head: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
  readonly places: ReadonlyMap<string, TensorPlace>;
  /** Bytes of the whole file. */
  readonly size: number;
  readonly #file: number;

  private constructor(path: string, file: number) {
    this.path = path;
    this.#file = file;
    this.size = fstatSync(file).size;
    const prefix = this.read(0, Math.min(prefixBytes, this.size));
    this.head = this.read(0, prefixBytes + headerLength(prefix, path, this.size));
    const header = this.head.subarray(prefixBytes);
    this.places = decodeHeader(header, path, this.size - this.start, storedTypes);
    this.metadata = decodeMetadata(header, path);
  }

  /**
   * Opens a file for `use`.
   * @param expected of a file that is empty: what should be there
   * @throws DataError for a file that is cut or is none of this format
   */
  static with<T>(path: string, expected: string, use: (stored: StoredTensors) => T): T {
    const file = openSync(path, 'r');
    try {
      if (fstatSync(file).size === 0) throw new DataError(`data file ${path} is empty; expected ${expected}`);
      return use(new StoredTensors(path, file));
    } finally {
      closeSync(file);
    }
  }

  get tensorNames(): string[] {
    return [...this.places.keys()];
  }

  /** First byte behind the header. */
  get start(): number {
    return this.head.length;
  }

  /** @throws DataError where there is none of this name */
  place(name: string): TensorPlace {
    const place = this.places.get(name);
    if (place) return place;
    const found = [...this.places.keys()].map((key) => quote(key)).join(', ');
    throw new DataError(`${this.path}: there is no tensor ${quote(name)}; found ${found || 'none'}`);
  }

  /** First byte of a tensor in the file. */
  begin(name: string): number {
    return this.start + this.place(name).begin;
  }

  /** Where the rows of a tensor lie. */
  source(name: string): TensorSource {
    return { file: this.path, begin: this.begin(name) };
  }

  /** All numbers of a tensor that has as many rows as are expected. @throws DataError */
  numbers(name: string, rows: number, of: string): Float64Array {
    const { shape, dtype, begin, end } = this.place(name);
    if (shape[0] !== rows)
      throw new DataError(`${this.path}: ${quote(name)} has the shape [${shape}], but there are ${rows} ${of}`);
    return numbersOf(this.read(this.start + begin, end - begin), dtype, this.path, name);
  }

  /** @throws DataError where the file ends before */
  read(from: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.readInto(bytes, from);
    return bytes;
  }

  /** Fills `bytes`. @throws DataError where the file ends before */
  readInto(bytes: Uint8Array, from: number): void {
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(this.#file, bytes, done, bytes.length - done, from + done);
      if (read === 0) throw new DataError(`data file ${this.path} ends at byte ${from + done}; is it being written?`);
      done += read;
    }
  }
}

/** The names of the classes in a file's metadata: a JSON list, or names separated by commas. @throws DataError */
export function namesOf(text: string, path: string): string[] {
  if (!text.trimStart().startsWith('[')) return text.split(',').map((name) => name.trim());
  try {
    const names: unknown = JSON.parse(text);
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  } catch {
    // Said below.
  }
  throw new DataError(`${path}: label_names must be a JSON list of names, or names separated by commas`);
}

/** Numbers of any stored type. @throws DataError for one that is none of numbers */
export function numbersOf(bytes: Uint8Array, type: StoredType, path: string, name: string): Float64Array {
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
    throw new DataError(
      `${path}: ${quote(name)} is ${type}, expected I64 or another of ${Object.keys(read).join(', ')}`,
    );
  return Float64Array.from({ length: bytes.byteLength / step }, (_, i) => at(i * step));
}
