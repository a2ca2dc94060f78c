// Every vision family from real exporters against PyTorch (fixtures/vision) on ortune's own device: session host, fused
// kernels, parameters and gradients bound in place, the optimizer's kernel. Logits, loss, every gradient, and the first
// 20 losses of SGD or AdamW with clipping on one batch; and the gradient check of the command line.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gradcheckModel } from '#ortune/commands/gradcheck.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import type { Value } from '#ortune/onnx/graph.js';
import { Optimizer } from '#ortune/optim/optimizer.js';
import type { OptimizerOptions } from '#ortune/optim/rules.js';
import { Arena, sharedTensor } from '#ortune/runtime/arena.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { gradientErrors, relativeError } from './golden.js';
import { compileVision, readVisionGolden, type VisionGolden, visionFixtures } from './vision-golden.js';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

/** A session on the golden batch, with the parameters of the file in an arena. */
async function prepare(golden: VisionGolden) {
  const { graph, logits, loss, gradients: names } = compileVision(golden, device.kernels);
  const trained = [...names.keys()];
  const tensors = new Map(trained.map((name) => [name, graph.initializers.get(name)!]));
  const parameters = Arena.create(Arena.layout(trained.map((name) => ({ name, shape: tensors.get(name)!.shape }))));
  for (const [name, tensor] of tensors) {
    parameters.array(name).set(tensor.data() as Float32Array);
    graph.initializers.delete(name);
    graph.inputs.push({ name, dtype: 'float32', shape: [...tensor.shape] });
  }
  const gradients = parameters.like();
  const session = await device.createSession({
    model: encodeGraph(graph),
    bound: {
      inputs: new Map(trained.map((name) => [name, parameters.view(name)])),
      outputs: new Map([...names].map(([name, value]) => [value, gradients.view(name)])),
    },
  });
  const { name: input, tensor } = golden.images;
  const images = sharedTensor('float32', tensor.shape);
  (images.data as Float32Array).set(tensor.data() as Float32Array);
  const outputs = new Map([logits, loss].map((name) => [name, sharedTensor('float32', graph.shape(name))]));
  const fetched = (value: Value): number[] => Array.from(outputs.get(value)!.data, Number);
  return {
    parameters,
    gradients,
    run: () => session.run(new Map([[input, images]]), outputs),
    logits: () => fetched(logits),
    loss: () => fetched(loss)[0]!,
    release: () => session.release(),
  };
}

const optimizerOf = ({ optimizer: o }: VisionGolden): OptimizerOptions =>
  o.name === 'sgd'
    ? { name: 'sgd', momentum: o.momentum, nesterov: false }
    : { name: 'adamw', beta1: o.betas[0], beta2: o.betas[1], epsilon: o.eps };

describe.each(visionFixtures)('%s, on the device', (name) => {
  const golden = readVisionGolden(name);

  it('gives the logits, the loss and every gradient of PyTorch', async () => {
    const training = await prepare(golden);
    await training.run();
    expect(relativeError(training.logits(), golden.logits)).toBeLessThan(1e-5);
    expect(relativeError([training.loss()], [golden.loss])).toBeLessThan(1e-5);
    const errors = gradientErrors(golden, (tensor) =>
      training.gradients.has(tensor) ? training.gradients.array(tensor) : undefined,
    );
    expect(errors.filter((e) => !(e.error <= 2e-5))).toEqual([]);
    await training.release();
  });

  it('follows 20 losses of the optimizer in PyTorch', async () => {
    const training = await prepare(golden);
    const { lr, weight_decay, clip, losses } = golden.optimizer;
    const ranges = [{ start: 0, end: training.parameters.data.length, learningRate: lr, weightDecay: weight_decay }];
    const optimizer = await Optimizer.create(
      device,
      training.parameters,
      training.gradients,
      ranges,
      optimizerOf(golden),
    );
    for (const [step, expected] of losses.entries()) {
      await training.run();
      expect(relativeError([training.loss()], [expected]), `loss before step ${step + 1}`).toBeLessThan(1e-3);
      await optimizer.step(1, clip);
    }
    await optimizer.release();
    await training.release();
  });

  it('passes the gradient check of the command line', async () => {
    const { name: input, tensor } = golden.images;
    const result = await gradcheckModel(golden.file, { input: [`${input}=${tensor.shape.join('x')}`] });
    expect(result.checked).toBe(new Set(golden.parameters.flatMap((p) => p.places.map((place) => place.name))).size);
    expect(result.parameters.filter((p) => !(p.relativeError <= result.tolerance))).toEqual([]);
  });
});
