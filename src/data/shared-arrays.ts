// Typed arrays over shared memory, which every thread sees without a copy: what all that grows with the number of
// samples lies in.

export type SharedColumn = Uint32Array | Int32Array | Float32Array | Float64Array;

export const shared = {
  uint32: (length: number) => new Uint32Array(new SharedArrayBuffer(4 * length)),
  int32: (length: number) => new Int32Array(new SharedArrayBuffer(4 * length)),
  float32: (length: number) => new Float32Array(new SharedArrayBuffer(4 * length)),
  float64: (length: number) => new Float64Array(new SharedArrayBuffer(8 * length)),
};

/** The array, or where it has fewer than `length` elements a copy of at least twice the size. */
export function withRoom<A extends SharedColumn>(array: A, length: number): A {
  if (length <= array.length) return array;
  const bytes = Math.max(2 * array.byteLength, length * array.BYTES_PER_ELEMENT);
  const larger = new (array.constructor as new (buffer: SharedArrayBuffer) => A)(new SharedArrayBuffer(bytes));
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
