// Geometry of operators that slide a window over the spatial axes of [N, C, …spatial]: convolutions and pooling.
// Padding is resolved to numbers here once (auto_pad, ceil_mode, output_shape), and gradient rules read the same
// numbers. Per axis: out = (in + before + after − extent) / stride + 1, extent = (kernel − 1) · dilation + 1.

import { quote } from '../../quote.js';
import { OverBudget } from '../budget.js';
import { elementCount } from '../tensor.js';
import type { TypeContext, TypeRule, TypeTable } from './context.js';

/** One number per spatial axis in each list. */
export interface Window {
  kernel: readonly number[];
  strides: readonly number[];
  dilations: readonly number[];
  before: readonly number[];
  after: readonly number[];
  /** Spatial shape of the input and of the output. */
  from: readonly number[];
  out: readonly number[];
}

/** What a place of a window takes of the budget: gradients of pooling list them. */
const bytesPerPlace = 64;

/** Pads before an axis that needs `total`: the odd one goes to the end for SAME_UPPER, else to the beginning. */
const headOf = (total: number, mode: string): number =>
  mode === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);

interface Attributes extends Pick<Window, 'kernel' | 'strides' | 'dilations' | 'from'> {
  pads: readonly number[];
  mode: string;
  extent: readonly number[];
}

/** The attributes of a window with their defaults, checked for their number. */
function attributesOf(c: TypeContext, kernel: readonly number[]): Attributes {
  const from = c.shape(0).slice(2);
  const listed = (name: string, fallback: number, length = from.length): number[] => {
    const given = c.ints(name) ?? Array.from({ length }, () => fallback);
    if (given.length !== length) c.fail(`attribute ${quote(name)} has ${given.length} entries, expected ${length}`);
    return given;
  };
  if (from.length === 0 || kernel.length !== from.length)
    c.fail(`a window of ${kernel.length} axes does not slide over an input [${c.shape(0)}]`);
  const dilations = listed('dilations', 1);
  const extent = kernel.map((k, i) => (k - 1) * dilations[i]! + 1);
  if (elementCount(kernel) * bytesPerPlace > c.graph.maxBytes)
    c.fail(`a window of [${kernel}] has more places than maxGraphMemory allows`, OverBudget);
  const mode = String(c.node.attrs.get('auto_pad')?.value ?? 'NOTSET');
  return {
    from,
    kernel,
    dilations,
    extent,
    mode,
    strides: listed('strides', 1),
    pads: listed('pads', 0, kernel.length * 2),
  };
}

/** The window of a convolution or of a pooling operator. A window that starts behind the input is no window. */
export function windowOf(c: TypeContext, kernel: readonly number[]): Window {
  const { from, strides, dilations, pads, mode, extent } = attributesOf(c, kernel);
  const ceil = c.int('ceil_mode', 0) !== 0;
  const axes = from.map((d, i) => {
    const [stride, size] = [strides[i]!, extent[i]!];
    if (mode.startsWith('SAME')) {
      const out = Math.ceil(d / stride);
      const total = Math.max(0, (out - 1) * stride + size - d);
      const before = headOf(total, mode);
      return { before, after: total - before, out };
    }
    const [before, after] = mode === 'VALID' ? [0, 0] : [pads[i]!, pads[i + from.length]!];
    const steps = (d + before + after - size) / stride;
    // A pool's only window may hang over the end, as the windows of ceil_mode do.
    if (steps < 0 && !(ceil && steps > -1))
      c.fail(`a window of ${size} is larger than the padded axis of ${d + before + after}`);
    const out = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    return { before, after, out: ceil && (out - 1) * stride >= d + before ? out - 1 : out };
  });
  const [before, after, out] = [axes.map((a) => a.before), axes.map((a) => a.after), axes.map((a) => a.out)];
  return { kernel, strides, dilations, before, after, from, out };
}

/** The window of a transposed convolution; its output is what a convolution with these numbers would read. */
export function transposedWindow(c: TypeContext, kernel: readonly number[]): Window {
  const { from, strides, dilations, pads, mode, extent } = attributesOf(c, kernel);
  const extra = c.ints('output_padding') ?? from.map(() => 0);
  const wanted = c.ints('output_shape')?.slice(-from.length);
  const axes = from.map((d, i) => {
    const stride = strides[i]!;
    const whole = stride * (d - 1) + extra[i]! + extent[i]!;
    const same = mode.startsWith('SAME');
    const target = wanted?.[i] ?? (same ? d * stride : undefined);
    if (target === undefined) {
      const [before, after] = mode === 'VALID' ? [0, 0] : [pads[i]!, pads[i + from.length]!];
      return { before, after, out: whole - before - after };
    }
    if (target > whole) c.fail(`an axis of ${d} becomes at most ${whole}, which is less than the wanted ${target}`);
    const before = headOf(whole - target, mode);
    return { before, after: whole - target - before, out: target };
  });
  const [before, after, out] = [axes.map((a) => a.before), axes.map((a) => a.after), axes.map((a) => a.out)];
  return { kernel, strides, dilations, before, after, from, out };
}

/** The pooling window, whose kernel is an attribute. */
export const poolWindow = (c: TypeContext): Window =>
  windowOf(c, c.ints('kernel_shape') ?? c.fail("attribute 'kernel_shape' is missing"));

/** The bias of a convolution, and a kernel_shape that the file states although the weights say it. */
function checkBias(c: TypeContext, channels: number): void {
  if (c.has(2) && (c.shape(2).length !== 1 || c.shape(2)[0] !== channels))
    c.fail(`the bias [${c.shape(2)}] must have ${channels} entries`);
  const stated = c.ints('kernel_shape');
  const kernel = c.shape(1).slice(2);
  if (stated && (stated.length !== kernel.length || stated.some((k, i) => k !== kernel[i])))
    c.fail(`attribute 'kernel_shape' is [${stated}], the weights have [${kernel}]`);
}

/** x [N, C, …], weight [M, C/group, …kernel] → [N, M, …]. */
const conv: TypeRule = (c) => {
  const [x, weight] = [c.shape(0), c.shape(1)];
  const group = c.int('group', 1);
  if (x[1] !== weight[1]! * group || weight[0]! % group !== 0)
    c.fail(`weights [${weight}] in ${group} groups do not fit an input [${x}]`);
  checkBias(c, weight[0]!);
  const dtype = c.sameDtype(0, c.has(2) ? 2 : 1);
  return [{ dtype, shape: [x[0]!, weight[0]!, ...windowOf(c, weight.slice(2)).out] }];
};

/** x [N, C, …], weight [C, M/group, …kernel] → [N, M, …]. */
const convTranspose: TypeRule = (c) => {
  const [x, weight] = [c.shape(0), c.shape(1)];
  const group = c.int('group', 1);
  if (x[1] !== weight[0] || weight[0]! % group !== 0)
    c.fail(`weights [${weight}] in ${group} groups do not fit an input [${x}]`);
  checkBias(c, weight[1]! * group);
  const dtype = c.sameDtype(0, c.has(2) ? 2 : 1);
  return [{ dtype, shape: [x[0]!, weight[1]! * group, ...transposedWindow(c, weight.slice(2)).out] }];
};

const pool: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  const out = [...shape.slice(0, 2), ...poolWindow(c).out];
  return [
    { dtype, shape: out },
    { dtype: 'int64', shape: out },
  ];
};

const globalPool: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  return [{ dtype, shape: shape.map((d, i) => (i < 2 ? d : 1)) }];
};

/** Per-channel parameters from input `first` on must have C entries. */
function checkChannels(c: TypeContext, first: number, last: number): void {
  const channels = c.shape(0)[1] ?? c.fail(`the input [${c.shape(0)}] has no channels`);
  for (let i = first; i <= last; i++)
    if (elementCount(c.shape(i)) !== channels) c.fail(`input ${i} [${c.shape(i)}] must have ${channels} channels`);
}

/** y, and in training mode the running mean and variance. */
const batchNormalization: TypeRule = (c) => {
  checkChannels(c, 1, 4);
  return [c.type(0), c.type(3), c.type(4)];
};

const perChannel: TypeRule = (c) => {
  checkChannels(c, 1, 2);
  return [c.type(0)];
};

export const windows: TypeTable = {
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: pool,
  AveragePool: (c) => pool(c).slice(0, 1),
  LpPool: (c) => pool(c).slice(0, 1),
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
  BatchNormalization: batchNormalization,
  InstanceNormalization: perChannel,
  GroupNormalization: perChannel,
};
