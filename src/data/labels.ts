// The classes of a task: their names in the order of the model's outputs. They come from the training data or from
// the model's own config.json, and every later file is read against them.

import { DataError, UsageError } from '../errors.js';
import { ofKind } from './columns.js';
import { noClass } from './read/record.js';
import { locationOf, type Table } from './table.js';

export class LabelSet {
  readonly names: readonly string[];
  #ids: Map<string, number>;

  /** `names[i]` is the class of output i. */
  constructor(names: readonly string[]) {
    this.names = names;
    this.#ids = new Map(names.map((name, id) => [name, id]));
    if (this.#ids.size !== names.length) throw new UsageError(`a class is named twice among: ${list(names)}`);
  }

  get size(): number {
    return this.names.length;
  }

  /** The class with this name; a number counts as the id itself where no class has it for a name. */
  id(label: string): number | undefined {
    const known = this.#ids.get(label);
    if (known !== undefined) return known;
    return /^\d+$/.test(label) && Number(label) < this.size ? Number(label) : undefined;
  }

  /**
   * Turns the classes of a table from indices into `names`, as it was read, into these.
   * @throws DataError with file and line of the first label that is not among the classes.
   */
  apply(table: Table, names: readonly string[]): void {
    const classes = Int32Array.from(names, (name) => this.id(name) ?? -1);
    const classOf = (name: number, sample: number): number => {
      if (classes[name] !== -1) return classes[name]!;
      throw new DataError(
        `${locationOf(table, sample)}: unknown label '${names[name]}'; the model's ${this.size} classes are ${list(this.names)}`,
      );
    };
    for (const column of Object.values(table.columns)) {
      if (column.kind === 'class')
        for (let i = 0; i < table.count; i++) column.values[i] = classOf(column.values[i]!, i);
      if (column.kind !== 'classes') continue;
      for (let i = 0; i < table.count; i++)
        for (let k = column.offsets[i]!; k < column.offsets[i + 1]!; k++)
          if (column.values[k] !== noClass) column.values[k] = classOf(column.values[k]!, i);
    }
  }
}

/** Class i of a table becomes `classes[i]`. */
export function relabel({ columns, count }: Table, classes: readonly number[]): void {
  for (const column of Object.values(columns)) {
    if (column.kind === 'class') for (let i = 0; i < count; i++) column.values[i] = classes[column.values[i]!]!;
    if (column.kind === 'classes')
      for (let k = 0; k < column.offsets[count]!; k++) column.values[k] = classes[column.values[k]!] ?? noClass;
  }
  const targets = ofKind(columns, 'targets', 'numbers');
  for (let at = 0; targets && at < count * targets.width; at += targets.width) {
    const row = targets.values.slice(at, at + targets.width);
    for (const [from, to] of classes.entries()) targets.values[at + to] = row[from]!;
  }
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

/**
 * The classes of training data from the labels in it: numbers in their order, anything else sorted by code unit.
 * @throws DataError when there are not at least two.
 */
export function labelsOfData(labels: readonly string[], files: readonly string[]): LabelSet {
  if (labels.length < 2)
    throw new DataError(
      `data file ${files.join(', ')} has one class only ('${labels[0] ?? ''}'); training a classifier takes two or more`,
    );
  const numeric = labels.every((name) => /^\d+$/.test(name));
  return new LabelSet(numeric ? [...labels].sort((a, b) => Number(a) - Number(b)) : [...labels].sort());
}

/** The classes that config.json names in `id2label`, or undefined where it has none. */
export function labelsOfConfig(config: { id2label?: Record<string, string> }): LabelSet | undefined {
  const entries = Object.entries(config.id2label ?? {}).sort(([a], [b]) => Number(a) - Number(b));
  if (entries.length === 0) return undefined;
  if (entries.some(([id], i) => Number(id) !== i))
    throw new UsageError(
      `config.json: the keys of id2label must be 0, 1, 2, …, found ${entries.map(([id]) => id).join(', ')}`,
    );
  return new LabelSet(entries.map(([, name]) => String(name)));
}

const list = (names: readonly string[]): string => {
  const shown = names.slice(0, 20).map((name) => `'${name}'`);
  return shown.join(', ') + (names.length > shown.length ? ` and ${names.length - shown.length} more` : '');
};
