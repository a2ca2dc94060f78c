// A file that a run adds to while it goes on: what is added is held for a moment and written in one piece by the thread
// pool, so that neither short steps nor a slow disk keep the loop waiting. An error is not thrown but kept in
// `failure`. What has been written outlives the process at once; only `flush` makes sure that it outlives the machine,
// too.

import { close, fdatasync, openSync, write } from 'node:fs';
import { rename } from 'node:fs/promises';
import { clearTimeout, setTimeout } from 'node:timers';
import { promisify } from 'node:util';
import { OrtuneError } from '../errors.js';

const [closeFile, sync, writeSome] = [promisify(close), promisify(fdatasync), promisify(write)];

export interface AppendOptions {
  /** Refuse a file that is there already, and do not replace it; default false. */
  exclusive?: boolean;
  /**
   * What the file begins with. It is written to `path`.partial, which takes `path`'s place once all of it is on the
   * disk: until then the file that was there stays, and may be what the beginning is read from.
   */
  beginning?: AsyncIterable<string>;
  /** How long what is added may wait, in milliseconds; default 1000. */
  holdMs?: number;
}

export class AppendFile {
  readonly path: string;
  readonly #fd: number;
  readonly #holdMs: number;
  #held: Uint8Array[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** All writes so far, in order; never rejects. */
  #work: Promise<void> = Promise.resolve();
  #failure: OrtuneError | undefined;
  #closed: Promise<void> | undefined;

  /** Opens the file, empty but for `beginning`. @throws the system's error when it cannot be */
  constructor(path: string, { exclusive = false, beginning, holdMs = 1000 }: AppendOptions = {}) {
    this.path = path;
    this.#holdMs = holdMs;
    this.#fd = openSync(beginning ? partial(path) : path, exclusive ? 'wx' : 'w');
    if (beginning) this.#queue(() => this.#begin(beginning));
  }

  /** What went wrong first; nothing has been written since. */
  get failure(): OrtuneError | undefined {
    return this.#failure;
  }

  /** Adds to the end; does nothing once the file has failed or is closed. */
  append(data: string | Uint8Array): void {
    if (this.#failure || this.#closed) return;
    this.#held.push(typeof data === 'string' ? Buffer.from(data) : data);
    this.#timer ??= setTimeout(() => this.#writeHeld(), this.#holdMs).unref();
  }

  /** Resolves when all that was added is on the disk, or the file has failed. */
  async flush(): Promise<void> {
    if (this.#closed) return this.#closed;
    this.#writeHeld();
    this.#queue(() => sync(this.#fd));
    await this.#work;
  }

  /** Writes what is left and closes; never rejects. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #begin(beginning: AsyncIterable<string>): Promise<void> {
    for await (const text of beginning) await this.#write(Buffer.from(text));
    await sync(this.#fd);
    await rename(partial(this.path), this.path);
  }

  async #end(): Promise<void> {
    this.#writeHeld();
    await this.#work;
    await closeFile(this.#fd).catch((error: Error) => this.#fail(error));
  }

  #writeHeld(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#held.length === 0) return;
    const bytes = Buffer.concat(this.#held);
    this.#held = [];
    this.#queue(() => this.#write(bytes));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; )
      done += (await writeSome(this.#fd, bytes, done, bytes.length - done, null)).bytesWritten;
  }

  #queue(work: () => Promise<void>): void {
    this.#work = this.#work.then(() => (this.#failure ? undefined : work())).catch((error: Error) => this.#fail(error));
  }

  #fail(error: Error): void {
    this.#failure ??= new OrtuneError(`${this.path} cannot be written: ${error.message}`);
  }
}

const partial = (path: string): string => `${path}.partial`;
