// A process that has a pool do one task and says what comes of it; then, with what was in the way gone, another.

import { closeSync, mkdirSync, openSync, rmdirSync } from 'node:fs';
import { WorkerPool } from '#ortune/threads/worker-pool.js';

const [, , name, task, obstacle] = process.argv;
const url = new URL('./answers.mjs', import.meta.url);
const held = [];
const home = process.cwd();
const folder = `${process.env.TMPDIR ?? '/tmp'}/ortune-gone-${process.pid}`;
if (obstacle === 'handles')
  try {
    for (;;) held.push(openSync('/dev/null'));
  } catch {
    // None is left.
  }
if (obstacle === 'folder') {
  mkdirSync(folder);
  process.chdir(folder);
  rmdirSync(folder);
}
const pool = new WorkerPool({ url, role: 'that answers' });
const told = (work) =>
  work.then(
    (value) => `value ${value}`,
    (error) => `${error.name}: ${error.message}`,
  );
const first = await told(pool.run(Number(task), name));
for (const handle of held) closeSync(handle);
if (obstacle === 'folder') process.chdir(home);
const second = await told(pool.run(1));
// Neither closed nor exited: threads without work keep no process.
console.log(first);
console.log(second);
