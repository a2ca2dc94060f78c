// Lists put together from the levels of their entries, page by page; and levels that no writer would have written.

import type { SchemaTree } from 'hyparquet';
import { expect, test } from 'vitest';
import { ListAssembler } from '#ortune/data/read/parquet-lists.js';

// An optional list of optional lists of optional values.
const nested = ['REQUIRED', 'OPTIONAL', 'REPEATED', 'OPTIONAL', 'REPEATED', 'OPTIONAL'].map(
  (type) => ({ element: { repetition_type: type } }) as SchemaTree,
);

/** Entries as pairs of digits: repetition and definition level. */
function page(entries: string, values: readonly unknown[]) {
  const levels = (digit: number) => Uint32Array.from(entries.split(' '), (entry) => Number(entry[digit]));
  return { repetitions: levels(0), definitions: levels(1), values: [...values] };
}

test('rows go on from one page to the next', () => {
  const assembler = new ListAssembler(nested);
  expect(assembler.add(page('05 25', ['a', 'b']))).toEqual([]);
  expect(assembler.add(page('24 13 12 15', ['c']))).toEqual([]);
  expect(assembler.add(page('25 01 00 05', ['d', 'e']))).toEqual([[['a', 'b', null], [], null, ['c', 'd']], [], null]);
  expect(assembler.end()).toEqual([[['e']]]);
  expect(assembler.end()).toEqual([]);
});

test('whole numbers of 64 bits are numbers where that is exact', () => {
  const list = new ListAssembler(nested.slice(0, 3));
  list.add(page('02 12', [7n, 2n ** 60n]));
  expect(list.end()).toEqual([[7, 2n ** 60n]]);
});

test.each([
  ['begin within a row', '15', /levels that do not fit each other/],
  ['go on with a list that is none', '00 15', /levels that do not fit/],
  ['go on with an empty list', '03 25', /levels that do not fit/],
  ['go on with a list of an element before', '05 12 25', /levels that do not fit/],
  ['go on without an element', '05 23', /levels that do not fit/],
  ['are in deeper lists than there are', '05 35', /levels that do not fit/],
  ['are defined beyond the value', '06', /definition level 6 where 5 is the highest/],
])('entries that %s are refused', (_, entries, message) => {
  expect(() => new ListAssembler(nested).add(page(entries, ['a', 'b', 'c']))).toThrow(message);
});
