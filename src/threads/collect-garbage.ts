// Lets go of shared memory that nothing refers to. V8 does not count it, so that a thread that has read gigabytes into
// it, and has no other garbage, would keep them for as long as it runs; nothing but a collection lets them go.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects the calling thread's garbage, now; takes some ten milliseconds. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  collect();
}
