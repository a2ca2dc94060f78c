// A piece of memory that is used again and again: it grows to the requested size and is let go of where one request was
// out of the ordinary, so that a worker's memory is that of its usual pictures.

/** More than this is not kept. */
const mostKeptBytes = 32 * 1024 * 1024;

export class ReusedBytes {
  #kept: Buffer = Buffer.alloc(0);

  /** `length` bytes, whatever they hold; valid until the next call. */
  take(length: number): Buffer {
    if (length <= this.#kept.length) return this.#kept.subarray(0, length);
    const bytes = Buffer.allocUnsafeSlow(length);
    if (length <= mostKeptBytes) this.#kept = bytes;
    return bytes;
  }
}
