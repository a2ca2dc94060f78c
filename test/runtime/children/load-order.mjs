// load-order.mjs ORDER GRAPH: runs the graph in a process where ortune came first or second; prints the bits.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { openDevice } from '#ortune/runtime/session.js';
import { openDeep } from './graphs.mjs';

const [order, file, other] = process.argv.slice(2);

async function stockSession() {
  const ort = await import('onnxruntime-node');
  const session = await ort.InferenceSession.create(readFileSync(other));
  const feed = (dims) => new ort.Tensor('float32', new Float32Array(dims.reduce((n, d) => n * d, 1)).fill(1), dims);
  const { y } = await session.run({ x: feed([4, 3]), w: feed([3, 2]), b: feed([2]) });
  if (!y.data.every((value) => value === 4)) throw new Error(`the stock session computed ${y.data}`);
}

if (order === 'after-session') await stockSession();
if (order === 'after-transformers') {
  const { Tensor, matmul } = await import('@xenova/transformers');
  // The library's own session: its matrix product runs on the runtime.
  const ones = new Tensor('float32', new Float32Array(4).fill(1), [2, 2]);
  const product = await matmul(ones, ones);
  if (!product.data.every((value) => value === 2)) throw new Error(`transformers computed ${product.data}`);
}
const device = await openDevice('cpu', { threads: 2 });
const deep = await openDeep(device, file, { rows: 512, width: 256 });
const y = await deep.run();
if (order === 'first') await stockSession();
const again = Float32Array.from(await deep.run());
const hash = (data) =>
  createHash('sha256')
    .update(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
await device.close();
console.log(
  JSON.stringify({
    bits: hash(y),
    again: hash(again),
    sharedThreads: device.sharedThreads,
    sharedMemory: device.sharedMemory,
    finite: again.every(Number.isFinite),
  }),
);
