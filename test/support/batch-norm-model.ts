// A small classifier of texts with BatchNormalization over its channels, as an exporter writes it: word embedding,
// convolution and BatchNormalization twice, mean over the tokens, linear layer. StepBuffers the files of another model.

import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { float } from '#ortune/onnx/builder.js';
import type { NodeProto } from '#ortune/onnx/onnx_pb.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { normals } from '#ortune/random.js';
import { initializer, modelProto, node, value, writeModel } from '../onnx/support.js';

const [vocabulary, width] = [128, 24];

export interface Options {
  /** Outputs and attributes of a BatchNormalization, as the mode of the export has them. */
  batchNorm?: (name: string, x: string, tensors: string[]) => NodeProto;
  opset?: number;
}

export const momentum = 0.75;

/** Layer bn2 reads the statistics of bn1 where `shared`. */
const inference = (name: string, x: string, tensors: string[]): NodeProto =>
  node(
    'BatchNormalization',
    [x, ...tensors],
    [`${name}.y`],
    { epsilon: float(1e-5), momentum: float(momentum) },
    { name: `/${name}/BatchNormalization` },
  );

/**
 * Writes the model into `directory`, with tokenizer and configuration of the model in `beside`; returns `directory`.
 */
export function writeBatchNormModel(
  beside: string,
  directory: string,
  { batchNorm = inference, opset = 17 }: Options = {},
): string {
  mkdirSync(join(directory, 'onnx'), { recursive: true });
  for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
    copyFileSync(join(beside, file), join(directory, file));
  let stream = 0;
  const drawn = (name: string, shape: number[], centre = 0, deviation = 1) => {
    const values = normals(
      3,
      stream++,
      shape.reduce((n, d) => n * d, 1),
      deviation,
    );
    return initializer(
      name,
      Tensor.of(
        'float32',
        values.map((v) => centre + v),
        shape,
      ),
    );
  };
  const uniform = (name: string, n: number) => initializer(name, Tensor.of('float32', new Float32Array(width).fill(n)));
  const layer = (name: string) => ['weight', 'bias', 'running_mean', 'running_var'].map((part) => `${name}.${part}`);
  const nodes = [
    node('Gather', ['embedding.weight', 'input_ids'], ['tokens']),
    node('Transpose', ['tokens'], ['channels'], { perm: [0, 2, 1] }),
    node('Conv', ['channels', 'conv1.weight'], ['conv1.y'], { pads: [1, 1] }),
    batchNorm('bn1', 'conv1.y', layer('bn1')),
    node('Relu', ['bn1.y'], ['relu1']),
    node('Conv', ['relu1', 'conv2.weight'], ['conv2.y'], { pads: [1, 1] }),
    batchNorm('bn2', 'conv2.y', layer('bn2')),
    node('Relu', ['bn2.y'], ['relu2']),
    node('GlobalAveragePool', ['relu2'], ['pooled']),
    node('Flatten', ['pooled'], ['flat']),
    node('Gemm', ['flat', 'classifier.weight', 'classifier.bias'], ['logits'], { transB: 1 }),
  ];
  const initializers = [
    drawn('embedding.weight', [vocabulary, width]),
    drawn('conv1.weight', [width, width, 3], 0, 0.2),
    drawn('bn1.weight', [width], 1, 0.1),
    drawn('bn1.bias', [width], 0, 0.1),
    drawn('bn1.running_mean', [width], 0, 0.1),
    uniform('bn1.running_var', 1.5),
    drawn('conv2.weight', [width, width, 3], 0, 0.2),
    drawn('bn2.weight', [width], 1, 0.1),
    drawn('bn2.bias', [width], 0, 0.1),
    drawn('bn2.running_mean', [width], 0, 0.1),
    uniform('bn2.running_var', 0.7),
    drawn('classifier.weight', [2, width], 0, 0.2),
    drawn('classifier.bias', [2], 0, 0.2),
  ];
  const inputs = [value('input_ids', 'int64', ['batch', 'sequence'])];
  const outputs = [value('logits', 'float32', ['batch', 2])];
  writeModel(join(directory, 'onnx', 'model.onnx'), modelProto({ nodes, inputs, outputs, initializers, opset }));
  return directory;
}
