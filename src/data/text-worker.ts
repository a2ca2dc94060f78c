// Runs in a Piscina worker: hands each batch to its quiet thread, which tokenises it.

import { quietThread } from '../threads/quiet.js';
import type { FillResult } from './feeder.js';
import type { TextTask } from './text-thread.js';

export type { TextWorkerData } from './text-thread.js';

/** Fills the slot of a task; one task at a time. */
export default quietThread<TextTask, FillResult>(new URL('./text-thread.js', import.meta.url));
