// The loss of distillation, by the goldens of PyTorch.

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
  targets: 'class' | 'probabilities';
  smoothing: number;
  temperature: number;
  weight: number;
  shape: [number, number];
  logits: number[];
  teacher: number[];
  labels: number[];
  weights: number[];
  loss: number;
  gradient: number[];
}

const goldens: Golden[] = JSON.parse(
  readFileSync(new URL('../fixtures/teacher/losses.json', import.meta.url), 'utf8'),
).cases;

async function lossOf(golden: Golden, logits: readonly number[], teacherLogits: readonly number[]) {
  const { targets, smoothing: labelSmoothing, temperature, weight, shape, labels, weights } = golden;
  const graph = new Graph();
  graph.inputs.push({ name: 'logits', dtype: 'float32', shape });
  graph.types.set('logits', { dtype: 'float32', shape });
  const b = new Builder(graph);
  const teacher = { temperature, weight };
  const { loss, inputs, results } = addLoss(b, 'logits', { targets, labelSmoothing, teacher });
  expect(inputs.at(-1)).toBe('teacher_logits');
  expect(b.type('teacher_logits')).toEqual({ dtype: 'float32', shape });
  expect(results).toEqual({ logits: 'logits' });
  const gradient = backward(b, loss, ['logits']).get('logits')!;
  graph.outputs = [loss, gradient].map((name) => ({ name, ...b.type(name), shape: [...b.shape(name)] }));
  lower(graph, new Set());
  const feeds = new Map([
    ['logits', Tensor.of('float32', logits, shape)],
    ['teacher_logits', Tensor.of('float32', teacherLogits, shape)],
    ['labels', targets === 'class' ? Tensor.of('int64', labels, [shape[0]]) : Tensor.of('float32', labels, shape)],
    ['sample_weights', Tensor.of('float32', weights, [shape[0]])],
    ['normaliser', Tensor.of('float32', [weights.reduce((sum, w) => sum + w, 0)], [])],
  ]);
  const outputs = await runStock(graph, feeds);
  return { loss: outputs.get(loss)!.numbers()[0]!, gradient: outputs.get(gradient)!.numbers() };
}

describe.each(goldens)('$targets, smoothing $smoothing, T $temperature, weight $weight', (golden) => {
  const norm = (values: readonly number[]): number => Math.hypot(...values);

  test('has the mean loss and the gradient of PyTorch', async () => {
    const { loss, gradient } = await lossOf(golden, golden.logits, golden.teacher);
    expect(Math.abs(loss - golden.loss)).toBeLessThan(1e-5 * golden.loss);
    expect(norm(gradient.map((g, i) => g - golden.gradient[i]!))).toBeLessThan(2e-5 * norm(golden.gradient));
  });

  test('has the gradient of central differences', async () => {
    const [step, tolerance] = [1e-2, 2e-3];
    const { gradient } = await lossOf(golden, golden.logits, golden.teacher);
    for (const at of [0, 6, 13]) {
      const moved = (by: number) => golden.logits.map((z, i) => (i === at ? z + by : z));
      const [up, down] = [
        await lossOf(golden, moved(step), golden.teacher),
        await lossOf(golden, moved(-step), golden.teacher),
      ];
      expect(Math.abs((up.loss - down.loss) / (2 * step) - gradient[at]!)).toBeLessThan(tolerance);
    }
  });

  test('stays finite where logits are large', async () => {
    const large = (values: readonly number[]) => values.map((z) => 1e3 * z);
    const { loss, gradient } = await lossOf(golden, large(golden.logits), large(golden.teacher));
    expect([loss, ...gradient].every(Number.isFinite)).toBe(true);
  });
});
