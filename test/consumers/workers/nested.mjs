// Trains in a worker of a worker.

import { isMainThread, parentPort, Worker } from 'node:worker_threads';

const [depth = '0'] = process.argv.slice(2);

if (isMainThread || depth === '1') {
  const worker = new Worker(new URL(import.meta.url), { argv: [isMainThread ? '1' : '2'] });
  worker.on('message', (result) => {
    if (parentPort) parentPort.postMessage(result);
    else console.log(JSON.stringify(result));
  });
} else {
  const { trainOnSpam } = await import('../program/spam.mjs');
  parentPort.postMessage(await trainOnSpam());
}
