// Output types of operators that few models have: losses inside of exports, columns and images, windows of signals, and
// selections whose size a constant decides.

import { elementCount } from '../tensor.js';
import type { TypeContext, TypeRule, TypeTable } from './context.js';
import { dtypeAttr } from './elementwise.js';

/** The loss, and the log probabilities where the operator gives them. */
const loss: TypeRule = (c) => {
  const [scores, target] = [c.shape(0), c.shape(1)];
  if (scores.length < 2 || [scores[0], ...scores.slice(2)].join() !== target.join())
    c.fail(`targets [${target}] do not fit scores [${scores}]`);
  if (c.has(2) && c.shape(2).join() !== `${scores[1]}`) c.fail(`weights [${c.shape(2)}] of ${scores[1]} classes`);
  const dtype = c.dtype(0);
  const whole = String(c.node.attrs.get('reduction')?.value ?? 'mean') !== 'none';
  return [{ dtype, shape: whole ? [] : target }, c.type(0)];
};

/** Columns [N, C · places of a block, blocks] become images [N, C, …]. */
const col2Im: TypeRule = (c) => {
  const [image, block] = [c.values(1), c.values(2)];
  const [n, rows] = c.shape(0);
  const channels = rows! / elementCount(block);
  if (c.shape(0).length !== 3 || image.length !== block.length || !Number.isInteger(channels))
    c.fail(`columns [${c.shape(0)}] of blocks [${block}] do not make images [${image}]`);
  return [{ dtype: c.dtype(0), shape: [n!, channels, ...image] }];
};

const det: TypeRule = (c) => {
  const shape = c.shape(0);
  if (shape.length < 2 || shape.at(-1) !== shape.at(-2)) c.fail(`[${shape}] are no square matrices`);
  return [{ dtype: c.dtype(0), shape: shape.slice(0, -2) }];
};

const maxUnpool: TypeRule = (c) => {
  const { dtype, shape } = c.type(0);
  if (c.has(2)) return [{ dtype, shape: c.values(2) }];
  const spatial = shape.slice(2);
  const kernel = c.ints('kernel_shape') ?? c.fail("attribute 'kernel_shape' is missing");
  const strides = c.ints('strides') ?? spatial.map(() => 1);
  const pads = c.ints('pads') ?? [...spatial, ...spatial].map(() => 0);
  const out = spatial.map((d, i) => (d - 1) * strides[i]! + kernel[i]! - pads[i]! - pads[i + spatial.length]!);
  return [{ dtype, shape: [...shape.slice(0, 2), ...out] }];
};

/** Positions along the axis, or in the flattened input, that a constant condition keeps. */
export function keptPlaces(c: TypeContext): { axis: number | undefined; places: number[] } {
  const shape = c.shape(0);
  const axis = c.node.attrs.has('axis') ? c.axis(c.int('axis', 0), shape.length) : undefined;
  const length = axis === undefined ? elementCount(shape) : shape[axis]!;
  const places = c.values(1).flatMap((keep, i) => (keep ? [i] : []));
  if (places.some((place) => place >= length)) c.fail(`it keeps more than the ${length} there are`);
  return { axis, places };
}

const compress: TypeRule = (c) => {
  const { axis, places } = keptPlaces(c);
  const { dtype, shape } = c.type(0);
  return [{ dtype, shape: axis === undefined ? [places.length] : shape.with(axis, places.length) }];
};

/** Elements around the middle that each axis loses (negative) or gets. */
export function cropOrPad(c: TypeContext): { axis: number; before: number; after: number }[] {
  const shape = c.shape(0);
  const axes = c.ints('axes')?.map((axis) => c.axis(axis, shape.length)) ?? shape.map((_, i) => i);
  const wanted = c.values(1);
  if (wanted.length !== axes.length) c.fail(`sizes [${wanted}] of ${axes.length} axes`);
  return axes.map((axis, i) => {
    const more = wanted[i]! - shape[axis]!;
    const before = Math.trunc(more / 2);
    return { axis, before, after: more - before };
  });
}

const centerCropPad: TypeRule = (c) => {
  const shape = [...c.shape(0)];
  for (const { axis, before, after } of cropOrPad(c)) shape[axis]! += before + after;
  return [{ dtype: c.dtype(0), shape }];
};

/** Of a window of a signal, whose size is a constant. */
const windowOfSignal: TypeRule = (c) => [
  { dtype: dtypeAttr(c, 'output_datatype', 'float32'), shape: [c.values(0)[0]!] },
];

const reverseSequence: TypeRule = (c) => {
  const shape = c.shape(0);
  const [batch, time] = [c.axis(c.int('batch_axis', 1), shape.length), c.axis(c.int('time_axis', 0), shape.length)];
  if (batch === time || c.shape(1).join() !== `${shape[batch]}`)
    c.fail(`lengths [${c.shape(1)}] do not fit [${shape}] with its batch along axis ${batch}`);
  return [c.type(0)];
};

const multinomial: TypeRule = (c) => [
  { dtype: dtypeAttr(c, 'dtype', 'int32'), shape: [c.shape(0)[0]!, c.int('sample_size', 1)] },
];

const melWeights: TypeRule = (c) => {
  const [bins, length] = [c.values(0)[0]!, c.values(1)[0]!];
  return [{ dtype: dtypeAttr(c, 'output_datatype', 'float32'), shape: [Math.floor(length / 2) + 1, bins] }];
};

export const further: TypeTable = {
  NegativeLogLikelihoodLoss: (c) => loss(c).slice(0, 1),
  SoftmaxCrossEntropyLoss: loss,
  Col2Im: col2Im,
  Det: det,
  MaxUnpool: maxUnpool,
  Compress: compress,
  CenterCropPad: centerCropPad,
  ReverseSequence: reverseSequence,
  HannWindow: windowOfSignal,
  HammingWindow: windowOfSignal,
  BlackmanWindow: windowOfSignal,
  MelWeightMatrix: melWeights,
  Multinomial: multinomial,
};
