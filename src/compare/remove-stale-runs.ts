// Makes room for a comparison that replaces another. Directories are put out of the way at once and removed in the
// background, since they may be large: a new run must find nothing of an old one, however soon it is interrupted.

import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

const REMOVED = /^\..+\.\d+\.removed$/;

/** Of the directory `output`: the table, and the runs with these names. */
export function removeStaleRuns(output: string, names: readonly string[]): void {
  for (const table of ['compare.json', 'compare.md']) rmSync(join(output, table), { force: true });
  for (const name of names)
    if (existsSync(join(output, name))) renameSync(join(output, name), join(output, `.${name}.${Date.now()}.removed`));
  // What cannot be removed is no harm to the new runs, and the next to replace them tries again.
  for (const name of readdirSync(output).filter((found) => REMOVED.test(found)))
    rm(join(output, name), { recursive: true, force: true }).catch(() => {});
}
