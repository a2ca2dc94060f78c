// The labels of a table's rows as they are read: names or numbers, rows of numbers (soft labels, or 0 and 1
// for each of several labels), or lists of the labels that hold. All rows of a table must be of one kind.

import { DataError } from '../../errors.js';
import type { DeclaredNames } from '../label-meaning.js';
import { describeLabel, labelOf } from '../read/record.js';
import type { SourceLabels } from './sources.js';

type Kind = 'name' | 'numbers' | 'names';

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
        `${place}: column '${this.#column}' must hold a label (a text or a number), or a list of numbers or of labels; found ${describeLabel(value)}`,
      );
    this.#kind ??= kind;
    if (kind !== this.#kind)
      throw new DataError(
        `${place}: column '${this.#column}' has ${words[kind]}, the rows before ${words[this.#kind]}`,
      );
    if (kind === 'name') this.#values.push(this.#idOf(labelOf(value)!));
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

  /** What was added. @param declared what the data set says that the labels stand for */
  labels(declared: DeclaredNames | undefined): Pick<SourceLabels, 'labels' | 'names' | 'open' | 'declared'> {
    const met = [...this.#ids.keys()];
    const values = Float64Array.from(this.#values);
    if (this.#kind === 'name') return { labels: { values, width: undefined }, names: met, open: true, declared };
    if (this.#kind === 'numbers') {
      const names = declared && declared.names.length === this.#width ? declared.names : undefined;
      return { labels: { values, width: this.#width }, names };
    }
    return { labels: this.#holding(met.length), names: met, open: true, declared };
  }

  #holding(width: number): SourceLabels['labels'] {
    const values = new Float64Array(this.#lists.length * width);
    for (const [row, list] of this.#lists.entries()) for (const id of list) values[row * width + id] = 1;
    return { values, width };
  }

  #idOf(name: string): number {
    const id = this.#ids.get(name) ?? this.#ids.size;
    this.#ids.set(name, id);
    return id;
  }
}

const words: Readonly<Record<Kind, string>> = {
  name: 'a label',
  numbers: 'a list of numbers',
  names: 'a list of labels',
};

function kindOf(value: unknown): Kind | undefined {
  if (!Array.isArray(value)) return labelOf(value) === undefined ? undefined : 'name';
  if (value.length > 0 && value.every((one) => typeof one === 'number')) return 'numbers';
  return value.every((one) => typeof one === 'string' && labelOf(one) !== undefined) ? 'names' : undefined;
}
