// What a model takes and gives, for tasks whose data depend on it: read in a thread of its own, since the file is
// parsed whole.

import type { OpenRequest } from '../compile/protocol.js';
import { type Outcome, unwrap } from '../errors.js';
import type { ModelValues } from '../tasks/task.js';
import { WorkerPool } from '../threads/worker-pool.js';
import { modelThread } from './model-thread.js';

/** @throws ModelError for files that cannot be read, are damaged, or hold what is not trained */
export async function modelValues(request: Pick<OpenRequest, 'model' | 'parts' | 'bind'>): Promise<ModelValues> {
  const worker = new WorkerPool(modelThread);
  try {
    return unwrap(await worker.run<Outcome<ModelValues>>(request, 'values'));
  } finally {
    await worker.destroy();
  }
}
