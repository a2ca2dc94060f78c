// A file that appears whole or not at all: written beside its place, synced, renamed.

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { OrtuneError } from '../errors.js';
import { isRunning } from './processes.js';

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

/**
 * Writes a whole file; where that fails, what was there stays, and nothing lies beside it. @throws the system's error
 */
export function writeAtomically(path: string, content: string | Uint8Array): void {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const there = statSync(path, { throwIfNoEntry: false });
  // A device or a pipe has no place that another could take.
  if (there && !there.isFile()) {
    writeFileSync(path, bytes);
    return;
  }
  const file = new AtomicFile(there ? realpathSync(path) : path);
  try {
    file.write(bytes);
    file.commit();
  } finally {
    file.discard();
  }
}

const partial = /\.(\d+)\.partial$/;

/** Removes what processes that are gone were writing among the files of a directory, if there is one. */
export function removePartials(directory: string): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    const writer = partial.exec(name)?.[1];
    if (writer !== undefined && !isRunning(Number(writer))) rmSync(join(directory, name), { force: true });
  }
}

/** The same for a file that a user asked for. @throws OrtuneError that names it */
export function writeResult(path: string, content: string | Uint8Array): void {
  try {
    writeAtomically(path, content);
  } catch (error) {
    throw new OrtuneError(`${path} cannot be written: ${(error as Error).message}`);
  }
}
