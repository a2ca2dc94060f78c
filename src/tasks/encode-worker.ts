// Runs in a Piscina worker: hands each batch to its low-priority thread, which writes the samples into its slot.

import type { EncodeRequest } from '../data/encode.js';
import type { EncodeResult } from '../data/loader.js';
import { lowPriorityThread } from '../threads/low-priority.js';

/** Fills the slot of a request; one at a time. */
export default lowPriorityThread<EncodeRequest, EncodeResult>(new URL('./encode-thread.js', import.meta.url));
