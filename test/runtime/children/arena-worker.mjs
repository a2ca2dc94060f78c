// Writes one element of the arena it is given.

import { workerData } from 'node:worker_threads';
import { Arena } from '#ortune/runtime/arena.js';

Arena.over(workerData.entries, workerData.buffer).array('vector')[3] = 42;
