import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { UsageError } from '#ortune/errors.js';
import { ImageClassificationMetrics } from '#ortune/metrics/image-classes.js';
import { MultiLabelMetrics, mostScores } from '#ortune/metrics/multi-label.js';

interface Golden {
  what: string;
  labels: number;
  targets: number[];
  logits: number[];
  averagePrecision: number[];
  meanAveragePrecision: number;
  accuracy: number;
  micro: number[];
  macro: number[];
  loss: number;
}

const goldens: Golden[] = JSON.parse(
  readFileSync(new URL('../fixtures/targets/metrics.json', import.meta.url), 'utf8'),
).cases;

describe.each(goldens)('$what', ({ labels: size, ...golden }) => {
  const labels = Array.from({ length: size }, (_, k) => `label ${k}`);
  const samples = golden.targets.length / size;

  test.each([1, 7, 100])('is measured as scikit-learn does, in batches of %i with fill-up rows', (rows) => {
    const metrics = new MultiLabelMetrics(labels, samples);
    for (let i = 0; i < samples; i += rows) {
      const count = Math.min(rows, samples - i);
      const logits = new Float32Array(rows * size).fill(9);
      logits.set(golden.logits.slice(i * size, (i + count) * size));
      metrics.add(logits, golden.targets.slice(i * size, (i + count) * size), count);
    }
    const result = metrics.result();
    expect(result.samples).toBe(samples);
    for (const metric of ['meanAveragePrecision', 'accuracy', 'loss'] as const)
      expect(result[metric], metric).toBeCloseTo(golden[metric], 6);
    expect([result.precision, result.recall, result.f1].map((v) => v.toFixed(8))).toEqual(
      golden.micro.map((v) => v.toFixed(8)),
    );
    const { precision, recall, f1 } = result.macro;
    expect([precision, recall, f1].map((v) => v.toFixed(8))).toEqual(golden.macro.map((v) => v.toFixed(8)));
    for (const [k, c] of result.classes.entries())
      expect(c.averagePrecision).toBeCloseTo(golden.averagePrecision[k]!, 7);
  });
});

test('more scores than are kept are refused before anything is measured', () => {
  expect(() => new MultiLabelMetrics(['a', 'b'], mostScores)).toThrow(UsageError);
  expect(() => new MultiLabelMetrics(['a', 'b'], mostScores)).toThrow(/too many to order by score/);
});

describe('pictures of one class', () => {
  const labels = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

  test('count as found among five where fewer than five classes are likelier', () => {
    const metrics = new ImageClassificationMetrics(labels);
    metrics.add([7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1], [0, 4, 5]);
    expect(metrics.result()).toMatchObject({ samples: 3, accuracy: 1 / 3, top5Accuracy: 2 / 3 });
  });

  test('with probabilities as targets have the loss of all of them', () => {
    const metrics = new ImageClassificationMetrics(['a', 'b']);
    metrics.add([0, Math.log(3)], [1], [0.25, 0.75]);
    expect(metrics.result()).toMatchObject({ accuracy: 1, top5Accuracy: 1 });
    expect(metrics.result().loss).toBeCloseTo(-0.25 * Math.log(0.25) - 0.75 * Math.log(0.75), 12);
  });
});
