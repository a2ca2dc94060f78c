// Runs in a loader's pool: hands each batch to its low-priority thread, which writes the samples into its slot.

import { builtFile } from '../built.js';
import type { EncodeRequest } from '../data/encode.js';
import type { EncodeResult } from '../data/loader.js';
import { lowPriorityThread } from '../threads/low-priority.js';
import { serve } from '../threads/serve.js';

/** Fills the slot of a request. */
const encode = await lowPriorityThread<EncodeRequest, EncodeResult>(builtFile('tasks/encode-thread.js'));

serve({ default: encode });
