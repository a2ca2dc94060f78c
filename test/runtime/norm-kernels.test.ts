// Batch normalisation with activations, and activations alone, run by the device, against the definitions of the
// operators.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { float } from '#ortune/onnx/builder.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { operatorGraph } from '../autodiff/graphs.js';
import { describeInstructionSets } from '../support/instruction-sets.js';
import { bits, define, expectClose, random, runOn, unchecked } from './kernels.js';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

const activations = ['none', 'Relu', 'Relu6', 'HardSigmoid', 'HardSwish', 'Swish'];
const image = [3, 9, 11, 12];
const x = random(1, image, (v) => 3 * v + 5);
const [scale, bias, mean] = [random(2, [12]), random(3, [12]), random(4, [12], (v) => v + 5)];
const variance = random(5, [12], (v) => 4 + Math.abs(v));
const r = random(5, [12], (v) => 1 / Math.sqrt(9 + Math.abs(v)));
const dy = random(6, image);

const cases = activations.flatMap((activation) =>
  ['batch', 'given'].flatMap((statistics) => {
    const attrs = { activation, statistics, channels_last: 1, epsilon: float(1e-3), momentum: float(0.8) };
    const of = `${activation}, statistics ${statistics}`;
    const outputs = statistics === 'batch' ? 5 : 3;
    return [
      { name: `BatchNorm, ${of}`, op: 'BatchNorm', inputs: [x, scale, bias, mean, variance], attrs, outputs },
      { name: `BatchNormGrad, ${of}`, op: 'BatchNormGrad', inputs: [dy, x, scale, bias, mean, r], attrs, outputs: 3 },
    ];
  }),
);
const alone = activations.flatMap((activation) => [
  {
    name: `Activation ${activation}`,
    op: 'Activation',
    inputs: [random(7, image, (v) => 4 * v)],
    attrs: { activation },
  },
  {
    name: `ActivationGrad ${activation}`,
    op: 'ActivationGrad',
    inputs: [dy, random(7, image, (v) => 4 * v)],
    attrs: { activation },
  },
]);

describeInstructionSets(() => {
  describe('on the device', () => {
    it.each([...cases, ...alone])('$name is its definition', async (operator) => {
      const { graph, feeds } = operatorGraph({ ...operator, domain: 'ortune' });
      const { outputs } = await runOn(device, graph, feeds);
      for (const [i, expected] of (await define(operator)).entries()) expectClose(outputs[i]!, expected, 1e-5);
      const other = await openDevice('cpu', { threads: 1 });
      expect(bits((await runOn(other, graph, feeds)).outputs)).toEqual(bits(outputs));
      await other.close();
    });

    const last = { channels_last: 1 };
    it.each([
      ['channels that are not last', /channels-last/, 'BatchNorm', [x, scale, bias, mean, variance], {}, image],
      ['a short scale', /not the 12 channels/, 'BatchNorm', [x, random(2, [11]), bias, mean, variance], last, image],
      ['one value a channel', /more than one/, 'BatchNorm', [random(1, [1, 12]), scale, bias, mean, r], last, [1, 12]],
      ['an unknown activation', /'Gelu', which is not known/, 'Activation', [x], { activation: 'Gelu' }, image],
      ['dy of another shape', /one shape/, 'ActivationGrad', [random(6, [3]), x], { activation: 'Relu' }, image],
      ['dy of another size', /one shape/, 'BatchNormGrad', [random(6, [12]), x, scale, bias, mean, r], last, image],
    ])('refuses %s', async (_, message, op, inputs, attrs, output) => {
      const { graph, feeds } = unchecked(op, inputs, attrs, output);
      await expect(runOn(device, graph, feeds)).rejects.toThrow(message);
    });
  });
});
