// Runs in the data thread's pool, of one thread: hands each task on the data to its quiet thread.

import { builtFile } from '../built.js';
import type { Outcome } from '../errors.js';
import { lowPriorityThread } from '../threads/low-priority.js';
import { serve } from '../threads/serve.js';
import type { DataAnswers, DataTask } from './protocol.js';

const answer = await lowPriorityThread<DataTask, Outcome<DataAnswers[keyof DataAnswers]>>(
  builtFile('data/data-thread.js'),
);

serve({ default: answer });
