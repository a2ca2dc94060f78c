// Files of ONNX Runtime's own quantisers (test/fixtures/quantised): what trains around stored weights has PyTorch's
// gradients, and the outputs are those of the runtime's kernels and of the numbers that the weights stand for.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { openDevice } from '#ortune/runtime/session.js';
import { compareGradients } from '../fixtures/zoo/gradients.mjs';

const folder = fileURLToPath(new URL('../fixtures/quantised/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.onnx'));
const device = await openDevice('cpu', { threads: 1 });
afterAll(() => device.close());

it.each(files)('%s', async (file) => {
  const { missed, outputs, gradients } = await compareGradients(join(folder, file), device, new Set(device.kernels));
  expect(missed).toEqual([]);
  expect(Object.keys(gradients)).toHaveLength(7);
  for (const [name, error] of Object.entries({ ...outputs, ...gradients })) expect(error, name).toBeLessThan(2e-5);
});
