// SHA-256 over many short pieces of bytes, each with its length, so that no two lists of pieces give the same bytes.

import { createHash } from 'node:crypto';

export class ByteHash {
  readonly #hash = createHash('sha256');
  readonly #buffer = Buffer.alloc(256 * 1024);
  #used = 0;

  /** Adds a piece behind its length. */
  piece(bytes: Uint8Array): void {
    this.number(bytes.length);
    this.bytes(bytes);
  }

  /** Adds a 32-bit number. */
  number(value: number): void {
    if (this.#used + 4 > this.#buffer.length) this.#flush();
    this.#used = this.#buffer.writeInt32LE(value | 0, this.#used);
  }

  /** Adds bytes whose number is known otherwise. */
  bytes(bytes: Uint8Array): void {
    if (this.#used + bytes.length > this.#buffer.length) this.#flush();
    if (bytes.length > this.#buffer.length) this.#hash.update(bytes);
    else {
      this.#buffer.set(bytes, this.#used);
      this.#used += bytes.length;
    }
  }

  hex(): string {
    this.#flush();
    return this.#hash.digest('hex');
  }

  #flush(): void {
    this.#hash.update(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }
}
