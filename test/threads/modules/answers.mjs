// A module of a pool: answers, fails, ends or fills its memory, as the task says.

import { serve } from '#ortune/threads/serve.js';

const kept = [];

serve({
  default: (task) => task + 1,
  fail: (text) => {
    throw new RangeError(text);
  },
  failOddly: () => {
    throw { why: () => 'not cloneable' };
  },
  answerOddly: () => () => 'not cloneable',
  exit: (code) => process.exit(code),
  throwLater: () =>
    new Promise(() => {
      setImmediate(() => {
        throw new Error('thrown later');
      });
    }),
  fill: () => {
    for (;;) kept.push(new Array(1e5).fill(kept.length));
  },
});
