// What ortune makes for CUDA against PyTorch, run by the runtime's CPU provider since there is no card (rehearsed-cuda.ts):
// loss and every gradient, the first losses of the optimizer, and the same bits when it is done again. That CUDA has a
// kernel for every node is asked of each graph on the way.

import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { comparePictures, compareText } from './device-golden.js';
import { fixtures, maskedFixtures, readGolden } from './golden.js';
import { RehearsedCuda } from './support/rehearsed-cuda.js';
import { readVisionGolden, visionFixtures } from './vision-golden.js';

let device: Device;

describe('for CUDA, on the CPU', () => {
  beforeAll(async () => {
    device = new RehearsedCuda(await openDevice('cpu', { threads: 2 }));
  });
  afterAll(() => device.close());

  it.each([...fixtures, ...maskedFixtures])('$family of $kind from the $exporter exporter trains as in PyTorch', (f) =>
    compareText(device, readGolden(f)),
  );

  it.each(visionFixtures)('%s trains as in PyTorch', (name) => comparePictures(device, readVisionGolden(name)));
});
