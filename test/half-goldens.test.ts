// Mixed precision against PyTorch's float32: loss and every gradient of the float16 training graph, run by the
// runtime's CPU provider, which rounds to float16 behind each node; and some of them on WebGPU, which adds up in
// float16 too.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lossScaleInput } from '#ortune/lower/mixed-precision.js';
import type { Precision } from '#ortune/lower/target.js';
import { convertFloat } from '#ortune/onnx/convert.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { sharedTensor } from '#ortune/runtime/arena.js';
import { type Device, openDevice, type TensorView } from '#ortune/runtime/session.js';
import {
  compileGolden,
  type Fixture,
  feedsOf,
  fixtures,
  gradientErrors,
  maskedFixtures,
  readGolden,
  relativeError,
} from './golden.js';
import { describeHalf } from './support/half.js';
import { compileVision, readVisionGolden, type VisionGolden, visionFixtures } from './vision-golden.js';

const scale = 1024;

/** The graph's outputs by name. */
async function runOnce(
  device: Device,
  model: Uint8Array,
  inputs: Map<string, TensorView>,
  outputs: Map<string, TensorView>,
): Promise<void> {
  const session = await device.createSession({ model });
  await session.run(inputs, outputs);
  await session.release();
}

function tensor(dtype: TensorView['dtype'], shape: readonly number[], values: ArrayLike<number>): TensorView {
  const view = sharedTensor(dtype, shape);
  view.data.set(values as never);
  return view;
}

/** Of float16, whose unit is 1e-3; gradients that are 0 in truth, of the keys' biases, are the worst. */
const tolerance = { loss: 5e-4, gradients: 2e-2 };

async function compareTexts(device: Device, fixture: Fixture): Promise<void> {
  const golden = readGolden(fixture);
  const { graph, compiled } = compileGolden(golden, 'train', new Set(), 'webgpu', 'float16');
  const given = feedsOf(golden);
  const inputs = new Map(
    compiled.inputs.map(({ name, dtype, shape }) => [
      name,
      name === lossScaleInput ? tensor(dtype, [], [scale]) : tensor(dtype, shape, given[name]!.values),
    ]),
  );
  for (const name of compiled.trained) {
    const weights = graph.initializers.get(name)!;
    inputs.set(name, tensor('float32', weights.shape, weights.numbers()));
  }
  const outputs = new Map([[compiled.loss!, sharedTensor('float32', [])]]);
  for (const [name, value] of compiled.gradients)
    outputs.set(value, sharedTensor('float32', graph.initializers.get(name)!.shape));
  await runOnce(device, compiled.model, inputs, outputs);
  expect(relativeError([Number(outputs.get(compiled.loss!)!.data[0])], [golden.loss])).toBeLessThan(tolerance.loss);
  const errors = gradientErrors(golden, (name) => {
    const value = compiled.gradients.get(name);
    return value === undefined ? undefined : (outputs.get(value)!.data as Float32Array);
  });
  expect(errors.filter((e) => !(e.error <= tolerance.gradients))).toEqual([]);
}

async function comparePictures(device: Device, name: string): Promise<void> {
  const golden = readVisionGolden(name);
  const { loss, errors } = await runPictures(device, golden, 'float16');
  expect(relativeError([loss], [golden.loss])).toBeLessThan(tolerance.loss);
  const worst = Math.max(...errors);
  if (worst <= tolerance.gradients) return;
  // Many units of a network of ReLUs stand near its kink: what float32 makes of rounded weights tells how much that is.
  const rounded = await runPictures(device, golden, 'float32');
  expect(worst).toBeLessThan(2 * Math.max(...rounded.errors));
}

/** The loss and the errors of the gradients; in float32 of weights rounded to float16. */
async function runPictures(device: Device, golden: VisionGolden, precision: Precision) {
  const { graph, logits, loss, gradients } = compileVision(golden, new Set(), 'frozen', 'webgpu', precision);
  const inputs = new Map([
    [golden.images.name, tensor('float32', golden.images.tensor.shape, golden.images.tensor.numbers())],
  ]);
  if (precision === 'float16') inputs.set(lossScaleInput, tensor('float32', [], [scale]));
  else
    for (const name of gradients.keys()) {
      const half = convertFloat(graph.initializers.get(name)!, 'float16');
      graph.initializers.set(name, convertFloat(half, 'float32'));
    }
  const outputs = new Map(
    [logits, loss, ...gradients.values()].map((value) => [value, sharedTensor('float32', graph.shape(value))]),
  );
  await runOnce(device, encodeGraph(graph), inputs, outputs);
  const found = (parameter: string) => outputs.get(gradients.get(parameter)!)?.data as Float32Array;
  return {
    loss: Number(outputs.get(loss)!.data[0]),
    errors: gradientErrors(golden, found).map(({ error }) => error),
  };
}

describe('a training graph in float16', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('cpu', { threads: 2 });
  });
  afterAll(() => device.close());

  it.each([...fixtures, ...maskedFixtures])(
    'of $family from the $exporter exporter has the loss and the gradients of PyTorch',
    (fixture) => compareTexts(device, fixture),
  );

  it.each(visionFixtures)('of %s has the loss and the gradients of PyTorch', (name) => comparePictures(device, name));
});

describeHalf('a training graph in float16 on WebGPU', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('webgpu');
  });
  afterAll(() => device.close());

  it.each([
    { kind: 'encoders', family: 'bert', exporter: 'torchscript' },
    { kind: 'encoders', family: 'mpnet', exporter: 'dynamo' },
    { kind: 'masked-lm', family: 'bert-pretraining', exporter: 'dynamo' },
  ] satisfies Fixture[])('of $family has the loss and the gradients of PyTorch', (fixture) =>
    compareTexts(device, fixture),
  );

  it.each(['resnet-dynamo', 'squeezenet-opset9', 'unet-dynamo', 'efficientnet-dynamo', 'vit-timm-opset17'])(
    'of %s has the loss and the gradients of PyTorch',
    (name) => comparePictures(device, name),
  );
});
