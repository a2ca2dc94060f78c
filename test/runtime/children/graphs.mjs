// What the child scripts share: the path of a graph file made by the test, tensors in shared memory, process memory.

import { readFileSync } from 'node:fs';
import { sharedTensor } from '#ortune/runtime/arena.js';

/** A float32 tensor filled with a fixed wave. */
export function wave(shape, scale) {
  const tensor = sharedTensor('float32', shape);
  for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = scale * Math.sin(i + 1);
  return tensor;
}

/** Makes a session of the `deep` graph in `file` and binds its weight; `run()` returns y. */
export async function openDeep(device, file, { rows, width }, weight = wave([width, width], 0.1)) {
  const session = await device.createSession({
    model: readFileSync(file),
    bound: { inputs: new Map([['w', weight]]), outputs: new Map() },
  });
  const inputs = new Map([['x', wave([rows, width], 1)]]);
  const y = sharedTensor('float32', [width]);
  return {
    session,
    y,
    async run() {
      await session.run(inputs, new Map([['y', y]]));
      return y.data;
    },
  };
}

/** Resident memory of this process in MB; what JavaScript no longer uses is collected first. */
export function residentMB() {
  globalThis.gc();
  return process.memoryUsage.rss() / 2 ** 20;
}
