// Exports with operators that few models have, against PyTorch: outputs and the gradients of all parameters, by the
// definitions and with the kernels (test/fixtures/zoo/operators, made by export.py --gradients).

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { openDevice } from '#ortune/runtime/session.js';
import { compareGradients } from '../fixtures/zoo/gradients.mjs';
import { matchParameters } from '../fixtures/zoo/match.mjs';

const folder = fileURLToPath(new URL('../fixtures/zoo/operators/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.onnx'));
const device = await openDevice('cpu', { threads: 1 });
afterAll(() => device.close());

it.each(files)("%s has PyTorch's gradients", async (file) => {
  for (const kernels of [new Set<string>(), new Set(device.kernels)]) {
    const { missed, outputs, gradients } = await compareGradients(folder + file, device, kernels);
    expect(missed).toEqual([]);
    expect(matchParameters(folder + file).buffers).toEqual([]);
    expect(Object.keys(gradients).length).toBeGreaterThan(0);
    for (const [name, error] of Object.entries({ ...outputs, ...gradients })) expect(error, name).toBeLessThan(2e-6);
  }
});
