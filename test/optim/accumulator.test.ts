// The accumulator on the device: a sum over micro-batches, and nothing left of the step before.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { Accumulator } from '#ortune/optim/accumulator.js';
import { normals } from '#ortune/random.js';
import { Arena } from '#ortune/runtime/arena.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

it('adds micro-batches up in float32, and starts anew with the first of each step', async () => {
  const gradients = Arena.create(
    Arena.layout([
      { name: 'w', shape: [301, 33] },
      { name: 'b', shape: [7] },
    ]),
  );
  const accumulator = await Accumulator.create(device, gradients);
  for (const [step, micros] of [3, 1, 2].entries()) {
    const expected = new Float32Array(gradients.data.length);
    for (let micro = 0; micro < micros; micro++) {
      gradients.data.set(normals(step, micro, gradients.data.length));
      for (const [i, g] of gradients.data.entries()) expected[i] = micro === 0 ? g : Math.fround(expected[i]! + g);
      await accumulator.add(micro === 0);
    }
    expect(
      Buffer.compare(Buffer.from(new Uint8Array(accumulator.total.data.slice().buffer)), Buffer.from(expected.buffer)),
    ).toBe(0);
  }
  await accumulator.release();
});
