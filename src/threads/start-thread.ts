// The one place that starts threads. A thread is ready when its module has run (`serve`, `lowPriorityThread`); until
// then whatever ends it, or keeps it from beginning, is told with its cause: no thread leaves anyone waiting.

import { url as debuggerUrl } from 'node:inspector';
import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers';
import { Worker } from 'node:worker_threads';
import { processEnvironment } from '../environment.js';
import { ThreadError } from './causes.js';
import { closingMessage } from './closing.js';
import { threadOptions } from './exec-argv.js';

/** Time that a thread is given to end by itself. */
const graceMs = 2000;

/** Ends a thread: has it end what it started, and ends it by force where it does not come to that. */
export async function stopThread(thread: Worker): Promise<void> {
  if (thread.threadId === -1) return;
  const gone = new Promise((done) => thread.once('exit', done));
  thread.postMessage(closingMessage);
  const timer = setTimeout(() => void thread.terminate(), graceMs);
  await gone;
  clearTimeout(timer);
}

/** What a thread posts when its module has run. */
export const readyMessage = 'ready';
/** What it may post before, where it waits for another that works. */
export const startingMessage = 'starting';

export interface ThreadSource {
  /** Its module. */
  url: URL;
  workerData?: unknown;
  /** For messages: 'that reads the data'. */
  role: string;
  /** Milliseconds without any work after which a thread that is not ready is given up; default 30,000. */
  stallMs?: number | undefined;
}

/** Starts a thread; @throws ThreadError where that fails at once. What fails later is an 'error' or 'exit' event. */
export function startThread({ url, workerData, role }: ThreadSource): Worker {
  try {
    return new Worker(url, { workerData, ...threadOptions(process.execArgv, processEnvironment()) });
  } catch (error) {
    throw ThreadError.atStart(role, error);
  }
}

/**
 * Settles when the thread is ready, or cannot be any more.
 * @param onWork called about every second in which the thread does something
 * @throws ThreadError with the cause
 */
export function threadReady(thread: Worker, source: Omit<ThreadSource, 'url'>, onWork?: () => void): Promise<void> {
  const { role, stallMs = 30_000 } = source;
  return new Promise((resolve, reject) => {
    const watch = new StallWatch(thread, stallMs, onWork, () => {
      settle(() => reject(ThreadError.atStart(role, `it did nothing for ${stallMs / 1000} s`)));
      void thread.terminate();
    });
    const onMessage = (message: unknown): void => {
      if (message === readyMessage) settle(resolve);
      else watch.works();
    };
    const onError = (error: Error): void => settle(() => reject(ThreadError.atStart(role, error)));
    const onExit = (code: number): void =>
      settle(() => reject(ThreadError.atStart(role, `it ended with code ${code} while its module was loaded`)));
    const settle = (how: () => void): void => {
      watch.end();
      thread.off('message', onMessage).off('error', onError).off('exit', onExit);
      how();
    };
    thread.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}

/**
 * Watches a thread that starts, and calls once it has done nothing for long: its event loop was idle. A machine that is
 * busy, or was suspended, makes a start slow and is no reason to give it up; nor is a debugger.
 */
class StallWatch {
  readonly #timer: NodeJS.Timeout;
  #idleIntervals = 0;

  constructor(thread: Worker, stallMs: number, onWork: (() => void) | undefined, onStall: () => void) {
    const intervals = 30;
    let before = thread.performance.eventLoopUtilization();
    this.#timer = setInterval(() => {
      const { idle, active } = thread.performance.eventLoopUtilization(before);
      before = thread.performance.eventLoopUtilization();
      // Both are 0 as long as the loop has not begun.
      if (idle > 20 * active && debuggerUrl() === undefined) this.#idleIntervals++;
      else {
        this.works();
        onWork?.();
      }
      if (this.#idleIntervals >= intervals) onStall();
    }, stallMs / intervals).unref();
  }

  /** The thread does something. */
  works(): void {
    this.#idleIntervals = 0;
  }

  end(): void {
    clearInterval(this.#timer);
  }
}
