// workers.mjs GRAPH: three worker threads and the main thread use the addon at once; prints how many agree.

import { Worker } from 'node:worker_threads';
import { openDevice } from '#ortune/runtime/session.js';
import { openDeep } from './graphs.mjs';

const [file] = process.argv.slice(2);
const size = { rows: 512, width: 256 };
const workers = Array.from(
  { length: 3 },
  () => new Worker(new URL('./worker.mjs', import.meta.url), { workerData: { file, ...size } }),
);
const exits = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
const answers = workers.map(
  (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
);
const device = await openDevice('cpu', { threads: 2 });
const deep = await openDeep(device, file, size);
const mine = JSON.stringify([...(await deep.run())]);
const theirs = await Promise.all(answers);
const codes = await Promise.all(exits);
// After every worker has gone the addon still runs here.
const later = JSON.stringify([...(await deep.run())]);
console.log(
  JSON.stringify({ agree: theirs.filter((y) => JSON.stringify(y) === mine).length, codes, later: later === mine }),
);
