// A module of a pool with a thread behind it.

import { workerData } from 'node:worker_threads';
import { lowPriorityThread } from '#ortune/threads/low-priority.js';
import { serve } from '#ortune/threads/serve.js';

serve({ default: await lowPriorityThread(new URL(workerData, import.meta.url)) });
