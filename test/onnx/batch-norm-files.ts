// Files with BatchNormalization as the tests of reading them need them.

import { join } from 'node:path';
import type { AttrInput } from '#ortune/onnx/builder.js';
import type { NodeProto } from '#ortune/onnx/onnx_pb.js';
import type { Tensor } from '#ortune/onnx/tensor.js';
import { positive, x } from './opset-cases.js';
import { initializer, modelProto, node, value, writeModel } from './support.js';

let files = 0;

interface Built {
  nodes: NodeProto[];
  tensors: Record<string, Tensor>;
  outputs?: string[];
  opset?: number;
}

/** A model of x [2, 3, 4], as a file. */
export const buildIn =
  (directory: string) =>
  ({ nodes, tensors, outputs = ['y'], opset = 17 }: Built): string =>
    writeModel(
      join(directory, `${files++}.onnx`),
      modelProto({
        nodes,
        inputs: [value('x', 'float32', ['batch', 3, 4])],
        outputs: outputs.map((name) => value(name, 'float32', undefined)),
        initializers: Object.entries(tensors).map(([name, tensor]) => initializer(name, tensor)),
        opset,
      }),
    );
export const norm = (from: string, to: string | string[], tensors: string[], attrs: Record<string, AttrInput> = {}) =>
  node('BatchNormalization', [from, ...tensors], [to].flat(), attrs);
export const named = (layer: string) =>
  ['weight', 'bias', 'running_mean', 'running_var'].map((part) => `${layer}.${part}`);
export const trained = (layer: string): Record<string, Tensor> =>
  Object.fromEntries(named(layer).map((name, i) => [name, i < 3 ? x(3) : positive(3)]));
