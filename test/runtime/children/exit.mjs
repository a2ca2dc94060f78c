// exit.mjs MOMENT GRAPH: leaves the process in the middle of something.

import { Worker } from 'node:worker_threads';
import { openDevice } from '#ortune/runtime/session.js';
import { openDeep } from './graphs.mjs';

const [moment, file] = process.argv.slice(2);

if (moment === 'worker') {
  // The worker's run is under way when the worker is stopped, then the main thread goes on using the addon.
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData: { file, forever: true } });
  await new Promise((resolve) => worker.once('message', resolve));
  await worker.terminate();
}
const opening = openDevice('cpu', { threads: 2 });
if (moment === 'opening') process.exit(7);
const device = await opening;
const creating = openDeep(device, file, { rows: 2048, width: 512 });
if (moment === 'creating') process.exit(7);
const deep = await creating;
const running = deep.run();
if (moment === 'running') setImmediate(() => process.exit(7));
if (moment === 'queued') {
  for (let i = 0; i < 20; i++) deep.run();
  setImmediate(() => process.exit(7));
}
await running;
process.exitCode = 7;
