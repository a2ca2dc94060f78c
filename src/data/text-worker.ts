// Runs in a Piscina worker: hands each batch to its quiet thread, which tokenises it.

import { lowPriorityThread } from '../threads/low-priority.js';
import type { EncodeResult, EncodeTask } from './feeder.js';

export type { TextWorkerData } from './text-thread.js';

/** Fills the slot of a task; one task at a time. */
export default lowPriorityThread<EncodeTask, EncodeResult>(new URL('./text-thread.js', import.meta.url));
