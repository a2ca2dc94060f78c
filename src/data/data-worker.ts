// Runs in a Piscina worker of one thread: hands each task on the data to its quiet thread.

import type { Outcome } from '../errors.js';
import { lowPriorityThread } from '../threads/low-priority.js';
import type { DataAnswers, DataTask } from './protocol.js';

/** Answers one task at a time. */
export default lowPriorityThread<DataTask, Outcome<DataAnswers[keyof DataAnswers]>>(
  new URL('./data-thread.js', import.meta.url),
);
