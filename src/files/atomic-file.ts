// A file that appears whole or not at all: written beside its place, synced, renamed.

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

const LARGEST_WRITE = 2 ** 30;

export class AtomicFile {
  readonly path: string;
  /** Bytes written so far. */
  size = 0;
  #fd: number | undefined;

  constructor(path: string) {
    this.path = path;
  }

  get #partial(): string {
    return `${this.path}.${process.pid}.partial`;
  }

  write(bytes: Uint8Array): void {
    this.#fd ??= openSync(this.#partial, 'w');
    for (let done = 0; done < bytes.byteLength; )
      done += writeSync(this.#fd, bytes, done, Math.min(LARGEST_WRITE, bytes.byteLength - done));
    this.size += bytes.byteLength;
  }

  /** Fills with zeros up to a multiple of `step` bytes. */
  align(step: number): void {
    const rest = this.size % step;
    if (rest > 0) this.write(new Uint8Array(step - rest));
  }

  /** Puts the file in its place; nothing when nothing was written. */
  commit(): void {
    if (this.#fd === undefined) return;
    fsyncSync(this.#fd);
    this.#close();
    renameSync(this.#partial, this.path);
  }

  /** Removes what has not been committed. */
  discard(): void {
    if (this.#fd === undefined) return;
    this.#close();
    rmSync(this.#partial, { force: true });
  }

  #close(): void {
    closeSync(this.#fd!);
    this.#fd = undefined;
  }
}
