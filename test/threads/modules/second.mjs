// A thread of a pool that can only be started the second time, as where file handles are used up for a moment.

import { workerData } from 'node:worker_threads';
import { serve } from '#ortune/threads/serve.js';

if (Atomics.add(workerData, 0, 1) === 0) throw new Error('not yet');
serve({ default: (task) => task + 1 });
