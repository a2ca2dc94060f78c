// Where ortune's own files are. Built code lies in dist/ in parts that hold many modules (scripts/build.mjs), all of
// them beside index.js; so a module cannot know by its own URL where the file of a thread is, and asks here.

import { fileURLToPath } from 'node:url';

/** ortune's own folder. */
export const packageRoot = fileURLToPath(new URL('..', import.meta.url));

/**
 * The file that a thread or a process is started from.
 * @param start its module in src/, such as 'compile/model-worker.js': the build finds these by their text
 */
export const builtFile = (start: string): URL => new URL(start, import.meta.url);
