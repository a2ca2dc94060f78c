// A run over a file of float64 throughout: trained in float32, saved and measured as float64.

import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import type { TensorsResult } from '#ortune/tasks/tensors.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { initializer, modelProto, node, value, writeModel } from '../onnx/support.js';
import { temporaryDirectory } from '../support/temporary.js';
import { modelFile, train } from '../support/train.js';

const directory = temporaryDirectory('float64');
const rows = 8;

it('trains, saves and measures', async () => {
  const weight = Tensor.of('float64', normals(1, 3, 12), [4, 3]);
  const model = writeModel(
    join(directory, 'model.onnx'),
    modelProto({
      nodes: [node('MatMul', ['x', 'w'], ['xw']), node('Tanh', ['xw'], ['y'])],
      inputs: [value('x', 'float64', ['batch', 4])],
      outputs: [value('y', 'float64', ['batch', 3])],
      initializers: [initializer('w', weight)],
    }),
  );
  const x = Float32Array.from(normals(1, 1, rows * 4));
  const target = Float32Array.from(normals(1, 2, rows * 3), (v) => v / 4);
  const tensors = { x: { data: x, shape: [rows, 4] }, target: { data: target, shape: [rows, 3] } };
  const { result, losses, warnings } = await train({
    ...{ model, output: join(directory, 'run'), train: { tensors }, eval: { tensors } },
    losses: [{ output: 'y', target: 'target', loss: 'mse' as const }],
    ...{ batchSize: rows, maxSteps: 4, learningRate: 0.01, schedule: 'constant', warmupRatio: 0, threads: 1 },
  });
  expect(losses.at(-1)).toBeLessThan(losses[0]!);
  expect(warnings.join('\n')).toContain('the file computes in float64: it is trained in float32');

  const file = modelFile(result.output);
  const saved = toGraph(openModel(file)).initializers.get('w')!;
  expect(saved.dtype).toBe('float64');
  expect(saved.numbers()).not.toEqual(weight.numbers());
  const session = await ort.InferenceSession.create(file);
  const { y } = await session.run({ x: new ort.Tensor('float64', Float64Array.from(x), [rows, 4]) });
  const loss = (y!.data as Float64Array).reduce((sum, v, i) => sum + (v - target[i]!) ** 2, 0) / target.length;
  const measured = await evaluate({ task: 'tensors', model: result.output, data: { tensors } });
  for (const { metrics } of [result, measured]) expect((metrics as TensorsResult).loss).toBeCloseTo(loss, 5);
});
