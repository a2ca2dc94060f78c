// Training around weights that are stored as rounded numbers: what is float learns, the stored bytes are in the saved
// file as they were, and the stock runtime opens it (the run's own evaluation of the saved model does).

import { describe, expect, it } from 'vitest';
import { inspectModel } from '#ortune/commands/inspect.js';
import { decodeTensor } from '#ortune/onnx/decode.js';
import { openModel } from '#ortune/onnx/load.js';
import { evaluate } from '#ortune/train/evaluate.js';
import { quantise } from '../support/quantise.js';
import { smallProblem } from '../support/small-problem.js';
import { modelFile, newRuns, train } from '../support/train.js';

const tensorsOf = (file: string) => {
  const model = openModel(file);
  return new Map(model.proto.graph!.initializer.map((t) => [t.name, decodeTensor(t, t.name, model).bytes()]));
};

describe.each(['MatMulNBits', 'DequantizeLinear'] as const)('%s', (form) => {
  it('stays as the file has it while what is around it trains', async () => {
    const { path } = smallProblem({ hidden: 192 });
    const file = path('encoder/onnx/model.onnx');
    const stored = quantise(file, form, { but: 'classifier', factor: 3 });
    expect(stored.length).toBeGreaterThan(5);
    const { tensors, undifferentiable } = await inspectModel(file);
    expect(undifferentiable).toEqual([]);
    const frozen = tensors.filter(({ trained }) => !trained);
    expect(frozen.map(({ reason }) => reason).filter((reason) => !reason?.includes(form))).toEqual([]);
    expect(frozen.map(({ name }) => name).sort()).toEqual(stored.sort());

    const run = newRuns(path, { epochs: 2, batchSize: 8, warmupRatio: 0, learningRate: 5e-3, eval: path('test.csv') });
    const { result, losses, warnings } = await train(run());
    expect(result.metrics).toMatchObject({ samples: 20 });
    expect(Math.min(...losses)).toBeLessThan(0.95 * losses[0]!);
    expect(warnings.join()).toContain('the model is quantised');
    const [before, after] = [tensorsOf(file), tensorsOf(modelFile(result.output))];
    for (const name of stored) expect(after.get(name), name).toEqual(before.get(name));
    const changed = [...before.keys()].filter((name) => !Buffer.from(after.get(name)!).equals(before.get(name)!));
    expect(changed.length).toBeGreaterThan(5);
  });

  it('becomes floats that train, and is rounded again when the model is written', async () => {
    const { path } = smallProblem({ hidden: 192 });
    const file = path('encoder/onnx/model.onnx');
    const stored = quantise(file, form, { but: 'classifier', factor: 3 });
    const more = { maxSteps: 3, batchSize: 8, learningRate: 5e-3, eval: path('test.csv') };
    const { result, warnings } = await train(newRuns(path, more)({ dequantise: true, requantise: true }));
    expect(warnings.join()).toMatch(/\d+ tensors were rounded again: the written weights differ from the trained ones/);
    const [before, after] = [tensorsOf(file), tensorsOf(modelFile(result.output))];
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
    const changed = stored.filter((name) => !Buffer.from(after.get(name)!).equals(before.get(name)!));
    expect(changed.length).toBeGreaterThan(5);
    const written = await evaluate({ model: result.output, data: path('test.csv'), threads: 1 });
    expect(written.metrics).toMatchObject({ samples: 20 });
  });
});
