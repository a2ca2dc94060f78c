// float16 on WebGPU without a graphics card: lavapipe, through the driver for tests. A file of tests imports this
// module or webgpu.ts, not both: a process has the drivers that it first asked for. Where VK_DRIVER_FILES is set
// already, that driver is tested, a graphics card's say.

import { Builder } from '#ortune/onnx/builder.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { Graph } from '#ortune/onnx/graph.js';
import { sharedTensor } from '#ortune/runtime/arena.js';
import { openDevice } from '#ortune/runtime/session.js';
import { describeWhere } from './describe-where.js';
import { environmentFor, missingFor } from './vulkan-driver/driver.js';

// As with webgpu.ts: before the loader is asked for the first time, and where there is no lavapipe, whatever there is.
const noLavapipe = process.env.VK_DRIVER_FILES ? undefined : missingFor('lavapipe');
if (!process.env.VK_DRIVER_FILES && !noLavapipe) Object.assign(process.env, environmentFor('lavapipe'));

/** Adds two numbers in float16 on the device. */
async function addHalves(): Promise<void> {
  const device = await openDevice('webgpu');
  try {
    const graph = new Graph();
    graph.inputs.push({ name: 'x', dtype: 'float32', shape: [1] });
    graph.types.set('x', { dtype: 'float32', shape: [1] });
    const b = new Builder(graph);
    const half = b.op('Cast', ['x'], { to: 10 });
    const y = b.op('Cast', [b.op('Add', [half, half])], { to: 1 });
    graph.outputs.push({ name: y, dtype: 'float32', shape: [1] });
    const session = await device.createSession({ model: encodeGraph(graph), optimization: 'none' });
    const [x, sum] = [sharedTensor('float32', [1]), sharedTensor('float32', [1])];
    x.data[0] = 1.5;
    await session.run(new Map([['x', x]]), new Map([[y, sum]]));
    if (sum.data[0] !== 3) throw new Error(`1.5 + 1.5 is ${sum.data[0]} in float16`);
  } finally {
    await device.close();
  }
}

/** Why float16 does not work here; undefined where it does. */
const missing = await addHalves().then(
  () => undefined,
  (error: Error) => noLavapipe ?? error.message,
);

/** describe(), where there is a device with float16 for it. */
export const describeHalf = (name: string, tests: () => void): void => describeWhere(missing, name, tests);
