import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { ModelError, UsageError } from '#ortune/errors.js';
import { lower } from '#ortune/lower/lower.js';
import { Builder } from '#ortune/onnx/builder.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { attrFloat, attrInt, Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { addLoss } from '#ortune/tasks/losses.js';
import { runStock } from '../support/onnxruntime.js';

interface Golden {
  attrs: { label_smoothing: { float: number } };
  /** logits, labels, sample weights, class weights */
  inputs: [{ shape: number[]; data: number[] }, { data: number[] }, ...({ data: number[] } | null)[]];
  outputs: [{ data: [number] }];
  dy: [{ data: [number] }];
  gradients: { 0: { data: number[] } };
}

const goldens: Golden[] = JSON.parse(
  readFileSync(new URL('../fixtures/ops/losses.json', import.meta.url), 'utf8'),
).cases;

function logits(shape: number[], dtype: DataType = 'float32'): Builder {
  const graph = new Graph();
  graph.inputs.push({ name: 'logits', dtype, shape });
  graph.types.set('logits', { dtype, shape });
  return new Builder(graph);
}

test('the loss is the weighted sum of cross-entropies over the normaliser that is fed', () => {
  const b = logits([4, 3]);
  const { loss, inputs } = addLoss(b, 'logits', { labelSmoothing: 0.1, classWeights: [1, 2, 3] });
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

describe.each(goldens)('the mean loss and its gradient equal those of PyTorch', (golden) => {
  const [x, y, samples, classes] = golden.inputs;
  const labelSmoothing = golden.attrs.label_smoothing.float;
  const weights = samples?.data ?? y.data.map(() => 1);
  const evaluate = async (sampleWeights: number[], classWeights: number[] | undefined) => {
    const b = logits(x.shape);
    const { loss } = addLoss(b, 'logits', { labelSmoothing, classWeights });
    const gradient = backward(b, loss, ['logits']).get('logits')!;
    b.graph.outputs = [loss, gradient].map((name) => ({ name, ...b.type(name), shape: [...b.shape(name)] }));
    lower(b.graph, new Set());
    const normaliser = weights.reduce((sum, weight, i) => sum + (y.data[i]! < 0 ? 0 : weight), 0);
    const feeds = new Map([
      ['logits', Tensor.of('float32', x.data, x.shape)],
      ['labels', Tensor.of('int64', y.data, [y.data.length])],
      ['sample_weights', Tensor.of('float32', sampleWeights, [y.data.length])],
      ['normaliser', Tensor.of('float32', [normaliser], [])],
    ]);
    const outputs = await runStock(b.graph, feeds);
    // The goldens are of the sum, their gradients those of dy times it.
    const toSum = (name: string) =>
      outputs
        .get(name)!
        .numbers()
        .map((v) => v * normaliser);
    expect(toSum(loss)[0]).toBeCloseTo(golden.outputs[0].data[0], 5);
    toSum(gradient).forEach((g, i) => {
      expect(g).toBeCloseTo(golden.gradients[0].data[i]! / golden.dy[0].data[0], 5);
    });
  };

  test(`smoothing ${labelSmoothing}${samples ? ', sample weights' : ''}${classes ? ', class weights' : ''}`, () =>
    evaluate(weights, classes?.data));

  if (classes && labelSmoothing === 0)
    test(`class weights as weights of the samples${samples ? ', times their own' : ''}`, () =>
      evaluate(
        weights.map((weight, i) => weight * (classes.data[y.data[i]!] ?? 0)),
        undefined,
      ));
});

test('logits of another float type are cast', () => {
  const b = logits([2, 2], 'float16');
  addLoss(b, 'logits');
  expect(b.graph.nodes.map(({ op }) => op)).toEqual(['Cast', 'CrossEntropy', 'Div']);
  expect(b.graph.nodes[1]!.inputs).toHaveLength(3);
});

test('logits of another rank, a wrong number of class weights and a taken name are refused', () => {
  expect(() => addLoss(logits([2, 5, 3]), 'logits')).toThrow(ModelError);
  expect(() => addLoss(logits([2, 5, 3]), 'logits')).toThrow(/output 'logits' has rank 3/);
  expect(() => addLoss(logits([2, 3]), 'logits', { classWeights: [1, 2] })).toThrow(UsageError);
  const b = logits([2, 3]);
  addLoss(b, 'logits');
  expect(() => addLoss(b, 'logits')).toThrow(/a value named 'labels'/);
});
