import { describe, expect, test } from 'vitest';
import { ofKind } from '#ortune/data/columns.js';
import { classNumber, isNumber, plainForm } from '#ortune/data/label-forms.js';
import { applyLabels, LabelSet, labelsOfConfig, sortedNames } from '#ortune/data/labels.js';
import { TableBuilder } from '#ortune/data/table-builder.js';
import { DataError, UsageError } from '#ortune/errors.js';

/** The classes of a table with these labels, on lines 2, 3, … of x.csv. */
function applied(classes: readonly string[], ...labels: string[]): number[] {
  const { table, names } = labels.reduce(
    (builder, label, i) => {
      builder.add({ values: { label }, line: i + 2 }, 0);
      return builder;
    },
    new TableBuilder(['x.csv'], [{ role: 'label', kind: 'class', name: 'label' }], { weight: false }),
  );
  applyLabels(table, names, classes, [{ of: classes, numbers: false, to: classes.map((_, i) => i) }]);
  return [...ofKind(table.columns, 'label', 'class')!.values.subarray(0, table.count)];
}

test('classes are sorted, numbers by value, however many digits they have', () => {
  expect(sortedNames(['spam', 'ham'])).toEqual(['ham', 'spam']);
  expect(sortedNames(['10', '9', '09', '9007199254740993', '9007199254740992'])).toEqual([
    ...['9', '09', '10', '9007199254740992', '9007199254740993'],
  ]);
  expect(sortedNames(['-1', '10', '2'])).toEqual(['-1', '10', '2']);
});

describe('classes of a model', () => {
  test('come in the order of their ids', () => {
    expect(labelsOfConfig({ id2label: { 1: 'b', 0: 'a' } })!.names).toEqual(['a', 'b']);
    expect(labelsOfConfig({})).toBeUndefined();
  });

  test('come from label2id where that stands alone; names that only one has are left over from an edit', () => {
    expect(labelsOfConfig({ label2id: { b: 1, a: 0 } })!.names).toEqual(['a', 'b']);
    const ham = { id2label: { 0: 'ham', 1: 'spam' } };
    expect(labelsOfConfig({ ...ham, label2id: { LABEL_0: 0, LABEL_1: 1 } })!.names).toEqual(['ham', 'spam']);
    expect(labelsOfConfig({ ...ham, label2id: { spam: 1 } })!.names).toEqual(['ham', 'spam']);
    expect(labelsOfConfig({ id2label: {}, label2id: {} })).toBeUndefined();
  });

  test.each([
    ['gaps', { id2label: { 0: 'a', 2: 'b' } }, /the numbers of id2label must be 0, 1, 2, …, found 0, 2/],
    ['gaps in label2id', { label2id: { a: 0, b: 0 } }, /the numbers of label2id must be 0, 1, 2, …, found 0, 0/],
    ['a name twice', { id2label: { 0: 'a', 1: 'a' } }, /id2label calls two classes 'a': give each a name of its own/],
    [
      'both ways, which disagree',
      { id2label: { 0: 'ham', 1: 'spam' }, label2id: { ham: 1, spam: 0 } },
      /config\.json: 'ham' is class 0 by id2label and 1 by label2id: which is right is not known/,
    ],
  ])('are refused with %s', (_, config, message) => {
    expect(() => labelsOfConfig(config as Parameters<typeof labelsOfConfig>[0])).toThrow(UsageError);
    expect(() => labelsOfConfig(config as Parameters<typeof labelsOfConfig>[0])).toThrow(message);
  });

  test('must have different names', () => {
    expect(() => new LabelSet(['a', 'b', 'a'])).toThrow(UsageError);
  });
});

describe('labels', () => {
  test('are found by name, or by the only name that looks like it', () => {
    expect(applied(['ham', 'spam'], 'spam', 'ham', 'SPAM ', 'ｈam')).toEqual([1, 0, 1, 0]);
    expect(new LabelSet(['1', '2']).find('2.0')).toBe(1);
    expect(new LabelSet(['ham', 'Ham']).find('HAM')).toBeUndefined();
    expect(new LabelSet(['ham', 'Ham']).find('Ham')).toBe(1);
  });

  test('that no class has are refused with their line and the classes known', () => {
    expect(() => applied(['ham', 'spam'], 'spam', 'junk')).toThrow(DataError);
    expect(() => applied(['ham', 'spam'], 'spam', 'junk')).toThrow(
      "x.csv:3: unknown label 'junk'; the model's 2 classes are 'ham', 'spam'",
    );
    expect(() => applied(['ham', 'spam'], '1')).toThrow(/unknown label '1'.*A label is a name.*set labelNames/);
    const many = Array.from({ length: 30 }, (_, i) => `c${i}`);
    expect(() => applied(many, 'x')).toThrow(/and 10 more/);
  });
});

describe('the plain form of a name', () => {
  test.each<[string, string, ...string[]]>([
    ['spaces', ' not  spam', 'not spam\t', 'not\u00a0spam'],
    ['case', 'STRASSE', 'straße', 'Straße'],
    ['the final sigma', 'ΟΔΟΣ', 'οδος', 'οδοσ'],
    ['width', 'ＳＰＡＭ', 'spam', 'Spam'],
    ['invisible characters', 'sp\u200bam', '\ufeffspam', 'spam\u00ad', 'spam'],
    ['composition', 'cafe\u0301', 'caf\u00e9'],
    ['the form of a number', '1', '1.0', '01', '+1', '１', '1.', '1e0'],
    ['fractions', '0.50', '.5', '0.5'],
    ['zero', '0', '-0', '0.0', '00'],
    ['large numbers', '9007199254740993', '9007199254740993.0', '09007199254740993'],
  ])('is the same whatever %s', (_, ...names) => {
    expect(new Set(names.map(plainForm)).size).toBe(1);
  });

  test('tells apart what is another name', () => {
    const names = [
      'a',
      'b',
      'a b',
      'ab',
      '1',
      '-1',
      '10',
      '0.1',
      '1.1',
      '9007199254740992',
      '9007199254740993',
      '1x',
      '',
    ];
    expect(new Set(names.map(plainForm)).size).toBe(names.length);
  });

  test('takes linear time', () => {
    const started = performance.now();
    for (const long of ['1'.repeat(1e6), `${'1'.repeat(1e6)}x`, ' '.repeat(1e6), `a${' '.repeat(1e6)}b`])
      plainForm(long);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test('says what is a number, and which is one of a class', () => {
    expect(['1', '-1', '0.5', '1.0', '１', 'LABEL_1', '1st', ''].map(isNumber)).toEqual([
      ...[true, true, true, true, true, false, false, false],
    ]);
    expect(['0', '7.0', '-1', '0.5', '1e9', 'x', '9007199254740993'].map(classNumber)).toEqual([
      ...[0, 7, undefined, undefined, 1e9, undefined, undefined],
    ]);
  });
});
