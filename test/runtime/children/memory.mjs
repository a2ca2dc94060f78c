// memory.mjs WHAT GRAPHS...: resident memory in MB that sessions add.
//   shapes FILE:ROWS...     sessions kept for every shape, all of them run in turn: their memory together
//   release FILE:ROWS       before, with the session, and after its release
//   frozen FILE:BATCH...    sessions over one frozen weight; the weight itself is not counted

import { readFileSync } from 'node:fs';
import { sharedTensor } from '#ortune/runtime/arena.js';
import { openDevice } from '#ortune/runtime/session.js';
import { openDeep, residentMB, wave } from './graphs.mjs';

const [what, ...graphs] = process.argv.slice(2);
const files = graphs.map((graph) => graph.split(/:(?=\d+$)/)).map(([file, rows]) => ({ file, rows: Number(rows) }));
const width = 256;
const device = await openDevice('cpu', { threads: 2 });
const weight = wave(what === 'frozen' ? [2048, 2048] : [width, width], 0.1);
const before = residentMB();

if (what === 'frozen') {
  const open = async ({ file, rows }) => {
    const session = await device.createSession({ model: readFileSync(file), constants: new Map([['w', weight]]) });
    const y = sharedTensor('float32', [rows, 2048]);
    await session.run(new Map([['x', wave([rows, 2048], 1)]]), new Map([['y', y]]));
    return session;
  };
  const sessions = [];
  for (const graph of files) sessions.push(await open(graph));
  console.log(JSON.stringify({ added: residentMB() - before, weightMB: weight.data.byteLength / 2 ** 20 }));
} else {
  const sessions = [];
  for (const { file, rows } of files) sessions.push(await openDeep(device, file, { rows, width }, weight));
  for (let round = 0; round < 2; round++) for (const session of sessions) await session.run();
  const added = residentMB() - before;
  for (const { session } of sessions) await session.release();
  console.log(JSON.stringify({ added, left: residentMB() - before }));
}
