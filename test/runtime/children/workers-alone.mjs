// Worker threads load the addon and end, a few at a time, while the main thread never does: the addon is unloaded with
// the last of them, unless it keeps itself in memory. Prints how many ended well.

import { Worker } from 'node:worker_threads';

const native = JSON.stringify(new URL('../../../dist/runtime/native.js', import.meta.url).href);
const code = `import(${native}).then(({ addon }) => addon().misalignment(new Float32Array(4)))`;
let ended = 0;
for (let round = 0; round < 40; round++) {
  const workers = [0, 1].map(() => new Worker(code, { eval: true }));
  const codes = await Promise.all(workers.map((worker) => new Promise((done) => worker.once('exit', done))));
  ended += codes.filter((exit) => exit === 0).length;
}
console.log(JSON.stringify({ ended }));
