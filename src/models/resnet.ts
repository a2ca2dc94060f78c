// Residual networks as torchvision defines them (bottlenecks with the stride in the 3x3 convolution).
// Source: He et al., Deep residual learning for image recognition (2015).

import {
  activate,
  add,
  type ConvolutionalContext,
  convNorm,
  dense,
  type Features,
  maxPool,
  pooledVector,
} from './convolutional.js';

export interface ResNet {
  block: 'basic' | 'bottleneck';
  /** Blocks of the four stages, whose widths are 64, 128, 256 and 512. */
  depths: readonly number[];
}

export const resnets = {
  resnet18: { block: 'basic', depths: [2, 2, 2, 2] },
  resnet50: { block: 'bottleneck', depths: [3, 4, 6, 3] },
} as const satisfies Record<string, ResNet>;

/** Output channels of a block over its width. */
export const expansion = { basic: 1, bottleneck: 4 };

/** The convolutions of a block of a width: kernel, channels, stride. */
const convolutions = {
  basic: (width: number, stride: number) => [
    { kernel: 3, channels: width, stride },
    { kernel: 3, channels: width },
  ],
  bottleneck: (width: number, stride: number) => [
    { channels: width },
    { kernel: 3, channels: width, stride },
    { channels: 4 * width },
  ],
};

function residual(
  c: ConvolutionalContext,
  module: string,
  x: Features,
  kind: ResNet['block'],
  width: number,
  stride: number,
) {
  let y = x;
  const rows = convolutions[kind](width, stride);
  for (const [i, row] of rows.entries()) {
    const modules = { conv: `${module}.conv${i + 1}`, norm: `${module}.bn${i + 1}`, activation: `${module}.relu` };
    y = convNorm(c, modules, y, { ...row, activation: i < rows.length - 1 ? 'Relu' : undefined });
  }
  const shortcut = { conv: `${module}.downsample.0`, norm: `${module}.downsample.1` };
  const same = stride === 1 && x.channels === y.channels;
  const skipped = same ? x : convNorm(c, shortcut, x, { channels: y.channels, stride });
  return activate(c, `${module}.relu`, 'Relu', add(c, module, y, skipped));
}

/** From images to logits. */
export function resnet(c: ConvolutionalContext, image: Features, { block, depths }: ResNet, classes: number): void {
  const stem = { conv: 'conv1', norm: 'bn1', activation: 'relu' };
  let x = convNorm(c, stem, image, { channels: 64, kernel: 7, stride: 2, activation: 'Relu' });
  x = maxPool(c, 'maxpool', x, { kernel: 3, stride: 2 });
  for (const [stage, depth] of depths.entries())
    for (let i = 0; i < depth; i++)
      x = residual(c, `layer${stage + 1}.${i}`, x, block, 64 * 2 ** stage, stage > 0 && i === 0 ? 2 : 1);
  dense(c, 'fc', pooledVector(c, x), { channels: classes, start: 'default', as: 'logits' });
}
