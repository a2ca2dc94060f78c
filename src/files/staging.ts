// A directory whose files appear together: they are written into one beside it that nobody takes for it, and moved when
// all are whole. A process that is killed on the way leaves the old files as they were, and what it had written out of
// the way of whoever publishes the directory; the next to write there removes it. Other files of the directory stay.

import { copyFileSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Where the files of `directory` are written. */
export const stagingOf = (directory: string): string => join(dirname(directory), `.${basename(directory)}.partial`);

/** Has `write` fill a directory, and moves what it wrote to `directory`. @throws what it throws; the system's error */
export function writeStaged<T>(directory: string, write: (staging: string) => T): T {
  const place = statSync(directory, { throwIfNoEntry: false }) ? realpathSync(directory) : directory;
  const staging = stagingOf(place);
  rmSync(staging, { recursive: true, force: true });
  try {
    mkdirSync(staging, { recursive: true });
    const result = write(staging);
    move(staging, place);
    return result;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function move(staging: string, directory: string): void {
  if (!statSync(directory, { throwIfNoEntry: false })) {
    renameSync(staging, directory);
    return;
  }
  const entries = readdirSync(staging, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  // A model last: what it refers to is there by then.
  for (const file of files.sort((a, b) => Number(a.endsWith('.onnx')) - Number(b.endsWith('.onnx')))) {
    const target = join(directory, file.slice(staging.length + 1));
    mkdirSync(dirname(target), { recursive: true });
    replace(file, target);
  }
}

function replace(file: string, target: string): void {
  try {
    renameSync(file, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    // The directory is a mount of its own.
    copyFileSync(file, `${target}.${process.pid}.partial`);
    renameSync(`${target}.${process.pid}.partial`, target);
  }
}
