// Packs data and kills itself once so many samples are done: node kill-in-pack.mjs SAMPLES OPTIONS

import { pack } from '#ortune/commands/pack.js';

const [, , samples, options] = process.argv;
await pack(JSON.parse(options), {
  onProgress: ({ done }) => {
    if (done >= Number(samples)) process.kill(process.pid, 'SIGKILL');
  },
});
