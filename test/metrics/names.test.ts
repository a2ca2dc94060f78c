import { expect, test } from 'vitest';
import { UsageError } from '#ortune/errors.js';
import { ClassificationMetrics } from '#ortune/metrics/classification.js';
import { metricName, metricNames, metricOf, scalarMetrics } from '#ortune/metrics/names.js';

const metrics = new ClassificationMetrics(['ham', 'spam']);
metrics.add([2, 0, 0, 2, 2, 0, 0, 2, 2, 0], [0, 1, 1, 0, 0]);
const result = metrics.result();

test('a metric is found by its name', () => {
  expect(metricOf(result, 'loss')).toBe(result.loss);
  expect(metricOf(result, 'f1')).toBe(result.classes[1]!.f1);
  expect(metricOf(result, 'mcc')).toBe(result.mcc);
  expect(metricOf(result, 'macro.f1')).toBe(result.macro.f1);
  expect(metricOf(result, 'weighted.recall')).toBe(result.weighted.recall);
});

test('all metrics are numbers under their names', () => {
  const scalars = scalarMetrics(result);
  expect(Object.keys(scalars)).toEqual(metricNames);
  for (const name of metricNames) expect(scalars[name], name).toBe(metricOf(result, name));
  expect(Object.values(scalars).every(Number.isFinite)).toBe(true);
});

test.each(['F1', 'samples', 'macro', 'macro.loss', 'classes', 'toString'])('%s is refused by name', (name) => {
  expect(() => metricOf(result, name)).toThrow(UsageError);
  expect(() => metricName(name)).toThrow(
    `there is no metric '${name}'. Choose one of loss, accuracy, precision, recall, f1, mcc, macro.precision`,
  );
});
