// What the runtime's CUDA provider lacks, refuses, or adds up in any order, in operators that it has: by the table of
// its kernels (test/fixtures/cuda) and the provider's source at 1.30. No machine of the project has run it; that every
// graph consists of kernels that are there is what test/lower/cuda-kernels.test.ts shows.

import type { Builder } from '../../onnx/builder.js';
import { add, cast, div, exp, indices, mean, mul, sqrt, sub, view } from '../../onnx/formulas.js';
import { attrFloat, attrInt, type Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { transposedWindow } from '../../onnx/shapes/windows.js';
import { elementCount } from '../../onnx/tensor.js';
import type { Definition, Form } from '../form.js';
import { unrolled } from '../recurrent/unrolled.js';
import { maxPoolGradByTaps } from './pooling.js';
import { averageOf, embeddingGrad, gatherND, mish, x0 } from './several.js';

/** max(x, 0) + α·(e^(min(x, 0)/α) − 1) */
const celu: Definition = (b, node) => {
  const x = x0(node);
  const alpha = attrFloat(node, 'alpha', 1);
  const below = b.op('Min', [x, b.scalar(b.type(x).dtype, 0)]);
  return [add(b, b.op('Relu', [x]), mul(b, sub(b, exp(b, mul(b, below, 1 / alpha)), 1), alpha))];
};

/** x̂ per image and group of channels, then a scale and a bias for each channel. */
const groupNormalization: Definition = (b, node) => {
  const [x, scale, bias] = node.inputs as [Value, Value, Value];
  const shape = b.shape(x);
  const groups = attrInt(node, 'num_groups', 1);
  const grouped = view(b, x, [shape[0]!, groups, elementCount(shape) / shape[0]! / groups]);
  const centred = sub(b, grouped, mean(b, grouped, [2]));
  const variance = mean(b, mul(b, centred, centred), [2]);
  const normal = div(b, centred, sqrt(b, add(b, variance, attrFloat(node, 'epsilon', 1e-5))));
  const beside = (value: Value): Value => view(b, value, [shape[1]!, ...shape.slice(2).map(() => 1)]);
  return [add(b, mul(b, view(b, normal, shape), beside(scale)), beside(bias))];
};

/**
 * cuDNN pads alike on both sides, and the provider leaves nodes with unequal pads or auto_pad to the CPU: padded by
 * the lesser pad of each axis, the rest is cut off.
 */
const convTranspose: Form = (b, node) => {
  const { before, after, out, strides, dilations } = transposedWindow(
    new TypeContext(b.graph, node),
    b.shape(node.inputs[1]!).slice(2),
  );
  if (before.every((pad, axis) => pad === after[axis]) && !node.attrs.has('auto_pad')) return undefined;
  const both = before.map((pad, axis) => Math.min(pad, after[axis]!));
  const extra = node.attrs.get('output_padding');
  const whole = b.op('ConvTranspose', node.inputs, {
    ...{ group: attrInt(node, 'group', 1), strides, dilations, pads: [...both, ...both] },
    ...(extra && { output_padding: extra.value as number[] }),
  });
  return [
    cutTo(
      b,
      whole,
      before.map((pad, axis) => pad - both[axis]!),
      out,
    ),
  ];
};

/** What starts so far into the spatial axes. */
function cutTo(b: Builder, x: Value, starts: readonly number[], size: readonly number[]): Value {
  const ends = starts.map((start, axis) => start + size[axis]!);
  return b.op('Slice', [x, b.ints(starts), b.ints(ends), b.ints(indices(starts.length).map((axis) => axis + 2))]);
}

/** By operator; see `lower`. */
export const cudaForms: ReadonlyMap<string, Form> = new Map(
  Object.entries({
    CastLike: (b, node) => [cast(b, x0(node), b.type(node.inputs[1]!).dtype)],
    Celu: celu,
    ConvTranspose: convTranspose,
    GatherND: gatherND,
    GroupNormalization: groupNormalization,
    Mean: averageOf,
    ...unrolled,
    Mish: mish,
    'ortune.EmbeddingGrad': embeddingGrad,
    'ortune.MaxPoolScatter': maxPoolGradByTaps,
  } satisfies Record<string, Form>),
);
