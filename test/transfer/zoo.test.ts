// Exports of many families in the forms that files have (test/fixtures/zoo, made by export.py): PyTorch's parameters
// and buffers, found by their values, outputs and gradients, all with the kernels.

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { openDevice } from '#ortune/runtime/session.js';
import { compareGradients } from '../fixtures/zoo/gradients.mjs';
import { matchParameters } from '../fixtures/zoo/match.mjs';

const zoo = fileURLToPath(new URL('../fixtures/zoo/', import.meta.url));
const files = readdirSync(zoo).filter((name) => name.endsWith('.onnx'));
const device = await openDevice('cpu', { threads: 1 });
afterAll(() => device.close());

// Zeros that are added cannot be told from a bias, and the filters of DETR's frozen backbone look like any others.
const alike = /^final_logits_bias$|^model\.backbone\..*convolution\.weight$/;

test.each(files)("%s: every parameter of PyTorch is trained, no buffer, and by PyTorch's gradients", async (name) => {
  const { present, missed: left, buffers } = matchParameters(zoo + name);
  expect(present.length).toBeGreaterThan(1);
  expect(left).toEqual([]);
  expect(buffers.filter(({ name: buffer }: { name: string }) => !alike.test(buffer))).toEqual([]);
  const { missed, outputs, gradients } = await compareGradients(zoo + name, device, new Set(device.kernels));
  expect(missed).toEqual([]);
  expect(Object.keys(gradients).length).toBeGreaterThan(1);
  for (const [tensor, error] of Object.entries({ ...outputs, ...gradients })) expect(error, tensor).toBeLessThan(2e-5);
});

test('what looks like a constant is trained on request, and a pattern without a tensor is refused', () => {
  const file = `${zoo}plain-places.ts17.onnx`;
  const { buffers } = matchParameters(file, { trainable: ['m.table', '*std'] });
  expect(buffers.map(({ name }: { name: string }) => name)).toEqual(['std', 'table']);
  expect(() => matchParameters(file, { trainable: ['m.chairs'] })).toThrow(/trainable: 'm\.chairs' matches none of/);
});
