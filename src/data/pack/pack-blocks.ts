// Has the blocks of a packed file made by worker threads, a few ahead, and written in order. What a block is made of
// depends on its samples alone, so neither the number of threads nor an interruption changes the file.

import { OrtuneError, type Outcome, unwrap } from '../../errors.js';
import { coreThreads } from '../../machine.js';
import type { ThreadError } from '../../threads/causes.js';
import { WorkerPool } from '../../threads/worker-pool.js';
import type { PackWriter } from './pack-writer.js';

/** What a worker makes of a block of samples. */
export interface PackedBlock<Info> {
  bytes: Uint8Array;
  info: Info;
}

export interface PackProgress {
  /** Samples done, of all. */
  done: number;
  samples: number;
  /** Written so far. */
  bytes: number;
}

export interface PackBlocksOptions<Task, Info> {
  samples: number;
  /** Samples of a block. */
  blockSamples: number;
  /** A module of a pool; it answers a task by an Outcome<PackedBlock<Info>>. */
  worker: URL;
  workerData: unknown;
  /** Threads; default one for each core. */
  workers?: number | undefined;
  /** What a worker has to know of the samples from `first` to `end`. */
  task(first: number, end: number): Task;
  /** Told of each block, also of those that were there; what it throws ends the work. */
  taken?: ((info: Info) => void) | undefined;
  onProgress?: ((progress: PackProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Writes all blocks that `writer` does not have yet. An abort ends it with what is written by then.
 * @returns whether all are there
 * @throws the workers' errors; the system's
 */
export async function packBlocks<Task, Info>(
  writer: PackWriter<Info>,
  options: PackBlocksOptions<Task, Info>,
): Promise<boolean> {
  const { samples, blockSamples, worker, workerData, workers = coreThreads(), signal } = options;
  const blocks = Math.ceil(samples / blockSamples);
  const report = (): void => {
    const done = Math.min(samples, writer.blocks.length * blockSamples);
    options.onProgress?.({ done, samples, bytes: writer.bytes });
  };
  for (const info of writer.blocks) options.taken?.(info);
  report();
  const pool = new WorkerPool({ url: worker, workerData, workers, role: 'that packs the data' });
  const waiting: Promise<Outcome<PackedBlock<Info>>>[] = [];
  let next = writer.blocks.length;
  const failed = (error: Error): never => {
    throw new OrtuneError(
      `${error.message}. What has been packed is kept, and the same command goes on with it` +
        `${(error as ThreadError).outOfMemory ? '; set fewer workers' : ''}`,
    );
  };
  try {
    while (writer.blocks.length < blocks) {
      if (signal?.aborted) return false;
      for (; next < blocks && waiting.length < 2 * workers; next++) {
        const first = next * blockSamples;
        const block = pool
          .run<Outcome<PackedBlock<Info>>>(options.task(first, Math.min(samples, first + blockSamples)))
          .catch(failed);
        block.catch(() => {}); // reported when its turn comes
        waiting.push(block);
      }
      const { bytes, info } = unwrap(await waiting.shift()!);
      options.taken?.(info);
      await writer.add(bytes, info);
      report();
    }
    return true;
  } finally {
    await pool.destroy();
  }
}
