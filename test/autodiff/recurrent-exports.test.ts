// Exported recurrent networks against PyTorch: every parameter is trained, outputs and gradients are PyTorch's, by the
// definitions and by the kernels (test/fixtures/zoo/recurrent, made by export.py --gradients).

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { openDevice } from '#ortune/runtime/session.js';
import { chooseParameters } from '#ortune/transfer/parameters.js';
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

it("weights have the names that PyTorch's layers give them, of both directions together", () => {
  const model = openModel(`${folder}pt-bilstm-2layer.ts17.onnx`);
  const { trainable } = chooseParameters(model, toGraph(model));
  const layers = ['l0', 'l1'].flatMap((l) => ['bias', 'weight_hh', 'weight_ih'].map((part) => `m.layer.${part}_${l}`));
  const names = trainable.map(({ alias }) => alias);
  expect(names.toSorted()).toEqual([...layers, 'm.out.bias', 'm.out.weight'].toSorted());
  expect(
    trainable
      .filter(({ kind }) => kind === 'bias')
      .map(({ alias }) => alias)
      .toSorted(),
  ).toEqual(['m.layer.bias_l0', 'm.layer.bias_l1', 'm.out.bias']);
});
