// Runs in a Piscina worker: hands each batch to its quiet thread, which writes the pictures into its slot.

import { lowPriorityThread } from '../../threads/low-priority.js';
import type { EncodeResult, EncodeTask } from '../feeder.js';

/** Fills the slot of a task; one task at a time. */
export default lowPriorityThread<EncodeTask, EncodeResult>(new URL('./image-thread.js', import.meta.url));
