// A file that has been renamed is in its new place for good only once its directory is on the disk.

import { open } from 'node:fs/promises';

export async function syncDirectory(directory: string): Promise<void> {
  // Windows does not open directories, and needs no sync of theirs.
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  await handle.sync();
  await handle.close();
}
