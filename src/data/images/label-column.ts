// The labels of a table's rows as they are read: names or numbers of classes, rows of numbers (soft labels, or 0 and 1
// for each of several labels), or lists of the labels that hold. All rows of a table must be of one kind.

import { DataError } from '../../errors.js';
import { describe } from '../read/row.js';
import type { SourceLabels } from './sources.js';

type Kind = 'name' | 'number' | 'numbers' | 'names';

export class LabelColumn {
  readonly #column: string;
  readonly #ids = new Map<string, number>();
  #kind: Kind | undefined;
  #width = 0;
  /** A number for each row, or all rows of numbers one after the other. */
  readonly #values: number[] = [];
  /** The labels that hold, of each row. */
  readonly #lists: number[][] = [];

  /** @param column for messages */
  constructor(column: string) {
    this.#column = column;
  }

  /**
   * Adds the label of a row. @throws DataError with its place for what is none, or is of another kind than those before
   */
  add(value: unknown, place: string): void {
    const kind = kindOf(value);
    if (!kind)
      throw new DataError(
        `${place}: column '${this.#column}' must hold a label (a text or a number), or a list of numbers or of labels; found ${describe(value)}`,
      );
    this.#kind ??= kind;
    if (kind !== this.#kind)
      throw new DataError(
        `${place}: column '${this.#column}' has ${words[kind]}, the rows before ${words[this.#kind]}`,
      );
    if (kind === 'name') this.#values.push(this.#idOf(String(value)));
    else if (kind === 'number') this.#values.push(Number(value));
    else if (kind === 'names') this.#lists.push((value as unknown[]).map((name) => this.#idOf(String(name))));
    else this.#addNumbers(value as number[], place);
  }

  #addNumbers(row: readonly number[], place: string): void {
    if (this.#values.length === 0) this.#width = row.length;
    if (row.length !== this.#width)
      throw new DataError(
        `${place}: column '${this.#column}' has a list of ${row.length} numbers, the rows before have ${this.#width}`,
      );
    for (const value of row) this.#values.push(value);
  }

  /** What was added; `names` are those of labelsAreIndices classes, where the file has them. */
  labels(names: readonly string[] | undefined): Pick<SourceLabels, 'labels' | 'names' | 'open'> {
    const met = [...this.#ids.keys()];
    if (this.#kind === 'name')
      return { labels: { values: Float64Array.from(this.#values), width: undefined }, names: met, open: true };
    if (this.#kind !== 'names') {
      const width = this.#kind === 'numbers' ? this.#width : undefined;
      return { labels: { values: Float64Array.from(this.#values), width }, names };
    }
    const values = new Float64Array(this.#lists.length * met.length);
    for (const [row, list] of this.#lists.entries()) for (const id of list) values[row * met.length + id] = 1;
    return { labels: { values, width: met.length }, names: met, open: true };
  }

  #idOf(name: string): number {
    const id = this.#ids.get(name) ?? this.#ids.size;
    this.#ids.set(name, id);
    return id;
  }
}

const words: Readonly<Record<Kind, string>> = {
  name: 'a text',
  number: 'a number',
  numbers: 'a list of numbers',
  names: 'a list of labels',
};

function kindOf(value: unknown): Kind | undefined {
  if (typeof value === 'string') return value === '' ? undefined : 'name';
  if (typeof value === 'boolean') return 'name';
  if (typeof value === 'number' || typeof value === 'bigint')
    return Number(value) >= 0 && Number.isInteger(Number(value)) ? 'number' : undefined;
  if (!Array.isArray(value)) return undefined;
  if (value.length > 0 && value.every((one) => typeof one === 'number')) return 'numbers';
  return value.every((one) => typeof one === 'string' && one !== '') ? 'names' : undefined;
}
