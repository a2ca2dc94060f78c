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

export interface ResNetSize {
  /**
   * Blocks of each stage; a stage is twice as wide as the one before it and, but for the first, halves height and
   * width.
   */
  depths: readonly number[];
  /** Of the first stage; default 64. */
  width: number;
  /**
   * 'imagenet': a 7x7 convolution and a pooling, which divide height and width by 4. 'small': a 3x3 convolution, by 2.
   */
  stem: 'imagenet' | 'small';
}

export interface ResNet extends ResNetSize {
  block: 'basic' | 'bottleneck';
}

export const resnets = {
  resnet18: { block: 'basic', depths: [2, 2, 2, 2], width: 64, stem: 'imagenet' },
  resnet50: { block: 'bottleneck', depths: [3, 4, 6, 3], width: 64, stem: 'imagenet' },
} as const satisfies Record<string, ResNet>;

/** Width of every stage before expansion. */
export const stageWidths = ({ depths, width }: ResNetSize): number[] => depths.map((_, stage) => width * 2 ** stage);

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
export function resnet(c: ConvolutionalContext, image: Features, size: ResNet, classes: number): void {
  const { block, depths, width, stem } = size;
  const modules = { conv: 'conv1', norm: 'bn1', activation: 'relu' };
  const kernel = stem === 'imagenet' ? 7 : 3;
  let x = convNorm(c, modules, image, { channels: width, kernel, stride: 2, activation: 'Relu' });
  if (stem === 'imagenet') x = maxPool(c, 'maxpool', x, { kernel: 3, stride: 2 });
  for (const [stage, channels] of stageWidths(size).entries())
    for (let i = 0; i < depths[stage]!; i++)
      x = residual(c, `layer${stage + 1}.${i}`, x, block, channels, stage > 0 && i === 0 ? 2 : 1);
  dense(c, 'fc', pooledVector(c, x), { channels: classes, start: 'default', as: 'logits' });
}
