// What the operators over channels-last images mean, in standard operators: the same operator over [N, C, H, W] between
// transposes.

import type { AttrInput, Builder } from '../../onnx/builder.js';
import { convolveBack, weightGrad } from '../../onnx/formulas/convolution.js';
import { averagePoolGrad, maxPoolGrad } from '../../onnx/formulas/pooling.js';
import { transpose } from '../../onnx/formulas.js';
import { attrInt, attrInts, type Node, type Value } from '../../onnx/graph.js';
import type { Window } from '../../onnx/shapes/windows.js';
import type { Definition } from '../form.js';

const first = (b: Builder, x: Value): Value => transpose(b, x, [0, 3, 1, 2]);
const last = (b: Builder, x: Value): Value => transpose(b, x, [0, 2, 3, 1]);

const spatial = (b: Builder, image: Value): readonly number[] => b.shape(image).slice(1, 3);
const pair = (node: Node, name: string, fallback: number): number[] => attrInts(node, name) ?? [fallback, fallback];
const size = (node: Node): number[] => pair(node, 'size', 0);
const group = (node: Node): number => attrInt(node, 'group', 1);

/** The window of a node between an image and a result of these heights and widths. */
function windowBetween(
  node: Node,
  from: readonly number[],
  out: readonly number[],
  kernel: readonly number[] = pair(node, 'kernel', 1),
): Window {
  const [strides, dilations, before] = [pair(node, 'strides', 1), pair(node, 'dilations', 1), pair(node, 'pads', 0)];
  const end = (i: number): number => (out[i]! - 1) * strides[i]! + (kernel[i]! - 1) * dilations[i]! + 1;
  const after = from.map((d, i) => Math.max(0, end(i) - d - before[i]!));
  return { kernel, strides, dilations, before, after, from, out };
}

const attributes = ({ strides, dilations, before, after }: Window) => ({
  strides,
  dilations,
  pads: [...before, ...after],
});

const conv: Definition = (b, node) => {
  const [x, weight, ...bias] = node.inputs as [Value, Value, ...Value[]];
  const window = windowBetween(node, spatial(b, x), size(node), b.shape(weight).slice(2));
  return [last(b, b.op('Conv', [first(b, x), weight, ...bias], { group: group(node), ...attributes(window) }))];
};

const convInputGrad: Definition = (b, node) => {
  const [dy, weight] = node.inputs as [Value, Value];
  const window = windowBetween(node, size(node), spatial(b, dy), b.shape(weight).slice(2));
  return [last(b, convolveBack(b, first(b, dy), weight, window, group(node)))];
};

const convWeightGrad: Definition = (b, node) => {
  const [x, dy] = node.inputs as [Value, Value];
  const window = windowBetween(node, spatial(b, x), spatial(b, dy), size(node));
  const dbias = (): Value => b.op('ReduceSum', [dy, b.ints([0, 1, 2])], { keepdims: 0 });
  return [
    node.outputs[0] ? weightGrad(b, first(b, x), first(b, dy), window, group(node)) : '',
    node.outputs[1] ? dbias() : '',
  ];
};

const pool =
  (op: 'MaxPool' | 'AveragePool'): Definition =>
  (b, node) => {
    const x = node.inputs[0]!;
    const window = windowBetween(node, spatial(b, x), size(node));
    const attrs: Record<string, AttrInput> = { kernel_shape: window.kernel, ...attributes(window) };
    if (op === 'AveragePool') attrs.count_include_pad = attrInt(node, 'count_include_pad', 0);
    return [last(b, b.op(op, [first(b, x)], attrs))];
  };

const maxPoolGradient: Definition = (b, node) => {
  const [dy, x, y] = node.inputs as [Value, Value, Value];
  const window = windowBetween(node, spatial(b, x), spatial(b, y));
  const attrs = { kernel_shape: window.kernel, ...attributes(window) };
  const image = first(b, x);
  const places = b.ops('MaxPool', [image], attrs, { outputs: 2 })[1]!;
  return [last(b, maxPoolGrad(b, first(b, dy), places, b.shape(image)))];
};

const averagePoolGradient: Definition = (b, node) => {
  const dy = node.inputs[0]!;
  const window = windowBetween(node, size(node), spatial(b, dy));
  const padded = attrInt(node, 'count_include_pad', 0) !== 0;
  const [n, , , channels] = b.shape(dy) as [number, number, number, number];
  return [last(b, averagePoolGrad(b, first(b, dy), window, padded, [n, channels, ...size(node)]))];
};

export const channelsLast: Readonly<Record<string, Definition>> = {
  'ortune.Conv': conv,
  'ortune.ConvInputGrad': convInputGrad,
  'ortune.ConvWeightGrad': convWeightGrad,
  'ortune.MaxPool': pool('MaxPool'),
  'ortune.MaxPoolGrad': maxPoolGradient,
  'ortune.AveragePool': pool('AveragePool'),
  'ortune.AveragePoolGrad': averagePoolGradient,
};
