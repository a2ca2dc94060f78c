// Signals that ask the command to end. The first, from the first moment on, ends what has not begun, and lets work
// under way come to a good end; the next one ends the process. The exit code is 130 in every case. This module imports
// nothing: it is loaded before everything else, and what it needs comes later (`meanBySignals`).

interface Means {
  say(text: string): void;
  exit(code: number): never;
  /** Whether a closed terminal is no reason to end. */
  outlivesTerminal(): boolean;
}

const interrupted = new AbortController();
let means: Means | undefined;
let [working, hungUp] = [false, false];

/** Heeds signals from now on. */
export function heedSignals(): void {
  process.on('SIGINT', () => stop(true));
  process.on('SIGTERM', () => stop(true));
  if (process.platform !== 'win32') process.on('SIGHUP', hangUp);
}

/** How to speak and to end, and what a closed terminal means; one that was closed before is heeded now. */
export function meanBySignals(given: Means): void {
  means = given;
  if (hungUp) hangUp();
}

/** A terminal that is closed sends it twice, by way of the shell and by the kernel: a second one is no second wish. */
function hangUp(): void {
  hungUp = true;
  if (means && !means.outlivesTerminal()) stop(false);
}

function stop(insists: boolean): void {
  const exit = means?.exit ?? process.exit;
  if (!working) exit(130);
  if (interrupted.signal.aborted) {
    if (insists) exit(130);
    return;
  }
  means?.say('interrupted: finishing the step under way (once more to stop at once)');
  interrupted.abort();
}

/** The signal that an interrupt aborts, for work that begins now and ends well by itself. */
export function beginWork(): AbortSignal {
  working = true;
  return interrupted.signal;
}
