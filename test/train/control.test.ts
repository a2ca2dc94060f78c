// A run over a file with sub-graphs: the saved file has them as they were, with trained weights inside and around them,
// and the stock runtime computes what evaluation measured.

import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { fileTensors } from '#ortune/onnx/save.js';
import { normals } from '#ortune/random.js';
import type { TensorsResult } from '#ortune/tasks/tensors.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { mergedDecoder } from '../onnx/control-files.js';
import { writeModel } from '../onnx/support.js';
import { temporaryDirectory } from '../support/temporary.js';
import { modelFile, train } from '../support/train.js';

const directory = temporaryDirectory('control');
const rows = 4;
const dummies = {
  past: new ort.Tensor('float32', [0, 0, 0, 0], [1, 1, 4]),
  use_cache_branch: new ort.Tensor('bool', [false], [1]),
};

it('trains, saves and measures a merged decoder', async () => {
  const [model, steps] = [writeModel(join(directory, 'merged.onnx'), mergedDecoder()), 3];
  const x = Float32Array.from(normals(1, 1, rows * steps * 4));
  const target = Float32Array.from(normals(1, 2, rows * steps * 3));
  const tensors = { x: { data: x, shape: [rows, steps, 4] }, target: { data: target, shape: [rows, steps, 3] } };
  const { result, losses, warnings } = await train({
    ...{ model, output: join(directory, 'run'), train: { tensors }, eval: { tensors } },
    losses: [{ output: 'logits', target: 'target', loss: 'mse' as const }],
    ...{ batchSize: rows, maxSteps: 4, learningRate: 0.01, schedule: 'constant', warmupRatio: 0, threads: 1 },
  });
  expect(losses.at(-1)).toBeLessThan(losses[0]!);
  expect(warnings.join('\n')).toMatch(/input 'use_cache_branch' is 0/);

  const file = modelFile(result.output);
  const [before, after] = [openModel(model), openModel(file)];
  const operators = (opened: typeof before) => opened.proto.graph!.node.map(({ opType }) => opType);
  expect(operators(after)).toEqual(operators(before));
  const values = (opened: typeof before) => [...toGraph(opened).initializers];
  const trained = [...fileTensors(before)].filter(([, { dtype, shape }]) => dtype === 'float32' && shape.length > 0);
  const saved = new Map(values(after));
  for (const [tensor, value] of values(before))
    if (trained.some(([of]) => of === tensor))
      expect(saved.get(tensor)!.numbers(), tensor).not.toEqual(value.numbers());

  const session = await ort.InferenceSession.create(file);
  const { logits } = await session.run({ x: new ort.Tensor('float32', x, [rows, steps, 4]), ...dummies });
  const loss = (logits!.data as Float32Array).reduce((sum, v, i) => sum + (v - target[i]!) ** 2, 0) / target.length;
  const measured = await evaluate({ task: 'tensors', model: result.output, data: { tensors } });
  for (const { metrics } of [result, measured]) expect((metrics as TensorsResult).loss).toBeCloseTo(loss, 5);
});
