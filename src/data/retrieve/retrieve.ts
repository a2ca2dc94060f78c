// Retrieval of texts for others out of a corpus, by a thread that is started for it, so that the host's event loop
// never waits.

import { builtFile } from '../../built.js';
import { type Outcome, unwrap } from '../../errors.js';
import { WorkerPool } from '../../threads/worker-pool.js';
import { orAborted } from '../data-client.js';
import type { Retrieved, RetrieveRequest } from './protocol.js';

/**
 * Writes the texts of a corpus that BM25 finds nearest to each text of other files; the file appears whole or not at
 * all.
 * @throws UsageError for a pattern without a file, DataError for what cannot be read or holds no texts, OrtuneError for
 *   what cannot be written; the signal's reason
 */
export async function retrieve(request: RetrieveRequest, signal?: AbortSignal): Promise<Retrieved> {
  signal?.throwIfAborted();
  const url = builtFile('data/retrieve/retrieve-worker.js');
  const pool = new WorkerPool({ url, role: 'that retrieves texts' });
  try {
    return unwrap(await orAborted(pool.run<Outcome<Retrieved>>(request), signal));
  } finally {
    await pool.destroy();
  }
}
