// float16 on WebGPU: what is computed in it differs from float32 by its rounding, no less and not much more.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { Builder } from '#ortune/onnx/builder.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { Graph } from '#ortune/onnx/graph.js';
import { sharedTensor } from '#ortune/runtime/arena.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { describeHalf } from '../support/half.js';

describeHalf('float16 on WebGPU', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('webgpu');
  });
  afterAll(() => device.close());

  it('multiplies matrices to its precision', async () => {
    const size = 33;
    const square = { dtype: 'float32' as const, shape: [size, size] };
    const graph = new Graph();
    for (const name of ['x', 'w']) {
      graph.inputs.push({ name, ...square });
      graph.types.set(name, square);
    }
    const b = new Builder(graph);
    const [x, w] = ['x', 'w'].map((name) => b.op('Cast', [name], { to: 10 })) as [string, string];
    const y = b.op('Cast', [b.op('MatMul', [x, w])], { to: 1 });
    graph.outputs.push({ name: y, ...square });
    const session = await device.createSession({ model: encodeGraph(graph) });
    const [a, c, product] = Array.from({ length: 3 }, () => sharedTensor('float32', square.shape));
    for (let i = 0; i < size ** 2; i++) [a!.data[i], c!.data[i]] = [Math.sin(i), Math.cos(3 * i)];
    const inputs = new Map([
      ['x', a!],
      ['w', c!],
    ]);
    await session.run(inputs, new Map([[y, product!]]));
    await session.release();
    let worst = 0;
    for (let i = 0; i < size ** 2; i++) {
      const [row, column] = [Math.floor(i / size), i % size];
      let sum = 0;
      for (let k = 0; k < size; k++) sum += Number(a!.data[row * size + k]) * Number(c!.data[k * size + column]);
      worst = Math.max(worst, Math.abs(sum - Number(product!.data[i])));
    }
    expect(worst).toBeGreaterThan(1e-6);
    expect(worst).toBeLessThan(2e-2);
  });
});
