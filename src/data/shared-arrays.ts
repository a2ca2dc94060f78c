// Typed arrays over shared memory, which every thread sees without a copy: what all that grows with the number of
// samples lies in.

import { OrtuneError } from '../errors.js';
import { formatBytes } from '../format.js';
import { isErrorNamed } from '../realm.js';

export type SharedColumn = Uint32Array | Int32Array | Float32Array | Float64Array;

/** @throws OrtuneError where the system has no such memory */
export function sharedBytes(bytes: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(bytes);
  } catch (error) {
    if (!isErrorNamed(error, 'RangeError')) throw error;
    throw new OrtuneError(
      `${formatBytes(bytes)} of memory for data are not to be had (${error.message}); use fewer samples, set streaming, ` +
        'or raise the memory limit of the process (ulimit -v, the container)',
    );
  }
}

export const shared = {
  uint32: (length: number) => new Uint32Array(sharedBytes(4 * length)),
  int32: (length: number) => new Int32Array(sharedBytes(4 * length)),
  float32: (length: number) => new Float32Array(sharedBytes(4 * length)),
  float64: (length: number) => new Float64Array(sharedBytes(8 * length)),
};

/** The array, or where it has fewer than `length` elements a copy of at least twice the size. */
export function withRoom<A extends SharedColumn>(array: A, length: number): A {
  if (length <= array.length) return array;
  const bytes = Math.max(2 * array.byteLength, length * array.BYTES_PER_ELEMENT);
  const larger = new (array.constructor as new (buffer: SharedArrayBuffer) => A)(sharedBytes(bytes));
  larger.set(array);
  return larger;
}

/** The arrays one behind the other. */
export function concatenated<A extends SharedColumn>(out: A, arrays: readonly SharedColumn[]): A {
  let at = 0;
  for (const array of arrays) {
    out.set(array, at);
    at += array.length;
  }
  return out;
}
