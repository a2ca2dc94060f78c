import { expect, test } from 'vitest';
import { ClassificationMetrics } from '#ortune/metrics/classification.js';

/** Logits that predict `classes`, with a margin of 2. */
const predict = (classes: number[], count: number) =>
  classes.flatMap((best) => Array.from({ length: count }, (_, c) => (c === best ? 2 : 0)));

test('two classes are measured by the second, or by the one named', () => {
  const logits = predict([1, 1, 0, 0, 1, 0], 2);
  const targets = [1, 0, 0, 1, 1, 0];
  const spam = new ClassificationMetrics(['ham', 'spam']);
  spam.add(logits, targets);
  const result = spam.result();
  expect(result).toMatchObject({
    samples: 6,
    positive: 'spam',
    confusion: [
      [2, 1],
      [1, 2],
    ],
  });
  expect(result.accuracy).toBeCloseTo(4 / 6);
  expect(result.precision).toBeCloseTo(2 / 3);
  expect(result.recall).toBeCloseTo(2 / 3);
  expect(result.f1).toBeCloseTo(2 / 3);
  expect(result.loss).toBeCloseTo(Math.log(1 + Math.exp(-2)) + 2 * (2 / 6));
  const ham = new ClassificationMetrics(['ham', 'spam'], 0);
  ham.add(predict([0, 0, 1], 2), [0, 1, 1]);
  expect(ham.result()).toMatchObject({ positive: 'ham', precision: 0.5, recall: 1 });
});

test('more classes are measured by the mean over classes', () => {
  const metrics = new ClassificationMetrics(['a', 'b', 'c']);
  metrics.add(predict([0, 0, 1, 1], 3), BigInt64Array.of(0n, 0n, 1n, 0n));
  const result = metrics.result();
  expect(result.positive).toBeUndefined();
  expect(result.classes[2]).toEqual({ label: 'c', precision: 0, recall: 0, f1: 0, support: 0 });
  expect(result.precision).toBeCloseTo((1 + 0.5 + 0) / 3);
  expect(result.recall).toBeCloseTo((2 / 3 + 1 + 0) / 3);
  expect(result.f1).toBeCloseTo((0.8 + 2 / 3) / 3);
});

test('the way the samples are split into batches does not matter', () => {
  const logits = Array.from({ length: 60 }, (_, i) => Math.sin(i * 12.9));
  const targets = Array.from({ length: 20 }, (_, i) => i % 3);
  const whole = new ClassificationMetrics(['a', 'b', 'c']);
  whole.add(logits, targets);
  const parts = new ClassificationMetrics(['a', 'b', 'c']);
  for (let i = 0; i < 20; i += 7) parts.add(logits.slice(3 * i, 3 * (i + 7)), targets.slice(i, i + 7));
  expect(parts.result()).toEqual(whole.result());
});

test('rows of weight 0 and ignored targets do not count', () => {
  const metrics = new ClassificationMetrics(['a', 'b']);
  metrics.add(Float32Array.from(predict([0, 1, 1], 2)), [0, 0, -100], Float32Array.of(1, 0, 1));
  expect(metrics.result()).toMatchObject({ samples: 1, accuracy: 1 });
});

test('nothing measured is all zeros, and large logits do not overflow', () => {
  expect(new ClassificationMetrics(['a', 'b']).result()).toMatchObject({ samples: 0, loss: 0, accuracy: 0, f1: 0 });
  const metrics = new ClassificationMetrics(['a', 'b']);
  metrics.add([1000, -1000], [1]);
  expect(metrics.result().loss).toBe(2000);
});
