import { expect, test } from 'vitest';
import { UsageError } from '#ortune/errors.js';
import { ClassificationMetrics } from '#ortune/metrics/classification.js';
import { MaskedLmMetrics } from '#ortune/metrics/masked-tokens.js';
import { metricOf as metricAmong } from '#ortune/metrics/names.js';
import { taskNamed } from '#ortune/tasks/tasks.js';

const metricNames = {
  'text-classification': taskNamed('text-classification').metrics({ targets: 'class' }),
  'masked-lm': taskNamed('masked-lm').metrics({}),
};
const metricOf = (result: object, name: string): number =>
  metricAmong(result, name, metricNames['perplexity' in result ? 'masked-lm' : 'text-classification']);

const metrics = new ClassificationMetrics(['ham', 'spam']);
metrics.add([2, 1, 0, 3, 1, 0], [0, 1, 1]);
const result = metrics.result();

const masked = new MaskedLmMetrics();
masked.add(1, { loss: 3, predictions: [5, 6] }, { labels: [5, 7], weights: [1, 1] });

test('every name gives its number', () => {
  expect(metricOf(result, 'loss')).toBe(result.loss);
  expect(metricOf(result, 'f1')).toBe(result.classes[1]!.f1);
  expect(metricOf(result, 'mcc')).toBe(result.mcc);
  expect(metricOf(result, 'macro.f1')).toBe(result.macro.f1);
  expect(metricOf(result, 'weighted.recall')).toBe(result.weighted.recall);
  for (const name of metricNames['text-classification']) expect(metricOf(result, name), name).toBeTypeOf('number');
  expect(metricOf(masked.result(), 'perplexity')).toBeCloseTo(Math.exp(1.5), 12);
  for (const name of metricNames['masked-lm']) expect(metricOf(masked.result(), name), name).toBeTypeOf('number');
});

test.each(['rouge', 'macro', 'macro.', 'macro.accuracy', 'constructor', '', 'perplexity'])(
  'a classifier has no metric %j',
  (name) => {
    expect(() => metricOf(result, name)).toThrow(UsageError);
    expect(() => metricOf(result, name)).toThrow(
      `there is no metric '${name}'. Choose one of loss, accuracy, precision`,
    );
  },
);

test('a language model has its own', () => {
  expect(() => metricOf(masked.result(), 'f1')).toThrow(
    "there is no metric 'f1'. Choose one of loss, perplexity, accuracy.",
  );
});
