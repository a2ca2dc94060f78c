import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { inspectModel } from '#ortune/commands/inspect.js';
import { buildEncoder } from '#ortune/models/encoder.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { Graph, type Node } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('inspect');
const fileOf = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(directory, name), bytes);
  return join(directory, name);
};

describe('inspectModel', () => {
  it('describes a whole encoder', async () => {
    const size = { layers: 1, hidden: 8, heads: 2, feedForward: 16, vocabulary: 20, positions: 12, labels: 3 };
    const found = await inspectModel(fileOf('encoder.onnx', buildEncoder(size)));
    expect(found.opset).toBe(17);
    expect(found.inputs[0]).toEqual({ name: 'input_ids', dtype: 'int64', shape: ['batch_size', 'sequence_length'] });
    expect(found.outputs).toEqual([{ name: 'logits', dtype: 'float32', shape: ['batch_size', 3] }]);
    const embeddings = (20 + 12 + 2 + 2) * 8;
    const layer = 4 * (8 * 8 + 8) + 2 * 16 * 8 + 16 + 8 + 4 * 8;
    const head = 8 * 8 + 8 + 3 * 8 + 3;
    expect(found.parameters.elements).toBe(embeddings + layer + head);
    expect(found.parameters.trainable).toBe(embeddings + layer + head);
    expect(found.operators).toMatchObject({ MatMul: 8, Gemm: 2, LayerNormalization: 3, Softmax: 1 });
    expect(found.undifferentiable).toEqual([]);
  });

  it('judges a decoder by whole sequences, with nothing in its cache', async () => {
    const file = fileURLToPath(new URL('../fixtures/causal-lm/llama-genai.onnx', import.meta.url));
    const found = await inspectModel(file);
    expect(found.shapeProblem).toBeUndefined();
    expect(found.operators).toMatchObject({ 'com.microsoft.GroupQueryAttention': 2 });
    expect(found.undifferentiable).toEqual([]);
  });

  it('lists every node that nothing is known of, and none that is not read', async () => {
    const graph = new Graph();
    const node = (name: string, op: string, inputs: string[], outputs: string[]): Node => ({
      name,
      op,
      domain: op === 'MatMul' ? '' : 'com.microsoft',
      inputs,
      outputs,
      attrs: new Map(),
    });
    graph.inputs = [{ name: 'x', dtype: 'float32', shape: [2, 4] }];
    graph.initializers.set('w', Tensor.of('float32', [1, 2, 3, 4], [4, 1]));
    graph.nodes = [
      node('before', 'Inverse', ['x'], ['a']),
      node('product', 'MatMul', ['a', 'w'], ['b']),
      node('behind', 'Inverse', ['b'], ['c']),
      node('again', 'Inverse', ['c'], ['d']),
      node('aside', 'Inverse', ['b'], ['unused']),
    ];
    graph.outputs = [{ name: 'd', dtype: 'float32', shape: [2, 1] }];
    const found = await inspectModel(fileOf('normalised.onnx', encodeGraph(graph)));
    expect(found.undifferentiable).toEqual([
      { op: 'com.microsoft.Inverse', node: 'before' },
      { op: 'com.microsoft.Inverse', node: 'behind' },
      { op: 'com.microsoft.Inverse', node: 'again' },
    ]);
  });

  it('reports a model without parameters as it is', async () => {
    const graph = new Graph();
    graph.inputs = [{ name: 'x', dtype: 'float32', shape: undefined }];
    graph.nodes = [{ name: 'relu', op: 'Relu', domain: '', inputs: ['x'], outputs: ['y'], attrs: new Map() }];
    graph.outputs = [{ name: 'y', dtype: 'float32', shape: undefined }];
    const found = await inspectModel(fileOf('relu.onnx', encodeGraph(graph)));
    expect(found.parameters).toEqual({ tensors: 0, elements: 0, trainable: 0 });
    expect(found.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: null }]);
  });
});
