// What a thread ends before it ends itself: processes that it started, and threads behind it. A process whose parent
// thread was ended by force is waited for by nobody, and its entry stays in the system's table as long as the host
// runs.

import { parentPort } from 'node:worker_threads';

/** What a thread is posted to have it end. */
export const closingMessage = 'close';

const closers = new Set<() => Promise<unknown>>();

/** In a thread: has `close` done before the thread ends. */
export function beforeThreadEnds(close: () => Promise<unknown>): void {
  closers.add(close);
}

/** In a thread that serves: ends it when it is told to. */
export function endWhenTold(): void {
  parentPort!.on('message', async (message: unknown) => {
    if (message !== closingMessage) return;
    await Promise.allSettled([...closers].map((close) => close()));
    process.exit(); // the thread, not the process
  });
}
