// The bytes of a tensor column's samples: rows of equal size, in memory or read from files that stay open. Blocks;
// belongs in a thread.

import { closeSync, openSync, readSync } from 'node:fs';
import { DataError } from '../errors.js';
import type { TensorSlice } from './columns.js';

const elementBytes: Readonly<Record<TensorSlice['dtype'], number>> = {
  float32: 4,
  int64: 8,
  int32: 4,
  bool: 1,
  uint8: 1,
  float16: 2,
};

/** Bytes of one sample. */
export const tensorBytes = ({ dtype, shape }: Pick<TensorSlice, 'dtype' | 'shape'>): number =>
  shape.reduce((product, d) => product * d, elementBytes[dtype]);

export class TensorReader {
  readonly #files = new Map<string, number>();
  #bytes = new Uint8Array(0);

  /**
   * The bytes of sample `row`; of a file they are valid until the next call. @throws DataError for a file that is cut
   */
  bytes(column: TensorSlice, row: number): Uint8Array {
    const { memory, file, begin } = column.sources[column.places[2 * row]!]!;
    const length = tensorBytes(column);
    const from = begin + length * column.places[2 * row + 1]!;
    if (memory) return new Uint8Array(memory, from, length);
    const opened = this.#files.get(file!) ?? openSync(file!, 'r');
    this.#files.set(file!, opened);
    if (this.#bytes.length !== length) this.#bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const read = readSync(opened, this.#bytes, done, length - done, from + done);
      if (read === 0) throw new DataError(`data file ${file} ends at byte ${from + done}; is it being written?`);
      done += read;
    }
    return this.#bytes;
  }

  close(): void {
    for (const file of this.#files.values()) closeSync(file);
    this.#files.clear();
  }
}
