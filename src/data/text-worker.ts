// Runs in a Piscina worker: hands each batch to a thread of its own and passes the answer on. The two are apart because
// who posts a message holds the receiving port's lock while it wakes the receiver, and a thread of low priority is put
// aside at just that moment: the receiver then waits for the lock until the thread is scheduled again, 0.1 to 0.3 s when
// both cores compute. Here it is this worker that waits, at normal priority and with nothing to do, not the trainer.

import { Worker, workerData } from 'node:worker_threads';
import type { TextResult, TextTask } from './text-thread.js';

export type { TextResult, TextTask, TextWorkerData } from './text-thread.js';

const thread = new Worker(new URL('./text-thread.js', import.meta.url), { workerData });
let answer: ((result: TextResult) => void) | undefined;

thread.on('message', (result: TextResult) => answer?.(result));
// Ends this worker, and Piscina makes another.
thread.on('error', (error) => {
  throw error;
});

/** Fills the slot of `task`; one task at a time. */
export default function fill(task: TextTask): Promise<TextResult> {
  return new Promise((resolve) => {
    answer = resolve;
    thread.postMessage(task);
  });
}
