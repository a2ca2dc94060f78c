// responsive.mjs GRAPH: how the event loop does while a session is made and runs.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openDevice } from '#ortune/runtime/session.js';
import { openDeep } from './graphs.mjs';

const [file] = process.argv.slice(2);
const device = await openDevice('cpu', { threads: 1 });
const deep = await openDeep(device, file, { rows: 4096, width: 512 });
let ticks = 0;
const timer = setInterval(() => ticks++, 5);
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const start = performance.now();
await deep.run();
const runMs = performance.now() - start;
delay.disable();
clearInterval(timer);
console.log(JSON.stringify({ runMs, ticks, longestMs: delay.max / 1e6 }));
