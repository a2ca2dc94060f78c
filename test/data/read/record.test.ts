import { expect, test } from 'vitest';
import { textColumns } from '#ortune/data/column-specs.js';
import { columnNames, toRecord } from '#ortune/data/read/record.js';
import { DataError } from '#ortune/errors.js';

const columns = textColumns({ textColumn: 'a', pairColumn: 'b', labelColumn: 'c' });
const take = (row: Record<string, unknown>) => {
  const { values, ...rest } = toRecord({ row, line: 7 }, 'x.csv', columns, 'd');
  return { ...values, ...rest };
};

test('a record is the text, the pair, the label as text and the weight as number', () => {
  expect(take({ a: 'one', b: '', c: 'ham', d: 0.5, e: 1 })).toEqual({
    text: 'one',
    pair: '',
    label: 'ham',
    weight: 0.5,
    line: 7,
  });
  expect(take({ a: '', b: '', c: 3, d: ' 1e-3' })).toMatchObject({ label: '3', weight: 0.001 });
  expect(take({ a: '', b: '', c: true, d: 0 })).toMatchObject({ label: 'true', weight: 0 });
  expect(take({ a: '', b: '', c: 2n ** 63n, d: 2n })).toMatchObject({ label: '9223372036854775808', weight: 2 });
  expect(toRecord({ row: { a: 'x' }, line: 1 }, 'x.csv', textColumns({ textColumn: 'a' }))).toEqual({
    values: { text: 'x' },
    line: 1,
  });
});

const good = { a: 'one', b: 'two', c: 'ham', d: 1 };
test.each([
  [{ b: '', c: '', d: 1 }, /^x\.csv:7: no column 'a'; found 'b', 'c', 'd'$/],
  [{}, /found none$/],
  [{ ...good, a: 5 }, /^x\.csv:7: column 'a' must be a text, found the number 5$/],
  [{ ...good, b: null }, /column 'b' must be a text, found null/],
  [{ ...good, c: '' }, /column 'c' must hold a label \(text, number or boolean\), found nothing/],
  [{ ...good, c: Number.NaN }, /found the number NaN/],
  [{ ...good, c: ['x'] }, /found a list/],
  [{ ...good, d: -1 }, /column 'd' must hold a weight \(a finite number, 0 or greater\), found the number -1/],
  [{ ...good, d: '1,5' }, /found '1,5'/],
  [{ ...good, d: '' }, /found nothing/],
  [{ ...good, d: 'Infinity' }, /found 'Infinity'/],
  [{ ...good, d: null }, /found null/],
  [{ ...good, d: true }, /found a value of type boolean/],
])('%j is refused', (row, message) => {
  expect(() => take(row)).toThrow(message);
  expect(() => take(row)).toThrow(DataError);
});

test('the columns to read are named once each', () => {
  expect(columnNames(columns, 'd')).toEqual(['a', 'b', 'c', 'd']);
  expect(columnNames(textColumns({ textColumn: 'a', pairColumn: 'a' }))).toEqual(['a']);
});
