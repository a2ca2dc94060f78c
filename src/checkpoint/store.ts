// The run's side of checkpoints. A snapshot of the tensors is copied while the run stands still and written in the
// background; one is under way at a time. What a checkpoint is lies in files.ts, how it is written in write.ts.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { types } from 'node:util';
import type { Worker } from 'node:worker_threads';
import { builtFile } from '../built.js';
import { OrtuneError, type Outcome, UsageError, unwrap } from '../errors.js';
import { elementCount } from '../onnx/tensor.js';
import { WorkerPool } from '../threads/worker-pool.js';
import type { WriteRequest } from './checkpoint-worker.js';
import { type CheckpointSource, checkpointsOf, listCheckpoints, posted, stateFormat, stepName } from './files.js';
import type { Keep } from './write.js';

export { type Checkpoint, type CheckpointSource, checkpointsOf, listCheckpoints } from './files.js';
export type { Keep } from './write.js';

export interface Snapshot {
  /** Where the checkpoint will be. */
  readonly path: string;
  /** Settles when it is there, synced. @throws OrtuneError with the cause, naming the last checkpoint that is whole */
  readonly written: Promise<void>;
}

export class CheckpointWriter {
  readonly #directory: string;
  readonly #pool: WorkerPool;
  /** Settles, never fails, when the snapshot requested last has been written or has failed. */
  #last: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** Starts a worker. `directory` is made at the first write; the sources' memory is read at every snapshot. */
  constructor(directory: string, sources: readonly CheckpointSource[]) {
    this.#directory = directory;
    this.#pool = openWorker(sources);
  }

  /**
   * Copies the tensors, which must not change until this resolves, and then writes them with `state` (any JSON) as the
   * checkpoint of `step`. Waits first for the one before to be written.
   * @throws OrtuneError when the copy cannot be made, such as for want of memory
   */
  snapshot(step: number, state: object, keep: Keep): Promise<Snapshot> {
    if (this.#closing) throw new Error('the checkpoint writer is closed');
    const json = `${JSON.stringify({ format: stateFormat, step, state }, undefined, 2)}\n`;
    const taken = this.#last.then(() => this.#take({ directory: this.#directory, step, state: json, keep }));
    this.#last = taken.then(({ written }) => written).catch(() => {}); // reported to whom the promises belong
    return taken;
  }

  /** Resolves when nothing is being written. */
  idle(): Promise<void> {
    return this.#last;
  }

  /** The worker threads at this moment, for diagnosis. */
  get threads(): readonly Worker[] {
    return this.#pool.threads;
  }

  /** Waits for the write under way and ends the worker. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#last.then(() => this.#pool.destroy());
    return this.#closing;
  }

  async #take(request: WriteRequest): Promise<Snapshot> {
    const path = join(this.#directory, stepName(request.step));
    await runIn<void>(this.#pool, 'take', undefined, `checkpoint ${path} cannot be taken`);
    const failed = `checkpoint ${path} cannot be written`;
    const written = runIn<Outcome<void>>(this.#pool, 'writeSnapshot', request, failed).then(unwrap);
    written.catch(() => {}); // reported to who awaits it
    return { path, written };
  }
}

/**
 * Verifies the checkpoint at `path` and fills the sources in place; the state it was written with.
 * @throws DataError for a damaged checkpoint, naming what is damaged and a whole one beside it; OrtuneError when it
 * does
 *   not fit the sources. They are untouched then.
 */
export async function loadCheckpoint(path: string, sources: readonly CheckpointSource[]): Promise<object> {
  const pool = openWorker(sources);
  try {
    return unwrap(await runIn<Outcome<object>>(pool, 'load', path, `checkpoint ${path} cannot be read`));
  } finally {
    await pool.destroy();
  }
}

/**
 * The checkpoint that `resume` stands for: a checkpoint's directory, or 'latest' for the last one of the run.
 * @throws UsageError when there is none
 */
export async function resolveCheckpoint(run: string, resume: string): Promise<string> {
  const directory = checkpointsOf(run);
  const found = await listCheckpoints(directory);
  if (resume === 'latest') {
    const latest = found.at(-1);
    if (latest) return latest.path;
    throw new UsageError(`resume: ${directory} holds no checkpoint; leave resume out to start from the beginning`);
  }
  if (statSync(resume, { throwIfNoEntry: false })?.isDirectory()) return resume;
  const known = found.length > 0 ? found.map(({ path }) => path).join(', ') : 'none';
  throw new UsageError(`resume: there is no checkpoint at ${resume}; checkpoints of ${run}: ${known}`);
}

/** A function of the worker. What is not part of its outcome is want of memory, or the end of the thread. */
function runIn<T>(pool: WorkerPool, name: string, task: unknown, failed: string): Promise<T> {
  return pool.run<T>(task, name).catch((error: Error) => {
    throw new OrtuneError(`${failed}: its thread says: ${error.message}`);
  });
}

function openWorker(sources: readonly CheckpointSource[]): WorkerPool {
  const names = new Set<string>();
  for (const { file, name, data, shape } of sources) {
    const what = `checkpoint source '${name}'`;
    if (names.has(`${file} ${name}`)) throw new Error(`${what} of ${file} is there twice`);
    names.add(`${file} ${name}`);
    if (!types.isSharedArrayBuffer(data.buffer)) throw new Error(`${what} is not in shared memory`);
    if (data.length !== elementCount(shape)) throw new Error(`${what} of shape [${shape}] has ${data.length} elements`);
  }
  return new WorkerPool({
    url: builtFile('checkpoint/checkpoint-worker.js'),
    workerData: sources.map(posted),
    role: 'of checkpoints',
  });
}
