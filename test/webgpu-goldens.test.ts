// The derived training graph against PyTorch on WebGPU, in standard operators alone: loss and every gradient as on the
// CPU, and the first losses of the optimizer, whose update is a graph on the device too. One family for each thing that
// the provider lacks or has otherwise; parameters, gradients and moments lie in its buffers.

import { afterAll, beforeAll, it } from 'vitest';
import { type Device, openDevice } from '#ortune/runtime/session.js';
import { comparePictures, compareText } from './device-golden.js';
import { type Fixture, readGolden } from './golden.js';
import { describeWebgpu } from './support/webgpu.js';
import { readVisionGolden } from './vision-golden.js';

let device: Device;

const texts: Fixture[] = [
  { kind: 'encoders', family: 'bert', exporter: 'torchscript' },
  { kind: 'encoders', family: 'roberta', exporter: 'torchscript' }, // GatherElements of whole numbers
  { kind: 'encoders', family: 'mpnet', exporter: 'dynamo' }, // GatherND, buckets of relative positions
  { kind: 'masked-lm', family: 'bert-pretraining', exporter: 'dynamo' },
];

// Overlapping and whole windows of maxima, transposed and depthwise convolutions, windows of attention.
const pictures = [
  'resnet-dynamo',
  'squeezenet-opset9',
  'unet-dynamo',
  'mobile-in-paddle2onnx-style-opset9',
  'vit-timm-opset17',
];

describeWebgpu('on WebGPU', () => {
  beforeAll(async () => {
    device = await openDevice('webgpu');
  });
  afterAll(() => device.close());

  it.each(texts)('$family of $kind from the $exporter exporter trains as in PyTorch', (fixture) =>
    compareText(device, readGolden(fixture)),
  );

  it.each(pictures)('%s trains as in PyTorch', (name) => comparePictures(device, readVisionGolden(name)));
});
