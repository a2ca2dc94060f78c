// Exported recurrent networks against PyTorch: every parameter is trained, outputs and gradients are PyTorch's, by the
// definitions and by the kernels (test/fixtures/zoo/recurrent, made by export.py --gradients).

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { openDevice } from '#ortune/runtime/session.js';
import { compareGradients } from '../fixtures/zoo/gradients.mjs';

const folder = fileURLToPath(new URL('../fixtures/zoo/recurrent/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.onnx'));
const device = await openDevice('cpu', { threads: 1 });
afterAll(() => device.close());

const cases = files.flatMap((file) => [
  [file, 'definitions', new Set<string>()] as const,
  [file, 'kernels', new Set(device.kernels)] as const,
]);

it.each(cases)('%s by %s', async (file, _how, kernels) => {
  const { missed, outputs, gradients } = await compareGradients(folder + file, device, kernels);
  expect(missed).toEqual([]);
  expect(Object.keys(gradients).length).toBeGreaterThan(4);
  for (const [name, error] of Object.entries({ ...outputs, ...gradients })) expect(error, name).toBeLessThan(2e-6);
});
