// The classes of a task: their names in the order of the model's outputs. They come from the training data or from
// the model's own config.json, and every later file is read against them.

import { DataError, UsageError } from '../errors.js';
import { locationOf, type TextTable } from './table.js';

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
   * Turns the labels of a table from indices into `names`, as it was read, into classes.
   * @throws DataError with file and line of the first label that is not among the classes.
   */
  apply(table: TextTable, names: readonly string[]): void {
    if (names.length === 0) return; // no labels were read: all are class 0
    const classes = Int32Array.from(names, (name) => this.id(name) ?? -1);
    for (let i = 0; i < table.count; i++) {
      const name = table.label[i]!;
      if (classes[name] === -1)
        throw new DataError(
          `${locationOf(table, i)}: unknown label '${names[name]}'; the model's ${this.size} classes are ${list(this.names)}`,
        );
      table.label[i] = classes[name]!;
    }
  }
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
