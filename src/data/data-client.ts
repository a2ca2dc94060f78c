// The main thread's client of the data thread. Tasks are answered in the order of their requests.

import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { builtFile } from '../built.js';
import { OrtuneError, type Outcome, UsageError, unwrap } from '../errors.js';
import type { ThreadError } from '../threads/causes.js';
import { WorkerPool } from '../threads/worker-pool.js';
import type { DataAnswers, DataTask, OpenedData } from './protocol.js';
import { standIn, withNames } from './stand-ins.js';

let clients = 0;

export class DataClient {
  /** A folder for what the thread has to unpack; it is there when something was, and goes when the client is closed. */
  readonly scratch = join(tmpdir(), `ortune-${process.pid}-${clients++}`);
  readonly #removeScratch = (): void => rmSync(this.scratch, { recursive: true, force: true });
  /** A thread that dies is replaced: no task relies on what another held. */
  readonly #pool = new WorkerPool({ url: builtFile('data/data-worker.js'), role: 'that reads the data' });
  #closed = false;
  readonly #standIns: (() => void)[] = [];

  /** Starts the thread. */
  constructor() {
    process.once('exit', this.#removeScratch);
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
    const answer = this.#pool.run<Outcome<DataAnswers[K]>>(task);
    const outcome = await orAborted(answer, signal).catch((error: Error) => {
      signal?.throwIfAborted();
      if (this.#closed) throw closed();
      if ((error as ThreadError).outOfMemory)
        throw new OrtuneError(`${error.message}; or set streaming for large files`);
      throw error;
    });
    try {
      const given = unwrap(outcome);
      if (task.kind !== 'open') return given;
      const { notes } = given as OpenedData;
      return { ...given, notes: notes.map(withNames) };
    } catch (error) {
      (error as Error).message = withNames((error as Error).message);
      throw error;
    }
  }

  /** Has a file of `scratch` called by what it stands for, in places, errors and notes. */
  standIn(path: string, name: string): void {
    this.#standIns.push(standIn(path, name));
  }

  /** Ends the thread and removes what it unpacked; tasks under way fail. May be called again. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const end of this.#standIns.splice(0)) end();
    await this.#pool.destroy();
    process.off('exit', this.#removeScratch);
    await rm(this.scratch, { recursive: true, force: true });
  }

  /** The worker threads at this moment, for diagnosis. */
  get threads(): readonly Worker[] {
    return this.#pool.threads;
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
