// Worker threads are stopped while they load the addon. Prints how many came to their end.

import { Worker } from 'node:worker_threads';
import { addon } from '#ortune/runtime/native.js';

const native = JSON.stringify(new URL('../../../dist/runtime/native.js', import.meta.url).href);
const code = `
  import(${native}).then(({ addon }) => {
    require('node:worker_threads').parentPort.postMessage('loads');
    addon();
  });
`;
addon();
let ended = 0;
for (let round = 0; round < 60; round++) {
  const workers = [0, 1, 2].map(() => new Worker(code, { eval: true }));
  const ends = workers.map(async (worker) => {
    await new Promise((loads) => worker.once('message', loads));
    await worker.terminate();
    ended++;
  });
  await Promise.all(ends);
}
console.log(JSON.stringify({ ended }));
