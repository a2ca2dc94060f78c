import { expect, test } from 'vitest';
import { ModelError, UsageError } from '#ortune/errors.js';
import { Builder } from '#ortune/onnx/builder.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { attrFloat, attrInt, Graph } from '#ortune/onnx/graph.js';
import { attachLoss } from '#ortune/tasks/text-classification.js';

function logits(shape: number[], dtype: DataType = 'float32'): Builder {
  const graph = new Graph();
  graph.inputs.push({ name: 'logits', dtype, shape });
  graph.types.set('logits', { dtype, shape });
  return new Builder(graph);
}

test('the loss is the weighted sum of cross-entropies over the normaliser that is fed', () => {
  const b = logits([4, 3]);
  const { loss, inputs } = attachLoss(b, 'logits', { labelSmoothing: 0.1, classWeights: [1, 2, 3] });
  expect(inputs).toEqual(['labels', 'sample_weights', 'normaliser']);
  expect(inputs.map((name) => b.type(name))).toEqual([
    { dtype: 'int64', shape: [4] },
    { dtype: 'float32', shape: [4] },
    { dtype: 'float32', shape: [] },
  ]);
  expect(b.type(loss)).toEqual({ dtype: 'float32', shape: [] });
  const [entropy, division] = b.graph.nodes;
  expect(entropy).toMatchObject({ op: 'CrossEntropy', domain: 'ortune' });
  expect(entropy!.inputs.slice(0, 3)).toEqual(['logits', 'labels', 'sample_weights']);
  expect(b.graph.initializers.get(entropy!.inputs[3]!)!.numbers()).toEqual([1, 2, 3]);
  expect(attrInt(entropy!, 'ignore_index', 0)).toBe(-100);
  expect(attrFloat(entropy!, 'label_smoothing', 0)).toBe(0.1);
  expect(division).toMatchObject({ op: 'Div', inputs: [entropy!.outputs[0], 'normaliser'], outputs: [loss] });
});

test('logits of another float type are cast', () => {
  const b = logits([2, 2], 'float16');
  attachLoss(b, 'logits');
  expect(b.graph.nodes.map(({ op }) => op)).toEqual(['Cast', 'CrossEntropy', 'Div']);
  expect(b.graph.nodes[1]!.inputs).toHaveLength(3);
});

test('logits of another rank, a wrong number of class weights and a taken name are refused', () => {
  expect(() => attachLoss(logits([2, 5, 3]), 'logits')).toThrow(ModelError);
  expect(() => attachLoss(logits([2, 5, 3]), 'logits')).toThrow(/output 'logits' has rank 3/);
  expect(() => attachLoss(logits([2, 3]), 'logits', { classWeights: [1, 2] })).toThrow(UsageError);
  const b = logits([2, 3]);
  attachLoss(b, 'logits');
  expect(() => attachLoss(b, 'logits')).toThrow(/a value named 'labels'/);
});
