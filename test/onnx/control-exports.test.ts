// Exports that branch, loop and hold sequences against PyTorch: every parameter is trained and no buffer, outputs and
// gradients are PyTorch's (test/fixtures/zoo/control, made by export.py --gradients).

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { inspectModel } from '#ortune/commands/inspect.js';
import { openDevice } from '#ortune/runtime/session.js';
import { compareGradients } from '../fixtures/zoo/gradients.mjs';
import { matchParameters } from '../fixtures/zoo/match.mjs';

const folder = fileURLToPath(new URL('../fixtures/zoo/control/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.onnx'));
const device = await openDevice('cpu', { threads: 1 });
afterAll(() => device.close());

it.each(files)('%s', async (file) => {
  const { present, missed: left, buffers } = matchParameters(folder + file);
  expect(present.length).toBeGreaterThan(1);
  expect([...left, ...buffers]).toEqual([]);
  const { missed, outputs, gradients } = await compareGradients(folder + file, device, new Set(device.kernels));
  expect(missed).toEqual([]);
  expect(Object.keys(gradients).length).toBeGreaterThan(1);
  for (const [name, error] of Object.entries({ ...outputs, ...gradients })) expect(error, name).toBeLessThan(1e-5);
});

it.each([
  ['deberta-v2-tiny.ts17', { If: ['else_branch'] }],
  ['dinov3-tiny.ts17', { If: ['then_branch', 'else_branch'] }],
  ['pt-embeddingbag-mean.ts17', { Loop: ['1 iteration'] }],
  ['pt-embeddingbag-mean.dyn20', { If: ['then_branch', 'else_branch', 'then_branch'], Loop: ['2 iterations'] }],
  ['pt-branch-on-data.ts17', { If: ['both branches', 'both branches'] }],
  ['pt-loop.ts17', { If: ['then_branch'], Loop: ['4 iterations'] }],
  ['pt-loop-list.ts17', { Loop: ['5 iterations'] }],
])('%s, inspected', async (file, expected) => {
  const { control, undifferentiable } = await inspectModel(`${folder}${file}.onnx`);
  const found: Record<string, string[]> = {};
  for (const { op, becomes } of control) found[op] = [...(found[op] ?? []), becomes];
  expect(found).toEqual(expected);
  expect(undifferentiable).toEqual([]);
});
