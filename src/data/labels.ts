// The classes of a task: their names in the order of the model's outputs, and how a label is found among them. Which
// classes there are, and what the labels of a file stand for, is for settle-labels.ts.

import { DataError, UsageError } from '../errors.js';
import { quote } from '../quote.js';
import { type NumbersSlice, ofKind, targetsRole } from './columns.js';
import { classNumber, plainForm } from './label-forms.js';
import { noClass } from './read/record.js';
import { locationOf, type Table } from './table.js';

export class LabelSet {
  readonly names: readonly string[];
  readonly #ids: Map<string, number>;
  /** By plain form; -1 where several names have it. */
  #alike: Map<string, number> | undefined;

  /** `names[i]` is the class of output i. */
  constructor(names: readonly string[]) {
    this.names = names;
    this.#ids = new Map(names.map((name, id) => [name, id]));
    if (this.#ids.size !== names.length) throw new UsageError(`a class is named twice among: ${listed(names)}`);
  }

  get size(): number {
    return this.names.length;
  }

  /** The class of this very name, else the only one whose name looks like it. */
  find(label: string): number | undefined {
    const known = this.#ids.get(label);
    if (known !== undefined) return known;
    this.#alike ??= this.#plainForms();
    const alike = this.#alike.get(plainForm(label));
    return alike === -1 ? undefined : alike;
  }

  #plainForms(): Map<string, number> {
    const alike = new Map<string, number>();
    for (const [id, name] of this.names.entries()) {
      const form = plainForm(name);
      alike.set(form, alike.has(form) ? -1 : id);
    }
    return alike;
  }
}

/** How the labels of a file are read; JSON. */
export interface LabelReading {
  /** Names that the labels are, or are numbers of. */
  of: readonly string[];
  /** Label i is the name `of[i]`; else labels are names. */
  numbers: boolean;
  /** The class of each of the names; -1: none. */
  to: readonly number[];
}

/** Looks labels up as a reading says. */
export class LabelReader {
  readonly #reading: LabelReading;
  readonly #names: LabelSet;
  readonly #known = new Map<string, number>();

  constructor(reading: LabelReading) {
    this.#reading = reading;
    this.#names = new LabelSet(reading.of);
  }

  /** The class of a label; -1 where it has none. */
  classOf(label: string): number {
    const known = this.#known.get(label);
    if (known !== undefined) return known;
    const place = this.#reading.numbers ? classNumber(label) : this.#names.find(label);
    const found = (place === undefined ? undefined : this.#reading.to[place]) ?? -1;
    this.#known.set(label, found);
    return found;
  }
}

/**
 * Turns the classes of a table from indices into `names`, as it was read, into classes.
 * @param readings of each file of the table
 * @throws DataError with file and line of the first label that is not among the classes.
 */
export function applyLabels(
  table: Table,
  names: readonly string[],
  classes: readonly string[],
  readings: readonly LabelReading[],
): void {
  const readers = readings.map((reading) => new LabelReader(reading));
  const files = table.origin.lines?.file;
  const classOf = (name: number, sample: number): number => {
    const found = readers[files ? files[sample]! : 0]!.classOf(names[name]!);
    if (found !== -1) return found;
    throw new DataError(`${locationOf(table, sample)}: ${unknownLabel(names[name]!, classes)}`);
  };
  const numbers = ofKind(table.columns, targetsRole, 'numbers');
  if (numbers && names.length > 0) reorder(numbers, names, table.count, (i) => readers[files ? files[i]! : 0]!);
  for (const column of Object.values(table.columns)) {
    if (column.kind === 'class') for (let i = 0; i < table.count; i++) column.values[i] = classOf(column.values[i]!, i);
    if (column.kind !== 'classes') continue;
    for (let i = 0; i < table.count; i++)
      for (let k = column.offsets[i]!; k < column.offsets[i + 1]!; k++)
        if (column.values[k] !== noClass) column.values[k] = classOf(column.values[k]!, i);
  }
}

/** Puts the numbers of each sample, which are those of `names`, in the order of the classes. */
function reorder(
  { values, width }: NumbersSlice,
  names: readonly string[],
  count: number,
  readerOf: (sample: number) => LabelReader,
): void {
  const row = new Float32Array(width);
  for (let i = 0; i < count; i++) {
    const own = values.subarray(i * width, (i + 1) * width);
    row.set(own);
    const reader = readerOf(i);
    for (const [k, name] of names.entries()) own[reader.classOf(name)] = row[k]!;
  }
}

/** What is wrong with a label that no class has, and what to do where it is a number. */
export function unknownLabel(label: string, classes: readonly string[]): string {
  const number = classNumber(label);
  const help =
    number === undefined || number > classes.length
      ? ''
      : '. A label is a name, no number of a class: set labelNames to the names of the classes in the order of their numbers if it is one';
  return `unknown label ${quote(label)}; the model's ${classes.length} classes are ${listed(classes)}${help}`;
}

/** Samples of each class, or words of it; where several labels may hold at once, those that have the label. */
export function countClasses({ columns, count }: Table, size: number, multiLabel: boolean): number[] {
  const counts: number[] = new Array(size).fill(0);
  const targets = multiLabel ? ofKind(columns, 'targets', 'numbers') : undefined;
  const label = ofKind(columns, 'label', 'class');
  const classes = Object.values(columns).find((column) => column.kind === 'classes');
  if (targets) {
    for (let i = 0; i < count * size; i++) if (targets.values[i]! >= 0.5) counts[i % size]!++;
  } else if (label) for (let i = 0; i < count; i++) counts[label.values[i]!]!++;
  else if (classes) {
    for (let k = 0; k < classes.offsets[count]!; k++) if (classes.values[k] !== noClass) counts[classes.values[k]!]!++;
  } else if (size > 0) counts[0] = count;
  return counts;
}

/** Names in the order of classes: numbers in theirs, anything else sorted by code unit. */
export function sortedNames(names: readonly string[]): string[] {
  if (!names.every((name) => /^\d+$/.test(name))) return [...names].sort();
  const digits = (name: string): string => name.replace(/^0+/, '');
  const compare = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : Number(a > b));
  return [...names].sort((a, b) => compare(digits(a), digits(b)) || compare(a, b));
}

/**
 * The classes that config.json names, in `id2label`, or in `label2id` where that stands alone; undefined where it names
 * none. @throws UsageError for numbers with gaps, a name of two classes, and where the two disagree
 */
export function labelsOfConfig({ id2label, label2id }: NamesOfConfig): LabelSet | undefined {
  const named: [id: string, name: string][] = Object.entries(id2label ?? {}).map(([id, name]) => [id, String(name)]);
  const turned: typeof named = Object.entries(label2id ?? {}).map(([name, id]) => [String(id), name]);
  const [key, entries] = named.length > 0 ? (['id2label', named] as const) : (['label2id', turned] as const);
  if (entries.length === 0) return undefined;
  entries.sort(([a], [b]) => Number(a) - Number(b));
  if (entries.some(([id], i) => Number(id) !== i))
    throw new UsageError(
      `config.json: the numbers of ${key} must be 0, 1, 2, …, found ${entries.map(([id]) => id).join(', ')}`,
    );
  const names = entries.map(([, name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new UsageError(`config.json: ${key} calls two classes ${quote(twice)}: give each a name of its own`);
  // Names that only one of them has are left over from an edit of the other.
  const other =
    key === 'id2label' ? turned.find(([id, name]) => names.includes(name) && names[Number(id)] !== name) : undefined;
  if (other !== undefined)
    throw new UsageError(
      `config.json: ${quote(other[1])} is class ${names.indexOf(other[1])} by id2label and ${other[0]} by label2id: ` +
        'which is right is not known; correct one of them, or leave label2id out',
    );
  return new LabelSet(names);
}

/** What config.json says of the names of classes. */
interface NamesOfConfig {
  id2label?: Record<string, string> | undefined;
  label2id?: Record<string, number> | undefined;
}

/** The first of names, as they stand in messages. */
export const listed = (names: readonly string[], most = 20): string => {
  const shown = names.slice(0, most).map((name) => quote(name, 60));
  return shown.join(', ') + (names.length > shown.length ? ` and ${names.length - shown.length} more` : '');
};

/** Names listed in pairs at most. */
export const shownPairs = 10;

/** Names, and what each becomes. */
export function pairs(from: readonly string[], to: readonly string[]): string {
  const shown = from.slice(0, shownPairs).map((name, i) => `${quote(name, 60)} → ${quote(to[i]!, 60)}`);
  return shown.join(', ') + (from.length > shown.length ? ` and ${from.length - shown.length} more` : '');
}
