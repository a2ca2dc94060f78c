// What ortune makes for CUDA against PyTorch: loss and every gradient, the first losses of the optimizer, and the same
// bits when it is done again. Run by the runtime's CPU provider, so that it is tested without a card
// (rehearsed-cuda.ts; that CUDA has a kernel for every node is asked of each graph on the way), and on a card where
// there is one.

import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { comparePictures, compareText } from './device-golden.js';
import { fixtures, maskedFixtures, readGolden } from './golden.js';
import { describeWhere } from './support/describe-where.js';
import { RehearsedCuda } from './support/rehearsed-cuda.js';
import { readVisionGolden, visionFixtures } from './vision-golden.js';

function testsOn(open: () => Promise<Device>): void {
  let device: Device;
  beforeAll(async () => {
    device = await open();
  });
  afterAll(() => device.close());

  it.each([...fixtures, ...maskedFixtures])('$family of $kind from the $exporter exporter trains as in PyTorch', (f) =>
    compareText(device, readGolden(f)),
  );

  it.each(visionFixtures)('%s trains as in PyTorch', (name) => comparePictures(device, readVisionGolden(name)));
}

const missing = await openDevice('cuda').then(
  (device) => device.close().then(() => undefined),
  (error: Error) => error.message,
);

describe('for CUDA, on the CPU,', () =>
  testsOn(async () => new RehearsedCuda(await openDevice('cpu', { threads: 2 }))));
describeWhere(missing, 'on CUDA', () => testsOn(() => openDevice('cuda')));
