// A row of a data file as the values of columns: which are taken, and what they may hold. What a label means is for
// labels.ts.

import { DataError } from '../../errors.js';
import { quote } from '../../quote.js';
import type { ColumnKind, ColumnSpec } from '../columns.js';
import { readForm } from './forms.js';
import { isRounded, labelOf, noClass } from './label-value.js';
import {
  columnAt,
  describe,
  missingColumn,
  placeOf,
  type RawRecord,
  type ReadOptions,
  type RecordUnit,
} from './row.js';

/** What a row of a table holds for a column of each kind. */
export interface FieldValues {
  text: string;
  texts: readonly string[];
  /** Numbers and booleans are their text: '3', 'true'. */
  class: string;
  /** Undefined for no class. */
  classes: readonly (string | undefined)[];
  /** From UTF-16 place to place. */
  ranges: readonly (readonly [number, number])[];
  numbers: readonly number[];
  tensor: { shape: readonly number[]; values: readonly number[] };
}

export { labelOf, noClass };

/** Kinds of columns that tables hold. */
export type FieldKind = keyof FieldValues;

export interface TableRecord {
  /** By role. */
  values: Readonly<Record<string, FieldValues[FieldKind]>>;
  /** Finite, 0 or greater. */
  weight?: number;
  /** What was taken for what, for a note. */
  said?: string;
  /** As in the row that was read. */
  line: number;
}

/** The columns that `readRaw` has to read; `weights` is that of the weights. */
export const columnNames = (columns: readonly ColumnSpec[], weights?: string): string[] => [
  ...new Set([
    ...columns.flatMap(
      ({ name, role, form, within, parts = form ? [form.names[role] ?? []].flat() : [within ?? name] }) => parts,
    ),
    ...(weights === undefined ? [] : [weights]),
  ]),
];

/** What is read of a file for these columns. */
export const readOptions = (
  columns: readonly ColumnSpec[],
  weights?: string,
): Pick<ReadOptions, 'columns' | 'structs' | 'sentences'> => ({
  columns: columnNames(columns, weights),
  // Answers of questions, ranges of entities, messages of chats, and texts by language.
  structs: columns.flatMap(({ kind, form, name, within }) => {
    if (within !== undefined) return [within];
    return form && (kind === 'ranges' || form.kind === 'chats') ? [name] : [];
  }),
  sentences: columns.some(({ form }) => form?.kind === 'entities'),
});

/**
 * Takes the columns out of a row.
 * @throws DataError, with file and line, for a missing column, a value that is not of the column's kind, and a weight
 *   that is not a finite number of at least 0 (CSV: its text).
 */
export function toRecord(
  { row, line }: RawRecord,
  file: string,
  columns: readonly ColumnSpec[],
  weights?: string,
  unit?: RecordUnit,
): TableRecord {
  const place = placeOf(file, line, unit);
  const ofForm = columns.filter((column) => column.form);
  const [{ form } = {}] = ofForm;
  const wanted = ofForm.map(({ role }) => role);
  const read = form && readForm(form, row, place, wanted);
  const values: Record<string, FieldValues[FieldKind]> = {};
  for (const column of columns) {
    const found = column.form ? read?.values[column.role] : undefined;
    if (found !== undefined) {
      values[column.role] = found;
      continue;
    }
    values[column.role] = readers[fieldKind(column.kind)](row, column.name, place, column);
  }
  const said = read?.said;
  const weight = weights === undefined ? {} : { weight: weightOf(row, weights, place) };
  return { values, ...weight, line, ...(said !== undefined && { said }) };
}

/** @throws Error for a kind that no table holds */
export function fieldKind(kind: ColumnKind): FieldKind {
  if (kind === 'picture' || kind === 'tokens') throw new Error(`a table holds no ${kind} column`);
  return kind;
}

/** @throws DataError for a missing column */
export function fieldOf(row: RawRecord['row'], column: string, place: string): unknown {
  if (Object.hasOwn(row, column)) return row[column];
  const names = Object.keys(row);
  const at = columnAt(names, column, place);
  if (at === undefined) throw missingColumn(place, column, names);
  return row[names[at]!];
}

/** What the object in a column has under a name. @throws DataError where it is none, or has no such one */
function innerField(
  row: RawRecord['row'],
  column: string,
  name: string,
  place: string,
  others: readonly string[] = [],
): unknown {
  const object = fieldOf(row, column, place);
  if (typeof object !== 'object' || object === null || Array.isArray(object))
    throw new DataError(
      `${place}: column ${quote(column)} must hold an object with a text under ${quote(name)}, found ${describe(object)}`,
    );
  const inner = object as RawRecord['row'];
  const other = Object.hasOwn(inner, name) ? undefined : others.find((one) => Object.hasOwn(inner, one));
  return fieldOf(inner, other ?? name, `${place}: in column ${quote(column)}`);
}

type Reader<V> = (row: RawRecord['row'], column: string, place: string, spec: ColumnSpec) => V;

const readers: { [K in FieldKind]: Reader<FieldValues[K]> } = {
  text(row, column, place, spec) {
    const { within, others } = spec;
    const value = within === undefined ? fieldOf(row, column, place) : innerField(row, within, column, place, others);
    if (spec.named) return readers.class(row, column, place, spec);
    if (typeof value === 'string') return value;
    throw new DataError(`${place}: column ${quote(column)} must be a text, found ${describe(value)}`);
  },
  texts(row, column, place) {
    const value = fieldOf(row, column, place);
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
    throw new DataError(`${place}: column ${quote(column)} must be a list of texts, found ${describeList(value)}`);
  },
  class(row, column, place) {
    const label = labelOf(fieldOf(row, column, place));
    if (label !== undefined) return label;
    throw new DataError(
      `${place}: column ${quote(column)} must hold a label (text, number or boolean), found ${describeLabel(row[column])}${severalHint(row[column])}`,
    );
  },
  classes(row, column, place, { set }) {
    const value = fieldOf(row, column, place);
    if (set) return setOf(value, column, place, set.separator);
    const isNone = (one: unknown): boolean => one === null || one === noClass;
    if (Array.isArray(value) && value.every((one) => isNone(one) || labelOf(one) !== undefined))
      return value.map((one) => (isNone(one) ? undefined : labelOf(one)));
    throw new DataError(
      `${place}: column ${quote(column)} must be a list of labels (texts or numbers; ${noClass} or null for none), ` +
        `found ${describeList(value, describeLabel)}`,
    );
  },
  ranges(_, column, place) {
    throw new DataError(`${place}: column ${quote(column)} holds ranges of texts, which this form of rows has not`);
  },
  numbers(row, column, place, { parts, range }) {
    const numbers = parts
      ? parts.map((part) => numbersOf(fieldOf(row, part, place), part, place, range, true)[0]!)
      : numbersOf(fieldOf(row, column, place), column, place, range);
    if (range === 'distribution') refuseOtherSum(numbers, place);
    return numbers;
  },
  tensor(row, column, place) {
    const value = fieldOf(row, column, place);
    const shape: number[] = [];
    for (let inner = value; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
    const values: number[] = [];
    const isWhole = (part: unknown, depth: number): boolean => {
      if (depth < shape.length)
        return Array.isArray(part) && part.length === shape[depth] && part.every((one) => isWhole(one, depth + 1));
      const number = numberOf(part);
      if (number !== undefined) values.push(number);
      return number !== undefined;
    };
    if (isWhole(value, 0)) return { shape, values };
    throw new DataError(
      `${place}: column ${quote(column)} must be a list of numbers, or lists of equal length of them in one another, or a number, ` +
        `found ${describeList(value)}`,
    );
  },
};

/** What to do about a list, or numbers, where one label is expected. */
const severalHint = (value: unknown): string =>
  Array.isArray(value)
    ? '. Where several labels may hold at once set multiLabel; where it is a number for each class set labelRows'
    : '';

/** The labels that hold. @throws DataError for what is no list of them, and one that comes twice */
function setOf(value: unknown, column: string, place: string, separator: string | undefined): string[] {
  const text = typeof value === 'string' ? value : undefined;
  const cut =
    text === undefined || separator === undefined ? undefined : text.split(separator).map((one) => one.trim());
  // Nothing but white space: no label holds.
  const list = cut?.length === 1 && cut[0] === '' ? [] : (cut ?? value);
  const labels = Array.isArray(list) ? list.map(labelOf) : undefined;
  if (!labels || labels.includes(undefined)) {
    const found = Array.isArray(list)
      ? `a list with ${describeLabel(list[labels!.indexOf(undefined)])}`
      : text === undefined
        ? describe(value)
        : `the text ${quote(text, 60)}; say with labelSeparator what stands between them, as in 'a|b'`;
    throw new DataError(
      `${place}: column ${quote(column)} must be a list of the labels that hold (texts or numbers), found ${found}`,
    );
  }
  const twice = labels.find((label, i) => labels.indexOf(label) !== i);
  if (twice === undefined) return labels as string[];
  const row = Array.isArray(value) && value.every((one) => typeof one === 'number');
  throw new DataError(
    `${place}: column ${quote(column)} has the label ${quote(twice)} twice` +
      `${row ? '; if the list is a number for each label, from 0 to 1, set labelRows' : '; name each label that holds once'}`,
  );
}

/** Numbers that float32 holds. @throws DataError for what is none, and where they are not of the range */
function numbersOf(
  value: unknown,
  column: string,
  place: string,
  range: ColumnSpec['range'],
  single = false,
): number[] {
  const isList = Array.isArray(value) && !single;
  const list: unknown[] = isList ? value : [value];
  const numbers = list.map((one) => (range === 'shares' ? (truth(one) ?? numberOf(one)) : numberOf(one)));
  const bad = list.findIndex((_, i) => numbers[i] === undefined || !Number.isFinite(Math.fround(numbers[i])));
  if (bad >= 0 || list.length === 0) {
    const found = list.length === 0 ? 'an empty list' : `${isList ? 'a list with ' : ''}${describeNumber(list[bad])}`;
    throw new DataError(
      `${place}: column ${quote(column)} must be a number${single ? '' : ' or a list of numbers'}, found ${found}`,
    );
  }
  const outside = range === undefined ? undefined : numbers.find((one) => !(one! >= 0 && one! <= 1));
  if (outside !== undefined)
    throw new DataError(`${place}: column ${quote(column)} has ${outside}, expected a number from 0 to 1`);
  return numbers as number[];
}

/** @throws DataError for probabilities that do not add up to 1 */
export function refuseOtherSum(numbers: ArrayLike<number>, place: string): void {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += numbers[i]!;
  if (Math.abs(sum - 1) > 1e-3)
    throw new DataError(
      `${place}: the probabilities of the classes add up to ${sum}, expected 1; where several labels may hold at once, set multiLabel`,
    );
}

/** 1 or 0 of what says whether a label holds. */
const truth = (value: unknown): number | undefined =>
  value === true || (typeof value === 'string' && /^true$/i.test(value))
    ? 1
    : value === false || (typeof value === 'string' && /^false$/i.test(value))
      ? 0
      : undefined;

/** What is wrong with a number. */
const describeNumber = (value: unknown): string =>
  typeof value === 'string' && value !== ''
    ? quote(value, 60)
    : typeof value === 'number' && Number.isFinite(value)
      ? `${value}, which is more than float32 holds`
      : describe(value);

/** What is wrong with a label. */
export function describeLabel(value: unknown): string {
  if (isRounded(value))
    return `${describe(value)}, which may be another one rounded: write it as a text, or as a BigInt`;
  return typeof value === 'string' && value !== '' ? `${quote(value)}, which shows nothing` : describe(value);
}

/** A finite number, or the text of one (CSV). */
function numberOf(value: unknown): number | undefined {
  const isNumber = typeof value === 'number' || typeof value === 'bigint';
  const number = isNumber || (typeof value === 'string' && value.trim() !== '') ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

/** @throws DataError for what is no finite number of at least 0 (CSV: its text) */
export function weightOf(row: RawRecord['row'], column: string, place: string): number {
  const value = fieldOf(row, column, place);
  const weight = numberOf(value);
  if (weight !== undefined && weight >= 0) return weight;
  const found = typeof value === 'string' && value !== '' ? quote(value) : describe(value);
  throw new DataError(
    `${place}: column ${quote(column)} must hold a weight (a finite number, 0 or greater), found ${found}`,
  );
}

/** What is wrong with a list: the value itself, or what is in it. */
function describeList(value: unknown, describeOne = describe): string {
  if (!Array.isArray(value)) return describe(value);
  const kinds = [...new Set(value.slice(0, 100).map((one) => describeOne(one)))];
  return value.length === 0
    ? 'an empty list'
    : `a list with ${kinds.slice(0, 3).join(', ')}${kinds.length > 3 ? ', …' : ''}`;
}
