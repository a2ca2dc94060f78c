// Signals that ask the command to end. The first, from the first moment on, ends what has not begun, and lets work
// under way come to a good end; the next one ends the process. The exit code is 130 in every case.

import { startedByNohup } from '../environment.js';
import { exit, say } from './output.js';

const interrupted = new AbortController();
let working = false;

/** Heeds signals from now on. */
export function heedSignals(): void {
  process.on('SIGINT', () => stop(true));
  process.on('SIGTERM', () => stop(true));
  // A terminal that is closed sends it twice, by way of the shell and by the kernel: a second one is no second wish.
  if (process.platform !== 'win32') process.on('SIGHUP', () => startedByNohup() || stop(false));
}

function stop(insists: boolean): void {
  if (!working) exit(130);
  if (interrupted.signal.aborted) {
    if (insists) exit(130);
    return;
  }
  say('\ninterrupted: finishing the step under way (once more to stop at once)');
  interrupted.abort();
}

/** The signal that an interrupt aborts, for work that begins now and ends well by itself. */
export function beginWork(): AbortSignal {
  working = true;
  return interrupted.signal;
}
