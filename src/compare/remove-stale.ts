// Makes room for runs that replace others. Directories are put out of the way at once and removed in the background,
// since they may be large: a new run must find nothing of an old one, however soon it is interrupted.

import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

const REMOVED = /^\..+\.\d+\.removed$/;

/** Files and directories of these names in the directory `output`. */
export function removeStale(output: string, names: readonly string[]): void {
  for (const name of names) {
    const path = join(output, name);
    if (!existsSync(path)) continue;
    if (statSync(path).isDirectory()) renameSync(path, join(output, `.${name}.${Date.now()}.removed`));
    else rmSync(path, { force: true });
  }
  // What cannot be removed is no harm to the new runs, and the next to replace them tries again.
  for (const name of readdirSync(output).filter((found) => REMOVED.test(found)))
    rm(join(output, name), { recursive: true, force: true }).catch(() => {});
}
