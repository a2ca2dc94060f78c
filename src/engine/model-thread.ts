// The thread that owns a model, as a pool starts it.

import type { PoolOptions } from '../threads/worker-pool.js';

export const modelThread: PoolOptions = {
  url: new URL('../compile/model-worker.js', import.meta.url),
  role: 'that reads the model',
  keepsState: true,
};
