// Convolution and pooling over channels-last images, run by the device, against the definitions of the operators (which
// turn the images to [N, C, H, W] and run standard ones); and what these kernels refuse.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttrInput } from '#ortune/onnx/builder.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { operatorGraph } from '../autodiff/graphs.js';
import { describeInstructionSets } from '../support/instruction-sets.js';
import { bits, define, expectClose, random, runOn, unchecked } from './kernels.js';

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 2 });
});
afterAll(() => device.close());

const image = [3, 9, 11, 12];
const result = (channels: number): number[] => [3, 5, 6, channels];
const strided = { strides: [2, 2], pads: [1, 1] };
const window = { ...strided, size: [5, 6] };
const backward = { ...strided, size: [9, 11] };
/** Whole numbers, so that windows have several equal largest elements. */
const x = random(1, image, Math.round);

const convolutions = [
  { name: 'of one group', group: 1, M: 7 },
  { name: 'of three groups', group: 3, M: 6 },
  { name: 'of few channels', group: 6, M: 12 },
  { name: 'of each channel', group: 12, M: 12 },
].flatMap(({ name, group, M }) => {
  const filters = random(2, [M, 12 / group, 3, 3]);
  const dy = random(3, result(M));
  return [
    { name: `Conv ${name}`, op: 'Conv', inputs: [x, filters, random(4, [M])], attrs: { group, ...window } },
    { name: `ConvInputGrad ${name}`, op: 'ConvInputGrad', inputs: [dy, filters], attrs: { group, ...backward } },
    {
      name: `ConvWeightGrad ${name}`,
      op: 'ConvWeightGrad',
      inputs: [x, dy],
      attrs: { group, ...strided, size: [3, 3] },
      outputs: 2,
    },
  ];
});

const pools = [0, 1].flatMap((count_include_pad) => {
  const attrs = { kernel: [3, 3], count_include_pad };
  return [
    { name: `AveragePool ${count_include_pad}`, op: 'AveragePool', inputs: [x], attrs: { ...attrs, ...window } },
    {
      name: `AveragePoolGrad ${count_include_pad}`,
      op: 'AveragePoolGrad',
      inputs: [random(5, result(12))],
      attrs: { ...attrs, ...backward },
    },
  ];
});
const kernel = [3, 3];
const maxPool = { name: 'MaxPool', op: 'MaxPool', inputs: [x], attrs: { kernel, ...window } };

describeInstructionSets(() => {
  describe('over images', () => {
    it.each([...convolutions, ...pools, maxPool])('$name is its definition', async (operator) => {
      const { graph, feeds } = operatorGraph({ ...operator, domain: 'ortune' });
      const { outputs } = await runOn(device, graph, feeds);
      for (const [i, expected] of (await define(operator)).entries()) expectClose(outputs[i]!, expected, 1e-5);
      const other = await openDevice('cpu', { threads: 1 });
      expect(bits((await runOn(other, graph, feeds)).outputs)).toEqual(bits(outputs));
      await other.close();
    });

    it('MaxPoolGrad is its definition, ties included', async () => {
      const forward = operatorGraph({ ...maxPool, domain: 'ortune' });
      const y = Tensor.of('float32', (await runOn(device, forward.graph, forward.feeds)).outputs[0]!, result(12));
      const operator = { op: 'MaxPoolGrad', inputs: [random(6, result(12)), x, y], attrs: { kernel, ...strided } };
      const { graph, feeds } = operatorGraph({ ...operator, domain: 'ortune' });
      const { outputs } = await runOn(device, graph, feeds);
      expectClose(outputs[0]!, (await define(operator))[0]!, 1e-6);
    });
  });
});

const filters = random(2, [7, 12, 3, 3]);
const dy = random(3, result(7));
const refusals: [string, RegExp, string, Tensor[], Record<string, AttrInput>, number[]][] = [
  ['an image of three axes', /\[N, H, W, C\], not 3/, 'Conv', [random(1, [3, 9, 12]), filters], window, result(7)],
  ['filters of other channels', /do not fit 2 groups/, 'Conv', [x, filters], { group: 2, ...window }, result(7)],
  ['a short bias', /bias/, 'Conv', [x, filters, random(1, [6])], window, result(7)],
  ['no size', /'size' is missing/, 'Conv', [x, filters], strided, result(7)],
  ['a stride of 0', /must be positive/, 'Conv', [x, filters], { ...window, strides: [0, 1] }, result(7)],
  ['one pad', /'pads' must have two/, 'Conv', [x, filters], { ...window, pads: [1] }, result(7)],
  ['gradients of other channels', /do not fit/, 'ConvInputGrad', [random(1, result(6)), filters], backward, image],
  ['other numbers of images', /as many images/, 'ConvWeightGrad', [random(1, image.with(0, 2)), dy], window, [7, 12]],
  ['groups that do not split', /split/, 'ConvWeightGrad', [x, dy], { group: 5, ...window }, [7, 12]],
  ['no channels', /split/, 'ConvWeightGrad', [x, random(1, result(0))], { size: [3, 3], ...strided }, [0, 12, 3, 3]],
  ['no kernel', /'kernel' must be positive/, 'MaxPool', [x], window, result(12)],
  ['a pool without size', /'size' is missing/, 'AveragePool', [x], { kernel, ...strided }, result(12)],
  ['dy of another shape', /same shape/, 'MaxPoolGrad', [dy, x, random(1, result(12))], { kernel, ...strided }, image],
  ['y of other channels', /images and channels/, 'MaxPoolGrad', [dy, x, dy], { kernel, ...strided }, image],
];

describe('kernels of images refuse', () => {
  it.each(refusals)('%s', async (_, message, op, inputs, attrs, output) => {
    const { graph, feeds } = unchecked(op, inputs, attrs, output);
    await expect(runOn(device, graph, feeds)).rejects.toThrow(message);
  });
});
