import { describe, expect, test } from 'vitest';
import { LabelSet, labelsOfConfig, labelsOfData } from '#ortune/data/labels.js';
import { DataError, UsageError } from '#ortune/errors.js';

const data = (...labels: string[]) => ({
  file: 'x.csv',
  records: labels.map((label, i) => ({ text: '', label, line: i + 2 })),
});

describe('classes of training data', () => {
  test('are sorted, numbers by value', () => {
    expect(labelsOfData(data('spam', 'ham', 'spam')).names).toEqual(['ham', 'spam']);
    expect(labelsOfData(data('10', '9', '10')).names).toEqual(['9', '10']);
  });

  test('must be two or more', () => {
    expect(() => labelsOfData(data('ham', 'ham'))).toThrow(DataError);
    expect(() => labelsOfData(data('ham', 'ham'))).toThrow(/one class only \('ham'\)/);
  });
});

describe('classes of a model', () => {
  test('come in the order of their ids', () => {
    expect(labelsOfConfig({ id2label: { 1: 'b', 0: 'a' } })!.names).toEqual(['a', 'b']);
    expect(labelsOfConfig({})).toBeUndefined();
  });

  test('must be numbered without gaps', () => {
    expect(() => labelsOfConfig({ id2label: { 0: 'a', 2: 'b' } })).toThrow(UsageError);
  });

  test('must have different names', () => {
    expect(() => new LabelSet(['a', 'b', 'a'])).toThrow(UsageError);
  });
});

describe('ids of labels', () => {
  const labels = new LabelSet(['ham', 'spam']);

  test('go by name; numbers that are no name are ids', () => {
    expect(Array.from(labels.ids(data('spam', 'ham', '1', '0')))).toEqual([1, 0, 1, 0]);
    expect(new LabelSet(['1', '2']).id('1')).toBe(0);
  });

  test('an unknown label is refused with its line and the classes known', () => {
    expect(() => labels.ids(data('spam', 'junk'))).toThrow(DataError);
    expect(() => labels.ids(data('spam', 'junk'))).toThrow(
      "x.csv:3: unknown label 'junk'; the model's 2 classes are 'ham', 'spam'",
    );
    expect(() => labels.ids(data('2'))).toThrow(/unknown label '2'/);
    const many = new LabelSet(Array.from({ length: 30 }, (_, i) => `c${i}`));
    expect(() => many.ids(data('x'))).toThrow(/and 10 more/);
  });
});
