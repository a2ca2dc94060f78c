// The main thread's client of the data thread. Tasks are answered in the order of their requests.

import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { OrtuneError, type Outcome, UsageError, unwrap } from '../errors.js';
import type { DataAnswers, DataTask } from './protocol.js';

type Pool = Piscina<DataTask, Outcome<DataAnswers[keyof DataAnswers]>>;

let clients = 0;

export class DataClient {
  /** A folder for what the thread has to unpack; it is there when something was, and goes when the client is closed. */
  readonly scratch = join(tmpdir(), `ortune-${process.pid}-${clients++}`);
  readonly #removeScratch = (): void => rmSync(this.scratch, { recursive: true, force: true });
  #pool: Pool | undefined;
  /** Pools that are going away. */
  #ending: Promise<void> = Promise.resolve();
  #closed = false;

  /** Starts the thread. */
  constructor() {
    this.#pool = this.#start();
    process.once('exit', this.#removeScratch);
  }

  #start(): Pool {
    const pool: Pool = new Piscina({
      filename: new URL('./data-worker.js', import.meta.url).href,
      minThreads: 1,
      maxThreads: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
    });
    // A thread that dies takes its pool with it, since Piscina leaves tasks waiting for ever where a replacement dies
    // before it is ready. The next task starts another: none relies on what the thread held.
    pool.on('workerDestroy', () => this.#discard(pool));
    pool.on('error', () => this.#discard(pool));
    return pool;
  }

  #discard(pool: Pool): void {
    if (this.#pool !== pool) return;
    this.#pool = undefined;
    // Not before the pool has struck the dead thread off its list: it would wait for its end a second time.
    this.#ending = Promise.resolve().then(() => pool.destroy());
  }

  /**
   * Runs one task in the data thread. An abort only ends the waiting for it.
   * @throws the signal's reason; what the task throws; OrtuneError when the thread dies with it
   */
  async request<K extends keyof DataAnswers>(
    task: Extract<DataTask, { kind: K }>,
    signal?: AbortSignal,
  ): Promise<DataAnswers[K]> {
    if (this.#closed) throw closed();
    this.#pool ??= this.#start();
    const outcome = await orAborted(this.#pool.run(task), signal).catch((error: Error) => {
      signal?.throwIfAborted();
      if (this.#closed) throw closed();
      throw new OrtuneError(
        `the thread that reads the data died (${error.message}); if it ran out of memory, ` +
          'set streaming for large files or raise the memory limit of the process',
      );
    });
    return unwrap(outcome) as DataAnswers[K];
  }

  /** Ends the thread and removes what it unpacked; tasks under way fail. May be called again. */
  async close(): Promise<void> {
    this.#closed = true;
    const pool = this.#pool;
    this.#pool = undefined;
    await Promise.all([this.#ending, pool?.destroy()]);
    process.off('exit', this.#removeScratch);
    await rm(this.scratch, { recursive: true, force: true });
  }

  /** The worker threads at this moment, for diagnosis. */
  get threads(): readonly Worker[] {
    return this.#pool?.threads ?? [];
  }
}

const closed = (): UsageError => new UsageError('the data is closed and can no longer be read');

/** Rejects with the signal's reason as soon as there is one; what `work` comes to is then nobody's concern. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  work.catch(() => {});
  try {
    return await Promise.race([aborted, work]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
