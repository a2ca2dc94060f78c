import { describe, expect, test } from 'vitest';
import { ofKind } from '#ortune/data/columns.js';
import { LabelSet, labelsOfConfig, labelsOfData } from '#ortune/data/labels.js';
import { TableBuilder } from '#ortune/data/table-builder.js';
import { DataError, UsageError } from '#ortune/errors.js';

/** The classes of a table with these labels, on lines 2, 3, … of x.csv. */
function applied(classes: LabelSet, ...labels: string[]): number[] {
  const { table, names } = labels.reduce(
    (builder, label, i) => {
      builder.add({ values: { label }, line: i + 2 }, 0);
      return builder;
    },
    new TableBuilder(['x.csv'], [{ role: 'label', kind: 'class', name: 'label' }], { weight: false }),
  );
  classes.apply(table, names);
  return [...ofKind(table.columns, 'label', 'class')!.values.subarray(0, table.count)];
}

describe('classes of training data', () => {
  test('are sorted, numbers by value', () => {
    expect(labelsOfData(['spam', 'ham'], ['x.csv']).names).toEqual(['ham', 'spam']);
    expect(labelsOfData(['10', '9'], ['x.csv']).names).toEqual(['9', '10']);
  });

  test('must be two or more', () => {
    expect(() => labelsOfData(['ham'], ['x.csv', 'y.csv'])).toThrow(DataError);
    expect(() => labelsOfData(['ham'], ['x.csv', 'y.csv'])).toThrow(/x\.csv, y\.csv has one class only \('ham'\)/);
  });
});

describe('classes of a model', () => {
  test('come in the order of their ids', () => {
    expect(labelsOfConfig({ id2label: { 1: 'b', 0: 'a' } })!.names).toEqual(['a', 'b']);
    expect(labelsOfConfig({})).toBeUndefined();
  });

  test('must be labelsAreIndices without gaps', () => {
    expect(() => labelsOfConfig({ id2label: { 0: 'a', 2: 'b' } })).toThrow(UsageError);
  });

  test('must have different names', () => {
    expect(() => new LabelSet(['a', 'b', 'a'])).toThrow(UsageError);
  });
});

describe('ids of labels', () => {
  const labels = new LabelSet(['ham', 'spam']);

  test('go by name; numbers that are no name are ids', () => {
    expect(applied(labels, 'spam', 'ham', '1', '0')).toEqual([1, 0, 1, 0]);
    expect(new LabelSet(['1', '2']).id('1')).toBe(0);
  });

  test('an unknown label is refused with its line and the classes known', () => {
    expect(() => applied(labels, 'spam', 'junk')).toThrow(DataError);
    expect(() => applied(labels, 'spam', 'junk')).toThrow(
      "x.csv:3: unknown label 'junk'; the model's 2 classes are 'ham', 'spam'",
    );
    expect(() => applied(labels, '2')).toThrow(/unknown label '2'/);
    const many = new LabelSet(Array.from({ length: 30 }, (_, i) => `c${i}`));
    expect(() => applied(many, 'x')).toThrow(/and 10 more/);
  });
});
