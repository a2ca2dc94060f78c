// A directory of activation files that several runs may share. Files are named by what they follow from, so two runs
// never take one for another's; together they stay within a bound, for which the ones used longest ago go.

import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { isRunning } from '../files/processes.js';

const suffix = '.activations';
/** What a process is writing, or was when it ended. */
const partial = new RegExp(`\\${suffix}\\.(\\d+)-\\d+\\.partial$`);

/** Where the file for a key lies. */
export const activationPath = (directory: string, key: string): string => join(directory, key.slice(0, 32) + suffix);

/** Marks a file as used now; never fails. */
export async function markUsed(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {});
}

/**
 * Makes the directory, removes what processes left that ended while they wrote, and then files, those used longest ago
 * first, until `bytes` more leave the directory within `most`.
 * @param inUse files that stay
 * @throws the system's error
 */
export async function makeRoom(
  directory: string,
  { bytes, most, inUse }: { bytes: number; most: number; inUse: ReadonlySet<string> },
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const found: { path: string; size: number; usedMs: number }[] = [];
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const writer = partial.exec(name)?.[1];
    if (writer !== undefined && !isRunning(Number(writer))) await rm(path, { force: true });
    if (!name.endsWith(suffix)) continue;
    // Another run may remove it at this moment.
    const file = await stat(path).catch(() => undefined);
    if (file) found.push({ path, size: file.size, usedMs: file.mtimeMs });
  }
  let total = bytes + found.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of found.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (total <= most) return;
    if (inUse.has(path)) continue;
    await rm(path, { force: true });
    total -= size;
  }
}
