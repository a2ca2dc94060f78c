// The classes of a task: their names in the order of the model's outputs. They come from the training data or from
// the model's own config.json, and every later file is read against them.

import { DataError, UsageError } from '../errors.js';
import type { TextDataset, TextRecord } from './records.js';

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
   * The ids of all labels of a file.
   * @throws DataError with the line of the first label that is not among the classes.
   */
  ids(data: { file: string; records: readonly TextRecord[] }): Int32Array {
    return Int32Array.from(data.records, ({ label, line }) => {
      const id = label === undefined ? undefined : this.id(label);
      if (id !== undefined) return id;
      throw new DataError(
        `${data.file}:${line}: unknown label '${label ?? ''}'; the model's ${this.size} classes are ${list(this.names)}`,
      );
    });
  }
}

/**
 * The classes of training data: numbers in their order, anything else sorted by code unit.
 * @throws DataError when there are not at least two.
 */
export function labelsOfData(data: TextDataset): LabelSet {
  const names = [...new Set(data.records.map(({ label }) => label ?? ''))];
  if (names.length < 2)
    throw new DataError(
      `data file ${data.file} has one class only ('${names[0] ?? ''}'); training a classifier takes two or more`,
    );
  const numeric = names.every((name) => /^\d+$/.test(name));
  return new LabelSet(numeric ? names.sort((a, b) => Number(a) - Number(b)) : names.sort());
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
