// The derived training graph against PyTorch on ortune's own device: session host, fused kernels, parameters and
// gradients bound in place, and the optimizer's kernel. Logits, loss and every gradient as in goldens.test.ts, and the
// first 20 losses of AdamW with clipping on one batch.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Mode } from '#ortune/compile/protocol.js';
import type { Value } from '#ortune/onnx/graph.js';
import { Optimizer } from '#ortune/optim/optimizer.js';
import { Arena, sharedTensor } from '#ortune/runtime/arena.js';
import { type Device, openDevice, type TensorView } from '#ortune/runtime/session.js';
import {
  answerFixtures,
  causalFixtures,
  compileGolden,
  expectedOutputs,
  feedsOf,
  fixtures,
  type Golden,
  gradientErrors,
  maskedFixtures,
  readGolden,
  relativeError,
  targetFixtures,
} from './golden.js';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

/** A session of one mode on the golden batch, with the parameters of the file in an arena. */
async function prepare(golden: Golden, mode: Mode, more = {}) {
  const { graph, compiled } = compileGolden(golden, mode, device.kernels, 'cpu', 'float32', more);
  const shapeOf = (name: string) => ({ name, shape: graph.initializers.get(name)!.shape });
  const parameters = Arena.create(Arena.layout(compiled.trained.map(shapeOf)));
  for (const name of compiled.trained) parameters.array(name).set(graph.initializers.get(name)!.data() as Float32Array);
  const gradients = parameters.like();
  const session = await device.createSession({
    model: compiled.model,
    bound: {
      inputs: new Map(compiled.trained.map((name) => [name, parameters.view(name)])),
      outputs: new Map([...compiled.gradients].map(([name, value]) => [value, gradients.view(name)])),
    },
  });
  const given = feedsOf(golden);
  const inputs = new Map<string, TensorView>();
  for (const { name } of compiled.inputs) {
    const { dtype, shape, values } = given[name]!;
    const view = sharedTensor(dtype, shape);
    for (const [i, value] of values.entries()) view.data[i] = dtype === 'int64' ? BigInt(value) : value;
    inputs.set(name, view);
  }
  const outputs = new Map(compiled.outputs.map((o) => [o.name, sharedTensor(o.dtype, o.shape)]));
  const fetched = (name: string | undefined): number[] => Array.from(outputs.get(name!)!.data, Number);
  return {
    parameters,
    gradients,
    run: () => session.run(inputs, outputs),
    /** Relative errors of all outputs that PyTorch has, by name. */
    errors: () =>
      expectedOutputs(golden, compiled).map(({ output, values }): [Value, number] => [
        output,
        relativeError(fetched(output).slice(0, values.length), values),
      ]),
    loss: () => fetched(compiled.loss)[0]!,
    release: () => session.release(),
  };
}

const all = [...fixtures, ...maskedFixtures, ...targetFixtures, ...answerFixtures, ...causalFixtures];

describe.each(all)('$family of $kind from the $exporter exporter, on the device', (fixture) => {
  const golden = readGolden(fixture);

  it('gives the outputs and the loss of PyTorch', async () => {
    const evaluation = await prepare(golden, 'evaluate');
    await evaluation.run();
    for (const [output, error] of evaluation.errors()) expect(error, output).toBeLessThan(1e-5);
    await evaluation.release();
  });

  it('gives every gradient of PyTorch', async () => {
    const training = await prepare(golden, 'train');
    await training.run();
    expect(relativeError([training.loss()], [golden.loss])).toBeLessThan(1e-5);
    const errors = gradientErrors(golden, (tensor) =>
      training.gradients.has(tensor) ? training.gradients.array(tensor) : undefined,
    );
    expect(errors.filter((e) => !(e.error <= 2e-5))).toEqual([]);
    await training.release();
  });

  it('follows 20 losses of AdamW in PyTorch', async () => {
    const training = await prepare(golden, 'train');
    const { lr, betas, eps, weight_decay, clip, losses } = golden.adamw;
    const ranges = [{ start: 0, end: training.parameters.data.length, learningRate: lr, weightDecay: weight_decay }];
    const options = { name: 'adamw', beta1: betas[0], beta2: betas[1], epsilon: eps } as const;
    const optimizer = await Optimizer.create(device, training.parameters, training.gradients, ranges, options);
    for (const [step, expected] of losses.entries()) {
      await training.run();
      expect(relativeError([training.loss()], [expected]), `loss before step ${step + 1}`).toBeLessThan(1e-3);
      await optimizer.step(1, clip);
    }
    await optimizer.release();
    await training.release();
  });
});

describe.each(causalFixtures)('$family of causal-lm on the device, its logits a few rows at a time', (fixture) => {
  it('gives the loss and every gradient of PyTorch', async () => {
    const golden = readGolden(fixture);
    const training = await prepare(golden, 'train', { mostLogits: 6 * 320 });
    await training.run();
    expect(relativeError([training.loss()], [golden.loss])).toBeLessThan(1e-5);
    const errors = gradientErrors(golden, (tensor) =>
      training.gradients.has(tensor) ? training.gradients.array(tensor) : undefined,
    );
    expect(errors.filter((e) => !(e.error <= 2e-5))).toEqual([]);
    await training.release();
  });
});
