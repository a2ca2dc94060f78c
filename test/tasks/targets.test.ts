// Losses of targets that are not one class: soft labels, and several labels a sample.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { lower } from '#ortune/lower/lower.js';
import { Builder } from '#ortune/onnx/builder.js';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { addLoss } from '#ortune/tasks/losses.js';
import { runStock } from '../support/onnxruntime.js';

interface Golden {
  targets: 'probabilities' | 'labels';
  smoothing: number;
  shape: [number, number];
  logits: number[];
  labels: number[];
  weights: number[];
  loss: number;
  gradient: number[];
}

const goldens: Golden[] = JSON.parse(
  readFileSync(new URL('../fixtures/targets/losses.json', import.meta.url), 'utf8'),
).cases;

async function lossOf(golden: Golden, logits: readonly number[]): Promise<{ loss: number; gradient: number[] }> {
  const { targets, smoothing, shape, labels, weights } = golden;
  const graph = new Graph();
  graph.inputs.push({ name: 'logits', dtype: 'float32', shape });
  graph.types.set('logits', { dtype: 'float32', shape });
  const b = new Builder(graph);
  const { loss, inputs } = addLoss(b, 'logits', { targets, labelSmoothing: smoothing });
  expect(inputs.map((name) => b.type(name))).toEqual([
    { dtype: 'float32', shape },
    { dtype: 'float32', shape: [shape[0]] },
    { dtype: 'float32', shape: [] },
  ]);
  const gradient = backward(b, loss, ['logits']).get('logits')!;
  graph.outputs = [loss, gradient].map((name) => ({ name, ...b.type(name), shape: [...b.shape(name)] }));
  lower(graph, new Set());
  const feeds = new Map([
    ['logits', Tensor.of('float32', logits, shape)],
    ['labels', Tensor.of('float32', labels, shape)],
    ['sample_weights', Tensor.of('float32', weights, [shape[0]])],
    ['normaliser', Tensor.of('float32', [weights.reduce((sum, w) => sum + w, 0)], [])],
  ]);
  const outputs = await runStock(graph, feeds);
  return { loss: outputs.get(loss)!.numbers()[0]!, gradient: outputs.get(gradient)!.numbers() };
}

describe.each(goldens)('$targets, smoothing $smoothing', (golden) => {
  test('has the mean loss and the gradient of PyTorch', async () => {
    const { loss, gradient } = await lossOf(golden, golden.logits);
    expect(Math.abs(loss - golden.loss)).toBeLessThan(1e-5 * golden.loss);
    const norm = (values: readonly number[]): number => Math.hypot(...values);
    expect(norm(gradient.map((g, i) => g - golden.gradient[i]!))).toBeLessThan(2e-5 * norm(golden.gradient));
  });

  test('stays finite where logits are large', async () => {
    const { loss, gradient } = await lossOf(
      golden,
      golden.logits.map((z) => 1e4 * z),
    );
    expect([loss, ...gradient].every(Number.isFinite)).toBe(true);
  });
});
