// Sessions and tensors on a WebGPU device: what stays there, what crosses, and what is refused by name.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Builder } from '#ortune/onnx/builder.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { Graph } from '#ortune/onnx/graph.js';
import { Arena, sharedTensor } from '#ortune/runtime/arena.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { describeWebgpu } from '../support/webgpu.js';
import { expectSameUpdates } from './device-updates.js';
import { linear } from './graphs.js';

const none = new Map();
const layout = (shapes: Record<string, number[]>) =>
  Arena.layout(Object.entries(shapes).map(([name, shape]) => ({ name, shape })));

describeWebgpu('a WebGPU device', () => {
  let device: Device;
  let cpu: Device;
  beforeAll(async () => {
    device = await openDevice('webgpu');
    cpu = await openDevice('cpu', { threads: 2 });
  });
  afterAll(async () => {
    await device.close();
    await cpu.close();
  });

  test('runs on tensors that stay there, and counts what crosses', async () => {
    const parameters = Arena.create(layout({ w: [3, 2], b: [2] }));
    parameters.array('w').set([0, 1, 2, 3, 4, 5]);
    parameters.array('b').set([0, 20]);
    const results = Arena.create(layout({ y: [4, 2] }));
    const [placed, written] = [await device.place(parameters), await device.place(results)];
    expect(await device.place(parameters)).toBe(placed);
    const session = await device.createSession({
      model: linear(),
      bound: {
        inputs: new Map(['w', 'b'].map((name) => [name, placed.tensor(name)])),
        outputs: new Map([['y', written.tensor('y')]]),
      },
    });
    const x = sharedTensor('float32', [4, 3]);
    x.data.set(Array.from({ length: 12 }, (_, i) => i) as never);
    const before = { ...device.traffic };
    await session.run(new Map([['x', x]]), none);
    expect(device.traffic).toEqual({ up: before.up + 48, down: before.down });
    expect([...results.array('y')]).toEqual(new Array(8).fill(0));
    await written.download();
    expect([...results.array('y')]).toEqual([10, 33, 28, 60, 46, 87, 64, 114]);

    parameters.array('b').set([1, 21]);
    await placed.upload();
    await session.run(new Map([['x', x]]), none);
    await written.download();
    expect([...results.array('y')]).toEqual([11, 34, 29, 61, 47, 88, 65, 115]);
    expect(() => placed.tensor('c')).toThrow("'c' has no buffer on webgpu");
    await session.release();
  });

  test('names every node that it has no kernel for, and makes no session', async () => {
    const graph = new Graph();
    graph.inputs.push({ name: 'x', dtype: 'float32', shape: [4] });
    graph.types.set('x', { dtype: 'float32', shape: [4] });
    const b = new Builder(graph);
    const y = b.op('Sign', [b.op('Abs', [b.op('Round', ['x'], {}, { name: 'rounded' })])], {}, { name: 'signed' });
    graph.outputs.push({ name: y, dtype: 'float32', shape: [4] });
    await expect(device.createSession({ model: encodeGraph(graph) })).rejects.toThrow(
      /WebGPU has no kernel for 2 nodes of the graph.*: rounded \(Round\), signed \(Sign\)\. Train with device cpu/,
    );
  });

  test('refuses buffers of another shape or type, and ones that were freed', async () => {
    const other = await openDevice('webgpu');
    const [wide, whole] = await other.allocate([
      { dtype: 'float32', shape: [3, 4] },
      { dtype: 'int32', shape: [2] },
    ]);
    const bind = (name: string, tensor: typeof wide) =>
      device.createSession({ model: linear(), bound: { inputs: new Map([[name, tensor!]]), outputs: none } });
    await expect(bind('w', wide)).rejects.toThrow(/the graph has element type 1, shape \[3,2\].*shape \[3,4\]/);
    await expect(bind('b', whole)).rejects.toThrow(/element type 1, shape \[2\].*element type 6/);
    await other.close();
    await expect(bind('b', whole)).rejects.toThrow("tensor 'b' was freed");
  });

  test('adds micro-batches up, and updates as the CPU does', () => expectSameUpdates(cpu, device));

  test('says which device does not exist', async () => {
    await expect(openDevice('tpu')).rejects.toThrow("device must be auto, cpu, webgpu, cuda or cuda:N, found 'tpu'");
  });
});
