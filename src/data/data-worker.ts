// Runs in a Piscina worker of one thread: hands each task on the data to its quiet thread.

import type { Outcome } from '../errors.js';
import { quietThread } from '../threads/quiet.js';
import type { DataAnswers, DataTask } from './protocol.js';

/** Answers one task at a time. */
export default quietThread<DataTask, Outcome<DataAnswers[keyof DataAnswers]>>(
  new URL('./data-thread.js', import.meta.url),
);
