// Runs in a Piscina worker: hands each batch to its quiet thread, which writes the pictures into its slot.

import { quietThread } from '../../threads/quiet.js';
import type { FillResult } from '../feeder.js';
import type { ImageTask } from './image-thread.js';

/** Fills the slot of a task; one task at a time. */
export default quietThread<ImageTask, FillResult>(new URL('./image-thread.js', import.meta.url));
