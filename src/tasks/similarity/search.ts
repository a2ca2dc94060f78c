// The nearest vectors of a corpus for each query, computed by a thread that is started for it, so that the host's event
// loop never waits.

import { builtFile } from '../../built.js';
import { defaultThreads } from '../../environment.js';
import { WorkerPool } from '../../threads/worker-pool.js';

export interface SearchRequest {
  /** Vectors one behind the other, of `size` numbers each; of length 1 where cosines are meant. */
  queries: Float32Array;
  documents: Float32Array;
  size: number;
  /** Documents to find for each query; fewer where there are fewer. */
  most: number;
  threads: number;
}

export interface Found {
  /** Documents that were found for each query. */
  best: number;
  /** [queries, best], the best first; equal ones in the order of the corpus. */
  documents: Int32Array;
  scores: Float32Array;
}

/** Finds them by dot product. */
export async function nearest(request: Omit<SearchRequest, 'threads'>, threads = defaultThreads()): Promise<Found> {
  const url = builtFile('tasks/similarity/search-worker.js');
  const pool = new WorkerPool({ url, role: 'that searches vectors' });
  try {
    return await pool.run<Found>({ ...request, threads });
  } finally {
    await pool.destroy();
  }
}

/** Vectors one behind the other in shared memory. */
export function together(vectors: readonly ArrayLike<number>[], size: number): Float32Array {
  const out = new Float32Array(new SharedArrayBuffer(4 * vectors.length * size));
  for (const [i, vector] of vectors.entries()) out.set(vector, i * size);
  return out;
}
