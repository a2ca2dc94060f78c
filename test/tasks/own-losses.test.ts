// Losses of classifiers that are graphs of the user's, against PyTorch: what is trained, measured and said of them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { backward } from '#ortune/autodiff/backward.js';
import { lower } from '#ortune/lower/lower.js';
import { Builder } from '#ortune/onnx/builder.js';
import { Graph } from '#ortune/onnx/graph.js';
import { Tensor } from '#ortune/onnx/tensor.js';
import { loadLossFiles } from '#ortune/tasks/losses/loss-files.js';
import { lossesByOwn, lossNotes, type OwnLoss } from '#ortune/tasks/losses/own.js';
import { addLoss } from '#ortune/tasks/losses.js';
import { runStock } from '../support/onnxruntime.js';

const folder = join(import.meta.dirname, '../fixtures/losses');
interface Golden {
  file: string;
  targets: 'class' | 'labels';
  shape: [number, number];
  logits: number[];
  labels: number[];
  weights: number[];
  /** Of each sample, or the mean alone. */
  losses: number[];
  loss: number;
  gradient: number[];
}
const { cases } = JSON.parse(readFileSync(join(folder, 'goldens.json'), 'utf8')) as { cases: Golden[] };
const own = (file: string): { file: string } => ({ file: join(folder, file) });

beforeAll(loadLossFiles);

/** The loss over logits, and its gradient by them. */
async function lossOf(loss: OwnLoss, { targets, shape, ...golden }: Golden) {
  const graph = new Graph();
  graph.inputs.push({ name: 'logits', dtype: 'float32', shape });
  graph.types.set('logits', { dtype: 'float32', shape });
  const b = new Builder(graph);
  const { loss: total, results } = addLoss(b, 'logits', { targets, loss });
  const gradient = backward(b, total, ['logits']).get('logits')!;
  const values = [total, gradient, results.losses!];
  graph.outputs = values.map((name) => ({ name, ...b.type(name), shape: [...b.shape(name)] }));
  lower(graph, new Set());
  const found = await runStock(
    graph,
    new Map([
      ['logits', Tensor.of('float32', golden.logits, shape)],
      ['labels', labelsOf({ targets, shape, ...golden })],
      ['sample_weights', Tensor.of('float32', golden.weights, [shape[0]])],
      ['normaliser', Tensor.of('float32', [golden.weights.reduce((sum, w) => sum + w, 0)], [])],
    ]),
  );
  return values.map((name) => found.get(name)!.numbers());
}

const labelsOf = ({ targets, shape, labels }: Golden): Tensor =>
  targets === 'class' ? Tensor.of('int64', labels, [shape[0]]) : Tensor.of('float32', labels, shape);

const viewOf = (tensor: Tensor) => ({ dtype: tensor.dtype, shape: tensor.shape, data: tensor.data() });

describe.each(cases)('$file', (golden) => {
  test('has the losses and the gradient of PyTorch', async () => {
    const [total, gradient, losses] = await lossOf(own(golden.file), golden);
    expect(total![0]).toBeCloseTo(golden.loss, 5);
    for (const [i, value] of golden.losses.entries()) expect(losses![i]).toBeCloseTo(value, 5);
    const norm = (values: readonly number[]): number => Math.hypot(...values);
    expect(norm(gradient!.map((g, i) => g - golden.gradient[i]!))).toBeLessThan(2e-5 * norm(golden.gradient));
  });

  test('is measured of a saved file as it is trained', async () => {
    const logits = viewOf(Tensor.of('float32', golden.logits, golden.shape));
    const losses = await lossesByOwn(own(golden.file), logits as never, viewOf(labelsOf(golden)) as never);
    expect(losses).toHaveLength(golden.losses.length);
    for (const [i, value] of golden.losses.entries()) expect(losses[i]).toBeCloseTo(value, 5);
  });
});

describe('what is said of a loss', () => {
  const notes = (loss: OwnLoss | undefined, more: object = {}, targets: 'class' | 'labels' | 'values' = 'class') =>
    lossNotes({ loss, targets }, { task: 'text-classification', ...more }, 3);

  it.each(cases.map(({ file, losses }) => [file, losses.length] as const))(
    '%s: whether samples have losses is seen in the graph, not in what the file states',
    (file, count) => {
      const targets = file.includes('labels') ? 'labels' : 'class';
      const weighed = () => notes(own(file), { weightColumn: 'w' }, targets);
      if (count > 1) {
        expect(weighed()).toEqual([]);
        return;
      }
      expect(notes(own(file))).toEqual([expect.stringMatching(/one number for a batch: the samples that fill up/)]);
      expect(weighed).toThrow(/option 'weightColumn' weighs samples, and .* gives one number for a batch/);
      expect(() => notes(own(file), { classWeights: 'balanced' })).toThrow(/option 'classWeights' weighs samples/);
      expect(notes(own(file), { weightColumn: 'w', sampling: 'weighted' })).toHaveLength(1);
    },
  );

  it('labels of another type, inputs of other names and losses of other targets are refused', () => {
    expect(() => notes(own('focal-labels.onnx'))).toThrow(
      /takes 'labels' as float32; the targets are classes, which are int64 \[samples\]/,
    );
    expect(() => notes(own('focal.onnx'), {}, 'labels')).toThrow(
      /takes 'labels' as int64; .* float32 \[samples, labels\]/,
    );
    expect(() => notes('mae')).toThrow(/'loss' mae is not for classes: give cross-entropy, or a graph/);
    expect(() => notes(own('../tensors/custom-loss.onnx'))).toThrow(
      /inputs of a loss are outputs of the model and targets .* found 'y', 't', and the model gives 'logits'/,
    );
    expect(() => notes(own('none.onnx'))).toThrow(/none\.onnx/);
    expect(notes('huber', {}, 'values')).toEqual([]);
  });
});
