import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ClassificationMetrics, type Scores } from '#ortune/metrics/classification.js';
import { ImageClassificationMetrics } from '#ortune/metrics/image-classes.js';

interface Golden {
  what: string;
  classes: number;
  targets: number[];
  logits: number[];
  loss: number;
  accuracy: number;
  mcc: number;
  top5: number;
  binary?: Scores;
  macro: Scores;
  weighted: Scores;
  perClass: (Scores & { support: number })[];
  confusion: number[][];
}

const goldens: Golden[] = JSON.parse(
  readFileSync(new URL('../fixtures/metrics/metrics.json', import.meta.url), 'utf8'),
).cases;

/** The goldens have twelve digits. */
function expectClose(found: Scores, expected: Scores): void {
  for (const score of ['precision', 'recall', 'f1'] as const) expect(found[score]).toBeCloseTo(expected[score], 10);
}

describe.each(goldens)('$what', (golden) => {
  const labels = Array.from({ length: golden.classes }, (_, c) => `class ${c}`);
  const whole = new ClassificationMetrics(labels);
  whole.add(golden.logits, golden.targets);
  const result = whole.result();

  test('is measured as scikit-learn does', () => {
    expect(result.samples).toBe(golden.targets.length);
    expect(result.confusion).toEqual(golden.confusion);
    for (const metric of ['loss', 'accuracy', 'mcc'] as const)
      expect(result[metric], metric).toBeCloseTo(golden[metric], 10);
    expectClose(result, golden.binary ?? golden.macro);
    expectClose(result.macro, golden.macro);
    expectClose(result.weighted, golden.weighted);
    const pictures = new ImageClassificationMetrics(labels);
    pictures.add(golden.logits, golden.targets);
    expect(pictures.result().top5Accuracy).toBeCloseTo(golden.top5, 10);
    golden.perClass.forEach((expected, c) => {
      expectClose(result.classes[c]!, expected);
      expect(result.classes[c]!.support).toBe(expected.support);
    });
  });

  test.each([1, 7, 16])('gives the same in batches of %i with fill-up rows', (size) => {
    const parts = new ClassificationMetrics(labels);
    const { classes } = golden;
    for (let i = 0; i < golden.targets.length; i += size) {
      const rows = Math.min(size, golden.targets.length - i);
      const logits = new Float64Array(size * classes).fill(1);
      logits.set(golden.logits.slice(classes * i, classes * (i + rows)));
      const targets = new BigInt64Array(size);
      targets.set(golden.targets.slice(i, i + rows).map(BigInt));
      parts.add(
        logits,
        targets,
        Float32Array.from(targets, (_, row) => (row < rows ? 1 : 0)),
      );
    }
    expect(parts.result()).toEqual(result);
  });
});

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

test('more classes are measured by the mean over those that occur', () => {
  const metrics = new ClassificationMetrics(['a', 'b', 'c']);
  metrics.add(predict([0, 0, 1, 1], 3), BigInt64Array.of(0n, 0n, 1n, 0n));
  const result = metrics.result();
  expect(result.positive).toBeUndefined();
  expect(result.classes[2]).toEqual({ label: 'c', precision: 0, recall: 0, f1: 0, support: 0, predicted: 0 });
  expect(result.precision).toBeCloseTo((1 + 0.5) / 2);
  expect(result.recall).toBeCloseTo((2 / 3 + 1) / 2);
  expect(result.f1).toBeCloseTo((0.8 + 2 / 3) / 2);
  // A class that is predicted and has no sample is one that occurs.
  metrics.add(predict([2], 3), [0]);
  expect(metrics.result().precision).toBeCloseTo((1 + 0.5 + 0) / 3);
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
