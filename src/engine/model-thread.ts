// The thread that owns a model, as a pool starts it.

import { builtFile } from '../built.js';
import type { PoolOptions } from '../threads/worker-pool.js';

export const modelThread: PoolOptions = {
  url: builtFile('compile/model-worker.js'),
  role: 'that reads the model',
  keepsState: true,
};
