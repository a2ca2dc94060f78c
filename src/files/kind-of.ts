// What is found where a regular file was expected. Opening a pipe waits for its other end, in a call that nothing can
// interrupt, so whatever is read is looked at before.

import type { Stats } from 'node:fs';

/** In words, for messages. */
export function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a pipe';
  if (found.isSocket()) return 'a socket';
  if (found.isCharacterDevice() || found.isBlockDevice()) return 'a device';
  return 'a file';
}
