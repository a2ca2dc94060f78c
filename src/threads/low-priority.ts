// Threads that give way to the trainer's: work in the background (tokenising, writing checkpoints) at a lower priority.
// Such a thread stands behind a thread of a pool, which hands it each task and passes the answer on. The two are apart
// because who posts a message holds the receiving port's lock while it wakes the receiver, and a thread of low priority
// is put aside at just that moment: the receiver then waits for the lock until the thread is scheduled again, 0.1 to
// 0.3 s when both cores compute. Here it is the worker that waits, at normal priority and with nothing to do.

import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { beforeThreadEnds, closingMessage, endWhenTold } from './closing.js';
import { readyMessage, startingMessage, startThread, stopThread, threadReady } from './start-thread.js';

/**
 * In the worker: starts the thread at `url` with this worker's data and gives the function that has it do one task at a
 * time. A thread that ends takes the worker with it, and the pool makes another.
 * @throws ThreadError where it cannot be started
 */
export async function lowPriorityThread<Task, Result>(url: URL): Promise<(task: Task) => Promise<Result>> {
  const source = { url, workerData, role: 'behind it' };
  const thread = startThread(source);
  await threadReady(thread, source, () => parentPort!.postMessage(startingMessage));
  let answer: ((result: Result) => void) | undefined;
  thread.on('message', (result: Result) => answer?.(result));
  let closing = false;
  thread.on('error', (error) => {
    throw error;
  });
  thread.on('exit', (code) => {
    if (!closing) throw new Error(`the thread behind it ended with code ${code}`);
  });
  beforeThreadEnds(() => {
    closing = true;
    return stopThread(thread);
  });
  return (task) =>
    new Promise((resolve) => {
      answer = resolve;
      thread.postMessage(task);
    });
}

/** In the thread: lowers its priority and answers every task with what `work` makes of it. */
export function serveAtLowPriority<Task, Result>(work: (task: Task) => Result | Promise<Result>): void {
  lowerPriority();
  endWhenTold();
  parentPort!.on('message', async (task: Task) => {
    if (task !== closingMessage) parentPort!.postMessage(await work(task));
  });
  parentPort!.postMessage(readyMessage);
}

/**
 * About a tenth of a core's time where the trainer wants all of it. At 19 it would get a hundredth: too little to be
 * ahead of short steps, and whoever waits for a lock that it holds (V8's queue of tasks is one for the process) would
 * wait for 0.2 s instead of 0.02. Two cores, 55 ms a step: feedRatio 1.05 and longest event loop delay 14 ms at 10,
 * 1.24 and 15 to 66 ms at 19.
 * Linux keeps a priority per thread and takes 0 as the calling one; elsewhere it would slow the whole process.
 */
function lowerPriority(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(0, 10);
  } catch {
    // Not allowed to: the work gets done all the same.
  }
}
