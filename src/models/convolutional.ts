// The layers that convolutional networks are made of, written as PyTorch's TorchScript exporter writes torchvision's
// modules in training form: batch normalisation stays a node of its own, so that it can be trained. Weights are named
// and initialised as in torchvision. What a network is made of stands in the file of its name.

import { type AttrInput, float } from '../onnx/builder.js';
import type { WeightStream } from './normal.js';
import type { TorchScriptWriter } from './torchscript.js';

/** Feature maps [B, channels, H, W], or vectors [B, channels]. */
export interface Features {
  value: string;
  channels: number;
}

export type Activation = 'Relu' | 'Relu6' | 'HardSwish' | 'HardSigmoid';

export interface ConvolutionalContext {
  w: TorchScriptWriter;
  draw: WeightStream;
  /** Of every batch normalisation; `momentum` is the share of the batch, as PyTorch has it (ONNX has the rest). */
  norm: { epsilon: number; momentum: number };
}

export interface ConvolutionOptions {
  channels: number;
  kernel?: number;
  stride?: number;
  padding?: number;
  groups?: number;
  bias?: boolean;
  /** Of the initial weights; default He et al.'s for the outputs (PyTorch's kaiming_normal_, fan_out). */
  deviation?: number;
}

/** 'features.1.conv.0' -> '/features/features.1/conv/conv.0': a member of a Sequential is named after it. */
export function scopeOf(module: string): string {
  const path: string[] = [];
  for (const part of module.split('.')) path.push(/^\d+$/.test(part) ? `${path.at(-1)}.${part}` : part);
  return `/${path.join('/')}`;
}

export function conv(c: ConvolutionalContext, module: string, x: Features, options: ConvolutionOptions): Features {
  const { channels, kernel = 1, stride = 1, padding = kernel >> 1, groups = 1, bias = false } = options;
  const { deviation = Math.sqrt(2 / (channels * kernel * kernel)) } = options;
  const shape = [channels, x.channels / groups, kernel, kernel];
  const weight = c.draw.normal(shape[0]! * shape[1]! * kernel * kernel, deviation);
  const inputs = [x.value, c.w.weight(`${module}.weight`, shape, weight)];
  if (bias) inputs.push(c.w.weight(`${module}.bias`, [channels], new Float32Array(channels)));
  const value = c.w.op(scopeOf(module), 'Conv', inputs, {
    dilations: [1, 1],
    group: groups,
    kernel_shape: [kernel, kernel],
    pads: Array(4).fill(padding),
    strides: [stride, stride],
  });
  return { value, channels };
}

function batchNorm({ w, norm }: ConvolutionalContext, module: string, { value, channels }: Features): Features {
  const filled = (name: string, x: number) =>
    w.weight(`${module}.${name}`, [channels], new Float32Array(channels).fill(x));
  const inputs = [value, filled('weight', 1), filled('bias', 0), filled('running_mean', 0), filled('running_var', 1)];
  const attributes = { epsilon: float(norm.epsilon), momentum: float(1 - norm.momentum), training_mode: 0 };
  return { value: w.op(scopeOf(module), 'BatchNormalization', inputs, attributes), channels };
}

export function activate({ w }: ConvolutionalContext, module: string, kind: Activation, x: Features): Features {
  const scope = scopeOf(module);
  const { value, channels } = x;
  if (kind === 'Relu6')
    return { value: w.op(scope, 'Clip', [value, w.scalar(scope, 0), w.scalar(scope, 6)]), channels };
  const attributes: Record<string, AttrInput> = kind === 'HardSigmoid' ? { alpha: float(1 / 6), beta: float(0.5) } : {};
  return { value: w.op(scope, kind, [value], attributes), channels };
}

/**
 * Where convolution, normalisation and activation are among the modules: those of a torchvision Conv2dNormActivation.
 */
export const unit = (module: string) => ({ conv: `${module}.0`, norm: `${module}.1`, activation: `${module}.2` });

/** Convolution, batch normalisation and, where one is named, activation. */
export function convNorm(
  c: ConvolutionalContext,
  modules: { conv: string; norm: string; activation?: string },
  x: Features,
  options: ConvolutionOptions & { activation?: Activation | undefined },
): Features {
  const normed = batchNorm(c, modules.norm, conv(c, modules.conv, x, options));
  const { activation } = options;
  return activation ? activate(c, modules.activation!, activation, normed) : normed;
}

/** Squeeze and excitation: every channel scaled by a function of all channels' means. Source: Hu et al. (2018). */
export function squeezeExcite(c: ConvolutionalContext, module: string, x: Features, squeezed: number): Features {
  const mean = averagePool(c, `${module}.avgpool`, x);
  const narrow = conv(c, `${module}.fc1`, mean, { channels: squeezed, bias: true });
  const active = activate(c, `${module}.activation`, 'Relu', narrow);
  const wide = conv(c, `${module}.fc2`, active, { channels: x.channels, bias: true });
  const scale = activate(c, `${module}.scale_activation`, 'HardSigmoid', wide);
  return { value: c.w.op(scopeOf(module), 'Mul', [scale.value, x.value]), channels: x.channels };
}

export const averagePool = ({ w }: ConvolutionalContext, module: string, { value, channels }: Features): Features => ({
  value: w.op(scopeOf(module), 'GlobalAveragePool', [value]),
  channels,
});

export const add = ({ w }: ConvolutionalContext, module: string, a: Features, b: Features): Features => ({
  value: w.op(scopeOf(module), 'Add', [a.value, b.value]),
  channels: a.channels,
});

/** The mean of every channel: [B, C, H, W] -> [B, C]. */
export function pooledVector(c: ConvolutionalContext, x: Features): Features {
  return { ...x, value: c.w.op('', 'Flatten', [averagePool(c, 'avgpool', x).value], { axis: 1 }) };
}

/** x[B, in] -> [B, out]. `start`: normal(0, deviation) and biases 0, or PyTorch's default for nn.Linear. */
export function dense(
  { w, draw }: ConvolutionalContext,
  module: string,
  x: Features,
  options: { channels: number; start: { deviation: number } | 'default'; as?: string },
): Features {
  const { channels, start, as } = options;
  const size = channels * x.channels;
  const bound = 1 / Math.sqrt(x.channels);
  const [weight, bias] =
    start === 'default'
      ? [draw.uniform(size, bound), draw.uniform(channels, bound)]
      : [draw.normal(size, start.deviation), new Float32Array(channels)];
  const inputs = [
    x.value,
    w.weight(`${module}.weight`, [channels, x.channels], weight),
    w.weight(`${module}.bias`, [channels], bias),
  ];
  const attributes = { alpha: float(1), beta: float(1), transB: 1 };
  return { value: w.op(scopeOf(module), 'Gemm', inputs, attributes, as), channels };
}

/** Largest of every `kernel` x `kernel` window. */
export const maxPool = (
  { w }: ConvolutionalContext,
  module: string,
  { value, channels }: Features,
  { kernel, stride }: { kernel: number; stride: number },
): Features => ({
  value: w.op(scopeOf(module), 'MaxPool', [value], {
    ceil_mode: 0,
    dilations: [1, 1],
    kernel_shape: [kernel, kernel],
    pads: Array(4).fill(kernel >> 1),
    strides: [stride, stride],
  }),
  channels,
});
