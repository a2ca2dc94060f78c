// Mixed precision against PyTorch's float32: loss and every gradient of the float16 training graph, run by the runtime's CPU
// provider, which rounds to float16 behind each node. What a graphics card adds up in float16 it may have less exactly.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lossScaleInput, type Precision } from '#ortune/lower/half.js';
import { convertFloat } from '#ortune/onnx/convert.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { sharedTensor } from '#ortune/runtime/arena.js';
import { type Device, openDevice, type TensorView } from '#ortune/runtime/session.js';
import {
  compileGolden,
  feedsOf,
  fixtures,
  gradientErrors,
  maskedFixtures,
  readGolden,
  relativeError,
} from './golden.js';
import { compileVision, readVisionGolden, type VisionGolden, visionFixtures } from './vision-golden.js';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

const scale = 1024;

/** The graph's outputs by name. */
async function runOnce(model: Uint8Array, inputs: Map<string, TensorView>, outputs: Map<string, TensorView>) {
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

describe('a training graph in float16', () => {
  it.each([...fixtures, ...maskedFixtures])(
    'of $family from the $exporter exporter has the loss and the gradients of PyTorch',
    async (fixture) => {
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
      await runOnce(compiled.model, inputs, outputs);
      expect(relativeError([Number(outputs.get(compiled.loss!)!.data[0])], [golden.loss])).toBeLessThan(tolerance.loss);
      const errors = gradientErrors(golden, (name) => {
        const value = compiled.gradients.get(name);
        return value === undefined ? undefined : (outputs.get(value)!.data as Float32Array);
      });
      expect(errors.filter((e) => !(e.error <= tolerance.gradients))).toEqual([]);
    },
  );

  it.each(visionFixtures)('of %s has the loss and the gradients of PyTorch', async (name) => {
    const golden = readVisionGolden(name);
    const { loss, errors } = await runPictures(golden, 'float16');
    expect(relativeError([loss], [golden.loss])).toBeLessThan(tolerance.loss);
    const worst = Math.max(...errors);
    if (worst <= tolerance.gradients) return;
    // Many units of a network of ReLUs stand near its kink: what float32 makes of rounded weights tells how much that is.
    const rounded = await runPictures(golden, 'float32');
    expect(worst).toBeLessThan(2 * Math.max(...rounded.errors));
  });
});

/** The loss and the errors of the gradients; in float32 of weights rounded to float16. */
async function runPictures(golden: VisionGolden, precision: Precision) {
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
  await runOnce(encodeGraph(graph), inputs, outputs);
  const found = (parameter: string) => outputs.get(gradients.get(parameter)!)?.data as Float32Array;
  return {
    loss: Number(outputs.get(loss)!.data[0]),
    errors: gradientErrors(golden, found).map(({ error }) => error),
  };
}
