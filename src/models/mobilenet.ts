// MobileNetV2 and MobileNetV3-small as torchvision defines them: one inverted residual block for both.
// Sources: Sandler et al., MobileNetV2 (2018); Howard et al., Searching for MobileNetV3 (2019).

import {
  type Activation,
  activate,
  add,
  type ConvolutionalContext,
  convNorm,
  dense,
  type Features,
  pooledVector,
  squeezeExcite,
  unit,
} from './convolutional.js';

interface Block {
  kernel: number;
  /** Channels between the pointwise convolutions. */
  expanded: number;
  channels: number;
  stride: number;
  activation: Activation;
  squeezed?: number | undefined;
}

/** The multiple of 8 nearest to a number of channels, and not under 90 % of it. */
function roundChannels(channels: number): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}

/**
 * Pointwise convolution to `expanded` channels, depthwise one, squeeze and excitation, pointwise one to `channels`; and
 * the input again where the shapes are the same. `list` is the Sequential that holds these; `flat`: the last
 * convolution and normalisation are members of it themselves, as in MobileNetV2.
 */
function invertedResidual(
  c: ConvolutionalContext,
  module: string,
  x: Features,
  block: Block,
  list: string,
  flat: boolean,
) {
  const { kernel, expanded, channels, stride, activation, squeezed } = block;
  let members = 0;
  const next = () => `${module}.${list}.${members++}`;
  let y = x;
  if (expanded !== x.channels) y = convNorm(c, unit(next()), y, { channels: expanded, activation });
  y = convNorm(c, unit(next()), y, { channels: expanded, kernel, stride, groups: expanded, activation });
  if (squeezed !== undefined) y = squeezeExcite(c, next(), y, squeezed);
  y = convNorm(c, flat ? { conv: next(), norm: next() } : unit(next()), y, { channels });
  return stride === 1 && x.channels === channels ? add(c, module, x, y) : y;
}

/** Expansion, channels, repetitions, stride of the first. */
const stagesV2 = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** From images to logits. */
export function mobilenetV2(c: ConvolutionalContext, image: Features, classes: number): void {
  const activation = 'Relu6';
  let layer = 0;
  const next = () => `features.${layer++}`;
  let x = convNorm(c, unit(next()), image, { channels: 32, kernel: 3, stride: 2, activation });
  for (const [expansion, channels, repetitions, first] of stagesV2)
    for (let i = 0; i < repetitions; i++) {
      const block = {
        kernel: 3,
        expanded: expansion * x.channels,
        channels,
        stride: i === 0 ? first : 1,
        activation,
      } as const;
      x = invertedResidual(c, next(), x, block, 'conv', true);
    }
  x = convNorm(c, unit(next()), x, { channels: 1280, activation });
  dense(c, 'classifier.1', pooledVector(c, x), { channels: classes, start: { deviation: 0.01 }, as: 'logits' });
}

/** Kernel, expanded channels, channels, squeeze and excitation, activation, stride. */
const blocksV3Small = [
  [3, 16, 16, true, 'Relu', 2],
  [3, 72, 24, false, 'Relu', 2],
  [3, 88, 24, false, 'Relu', 1],
  [5, 96, 40, true, 'HardSwish', 2],
  [5, 240, 40, true, 'HardSwish', 1],
  [5, 240, 40, true, 'HardSwish', 1],
  [5, 120, 48, true, 'HardSwish', 1],
  [5, 144, 48, true, 'HardSwish', 1],
  [5, 288, 96, true, 'HardSwish', 2],
  [5, 576, 96, true, 'HardSwish', 1],
  [5, 576, 96, true, 'HardSwish', 1],
] as const;

/** From images to logits. */
export function mobilenetV3Small(c: ConvolutionalContext, image: Features, classes: number): void {
  const hardSwish = 'HardSwish';
  const start = { deviation: 0.01 };
  let x = convNorm(c, unit('features.0'), image, { channels: 16, kernel: 3, stride: 2, activation: hardSwish });
  for (const [i, [kernel, expanded, channels, squeezes, activation, stride]] of blocksV3Small.entries()) {
    const squeezed = squeezes ? roundChannels(expanded / 4) : undefined;
    const block = { kernel, expanded, channels, stride, activation, squeezed };
    x = invertedResidual(c, `features.${i + 1}`, x, block, 'block', false);
  }
  x = convNorm(c, unit('features.12'), x, { channels: 6 * x.channels, activation: hardSwish });
  const wide = dense(c, 'classifier.0', pooledVector(c, x), { channels: 1024, start });
  dense(c, 'classifier.3', activate(c, 'classifier.1', hardSwish, wide), { channels: classes, start, as: 'logits' });
}
