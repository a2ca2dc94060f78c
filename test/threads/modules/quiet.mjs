// A thread of low priority: ends where it is asked to, else answers.

import { serveAtLowPriority } from '#ortune/threads/low-priority.js';

serveAtLowPriority((task) => {
  if (task === 'exit') process.exit(5);
  return [task];
});
