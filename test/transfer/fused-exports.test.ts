// Files as the optimizer and sessions of ONNX Runtime write them (test/fixtures/zoo/fused, made by export.py
// --gradients): every parameter is trained, outputs and gradients are PyTorch's, by the definitions and by the kernels;
// a saved file keeps its nodes, and the stock runtime opens it.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { inspectModel } from '#ortune/commands/inspect.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { graphOf } from '#ortune/onnx/model.js';
import { fileTensors, saveModel } from '#ortune/onnx/save.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { openDevice } from '#ortune/runtime/session.js';
import { compareGradients } from '../fixtures/zoo/gradients.mjs';
import { openStockModel } from '../support/onnxruntime.js';
import { temporaryDirectory } from '../support/temporary.js';

const folder = fileURLToPath(new URL('../fixtures/zoo/fused/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.onnx'));
const directory = temporaryDirectory();
const device = await openDevice('cpu', { threads: 1 });
afterAll(() => device.close());

const cases = files.flatMap((file) => [
  [file, 'definitions', new Set<string>()] as const,
  [file, 'kernels', new Set(device.kernels)] as const,
]);

it.each(cases)('%s has the gradients of PyTorch by %s', async (file, _how, kernels) => {
  const { missed, outputs, gradients } = await compareGradients(folder + file, device, kernels);
  expect(missed).toEqual([]);
  expect(Object.keys(gradients).length).toBeGreaterThanOrEqual(10);
  for (const [name, error] of Object.entries({ ...outputs, ...gradients })) expect(error, name).toBeLessThan(2e-5);
});

it.each(files)('%s is saved with its nodes as they were', async (name) => {
  expect((await inspectModel(folder + name)).undifferentiable).toEqual([]);
  const model = openModel(folder + name);
  const [weight] = [...fileTensors(model)].find(([, { dtype, shape }]) => dtype === 'float32' && shape.length > 1)!;
  const value = toGraph(model).initializers.get(weight)!;
  const moved = value.numbers().map((v) => v + 0.5);
  const file = join(directory, name);
  saveModel(model, file, new Map([[weight, Tensor.of('float32', moved, value.shape)]]));
  const nodes = (path: string) => graphOf(openModel(path)).node.map(({ opType, domain }) => `${domain}.${opType}`);
  expect(nodes(file)).toEqual(nodes(folder + name));
  await (await openStockModel(readFileSync(file))).release();
});
