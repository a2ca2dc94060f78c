// A thread of the tokenizing process that ends the process where one text takes more processor time or memory than it
// may, or where nobody is left who would read the answer. The process has to end as a whole: native code that loops
// cannot be stopped in any other way.

import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { watchdogMark, watched } from './protocol.js';

const numbers = new Float64Array(workerData as SharedArrayBuffer);
const parent = process.ppid;

function end(reason: string): void {
  writeSync(2, `\n${watchdogMark} ${reason} ${numbers[watched.item]}\n`);
  process.kill(process.pid, 'SIGKILL');
}

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  if (numbers[watched.item]! < 0) return;
  const { user, system } = process.cpuUsage();
  if ((user + system) / 1e6 - numbers[watched.startedCpuSeconds]! > numbers[watched.mostCpuSeconds]!) end('time');
  if (process.memoryUsage.rss() > numbers[watched.mostBytes]!) end('memory');
}, 50);

parentPort!.postMessage('watching');
