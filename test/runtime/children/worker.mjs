// A worker thread that runs the graph: once, or until it is stopped.

import { parentPort, workerData } from 'node:worker_threads';
import { openDevice } from '#ortune/runtime/session.js';
import { openDeep } from './graphs.mjs';

const { file, forever, rows = 2048, width = 512 } = workerData;
const device = await openDevice('cpu', { threads: 2 });
const deep = await openDeep(device, file, { rows, width });
if (forever) {
  parentPort.postMessage('running');
  for (;;) await deep.run();
}
parentPort.postMessage([...(await deep.run())]);
await device.close();
