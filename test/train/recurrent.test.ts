// A run over a file with recurrent layers: the saved file has them as they were, with trained weights, and the stock
// runtime computes what evaluation measured.

import * as ort from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { normals } from '#ortune/random.js';
import type { TensorsResult } from '#ortune/tasks/tensors.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { temporaryDirectory } from '../support/temporary.js';
import { modelFile, train, weightHashes } from '../support/train.js';

const directory = temporaryDirectory('recurrent');
const model = new URL('../fixtures/zoo/recurrent/pt-bilstm-2layer.ts17.onnx', import.meta.url).pathname;

it('trains, saves and measures LSTMs both ways', async () => {
  const rows = 8;
  const x = Float32Array.from(normals(1, 1, rows * 5 * 4));
  const target = Float32Array.from(normals(1, 2, rows * 5 * 3));
  const tensors = { x: { data: x, shape: [rows, 5, 4] }, target: { data: target, shape: [rows, 5, 3] } };
  const losses = [{ output: 'logits', target: 'target', loss: 'mse' as const }];
  const { result, losses: found } = await train({
    ...{ model, output: directory, train: { tensors }, eval: { tensors }, losses },
    ...{ batchSize: rows, maxSteps: 4, learningRate: 0.01, schedule: 'constant', warmupRatio: 0, threads: 1 },
  });
  expect(found.at(-1)).toBeLessThan(found[0]!);

  const file = modelFile(result.output);
  const layers = (path: string) => toGraph(openModel(path)).nodes.filter(({ op }) => op === 'LSTM');
  expect(layers(file).map(({ attrs }) => [...attrs])).toEqual(layers(model).map(({ attrs }) => [...attrs]));
  const before = weightHashes(model);
  for (const [name, hash] of weightHashes(file)) expect(hash, name).not.toBe(before.get(name));

  const session = await ort.InferenceSession.create(file);
  const { logits } = await session.run({ x: new ort.Tensor('float32', x, [rows, 5, 4]) });
  const loss = (logits!.data as Float32Array).reduce((sum, v, i) => sum + (v - target[i]!) ** 2, 0) / target.length;
  const measured = await evaluate({ task: 'tensors', model: result.output, data: { tensors } });
  for (const { metrics } of [result, measured]) expect((metrics as TensorsResult).loss).toBeCloseTo(loss, 5);
});
