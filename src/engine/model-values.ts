// What a model takes and gives, for tasks whose data depend on it: read in a thread of its own, since the file is
// parsed whole.

import { Piscina } from 'piscina';
import type { OpenRequest } from '../compile/protocol.js';
import { type Outcome, unwrap } from '../errors.js';
import type { ModelValues } from '../tasks/task.js';

/** @throws ModelError for files that cannot be read, are damaged, or hold what is not trained */
export async function modelValues(request: Pick<OpenRequest, 'model' | 'parts'>): Promise<ModelValues> {
  const filename = new URL('../compile/model-worker.js', import.meta.url).href;
  const worker = new Piscina({ filename, minThreads: 1, maxThreads: 1 });
  try {
    return unwrap((await worker.run(request, { name: 'values' })) as Outcome<ModelValues>);
  } finally {
    await worker.destroy();
  }
}
