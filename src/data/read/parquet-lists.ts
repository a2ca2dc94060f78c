// Lists of a Parquet column, put together again from its levels: an entry's repetition level says which list it goes on
// with (0: a new row), its definition level how much of the way to the value is there. A row may go on in the next
// page, so the last row of a page is held back. Every level is checked, since those of a damaged page name lists that
// are not there. Source: Melnik et al., Dremel, 2010, section 4;
// https://parquet.apache.org/docs/file-format/nestedencoding/

import type { DecodedArray, SchemaTree } from 'hyparquet';

/** Entries of a page, and of a row, at most: far more than writers put there. */
export const mostEntries = 2 ** 24;

/** A data page of a column of lists: a pair of levels for each entry, and the values of those that have one. */
export interface ListPage {
  repetitions: Uint32Array;
  definitions: Uint32Array;
  values: DecodedArray;
}

/** Steps from the root to a column's value that may be missing: the highest definition level. */
export const definitionSteps = (schemaPath: readonly SchemaTree[]): number =>
  schemaPath.slice(1).filter(({ element }) => element.repetition_type !== 'REQUIRED').length;

/** Lists in one another: the highest repetition level. */
export const listDepth = (schemaPath: readonly SchemaTree[]): number =>
  schemaPath.slice(1).filter(({ element }) => element.repetition_type === 'REPEATED').length;

export class ListAssembler {
  readonly #depth: number;
  readonly #most: number;
  /** The definition level from which on the list of each depth has an element. */
  readonly #definedAt: readonly number[];
  /** The list of each depth that the next entry may go on with. */
  #lists: (unknown[] | undefined)[] = [];
  /** The row that may go on. */
  #row: unknown;
  #entries = 0;

  constructor(schemaPath: readonly SchemaTree[]) {
    this.#depth = listDepth(schemaPath);
    this.#most = definitionSteps(schemaPath);
    const repeated = [...schemaPath.keys()]
      .slice(1)
      .filter((i) => schemaPath[i]!.element.repetition_type === 'REPEATED');
    this.#definedAt = [0, ...repeated.map((i) => definitionSteps(schemaPath.slice(0, i + 1)))];
  }

  /** The rows that are whole once these entries are known. @throws Error for levels that do not fit */
  add({ repetitions, definitions, values }: ListPage): unknown[] {
    const rows: unknown[] = [];
    let next = 0;
    const value = (): unknown => plain(values[next++]);
    for (let i = 0; i < repetitions.length; i++) {
      const [level, defined] = [repetitions[i]!, definitions[i]!];
      if (defined > this.#most) throw new Error(`definition level ${defined} where ${this.#most} is the highest`);
      if (level === 0) {
        rows.push(...this.end());
        this.#row = this.#build(0, defined, value);
        this.#entries = 1;
        continue;
      }
      const list = this.#lists[level];
      if (!list || defined < this.#definedAt[level]!) throw new Error('levels that do not fit each other');
      if (++this.#entries > mostEntries) throw new Error(`a row of more than ${mostEntries} values`);
      list.push(this.#build(level, defined, value));
    }
    return rows;
  }

  /** The row that is held back, where there is one: it does not go on. */
  end(): unknown[] {
    const rows = this.#entries > 0 ? [this.#row] : [];
    this.#entries = 0;
    this.#lists = [];
    return rows;
  }

  /** What stands within the list of depth `level`: a value, a list with its first element, an empty list or null. */
  #build(level: number, defined: number, value: () => unknown): unknown {
    if (level === this.#depth) return defined === this.#most ? value() : null;
    const within = this.#definedAt[level + 1]!;
    this.#lists.length = level + 1;
    if (defined < within) return defined === within - 1 ? [] : null;
    const list: unknown[] = [];
    this.#lists[level + 1] = list;
    list.push(this.#build(level + 1, defined, value));
    return list;
  }
}

/** 64-bit integers as numbers where that is exact. */
export function plain(value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
