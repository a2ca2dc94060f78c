// Columns that grow value by value, in shared memory: what a table of records is made of. A column is cleared and
// filled again for streamed blocks; its arrays are kept then.

import { DataError } from '../errors.js';
import { quote } from '../quote.js';
import type {
  ClassesSlice,
  ClassSlice,
  ColumnSlice,
  NumbersSlice,
  RangesSlice,
  TensorSlice,
  TextSlice,
  TextsSlice,
} from './columns.js';
import { type FieldKind, type FieldValues, noClass } from './read/record.js';
import { shared, sharedBytes, withRoom } from './shared-arrays.js';

export interface ColumnBuilder<V = FieldValues[FieldKind]> {
  /** Longer than the values there are. */
  readonly column: ColumnSlice;
  /**
   * Adds the value of one more sample and gives the characters of its texts; `repeats`: others may have the same texts.
   * @throws DataError for one unlike the others
   */
  add(value: V, place: string, repeats: boolean): number;
  /** Forgets the values and keeps the memory. */
  clear(): void;
}

const leastCapacity = 1024;
const leastChunkBytes = 64 * 1024;
const mostChunkBytes = 16 * 1024 * 1024;

/** Texts are written in units of this many characters: longer ones are measured, others have room for the worst. */
const measuredFrom = 4096;

/** UTF-8 bytes of many texts, in chunks. */
export class TextStore {
  /** Bytes of the texts as the rows have them, shared ones for each. */
  total = 0;
  readonly chunks: SharedArrayBuffer[] = [];
  /** The chunk that is being filled, and where the next text begins. */
  chunk = 0;
  used = 0;
  #bytes: Buffer | undefined;
  /** Texts that other rows may have, too, where they lie. */
  readonly #shared = new Map<string, Span>();

  /**
   * Writes a text and gives its bytes. Halves of surrogate pairs become U+FFFD, as UTF-8 has no form for them.
   * @param repeats the text may have been written before, and is then not written again
   */
  write(text: string, repeats: boolean): Span {
    const before = repeats ? this.#shared.get(text) : undefined;
    const span = before ?? this.#append(text);
    if (repeats && !before) this.#shared.set(text, span);
    this.total += span.bytes;
    return span;
  }

  #append(text: string): Span {
    const buffer = this.#room(text.length < measuredFrom ? 3 * text.length : Buffer.byteLength(text));
    const begin = this.used;
    const bytes = buffer.write(text, begin);
    this.used += bytes;
    return { chunk: this.chunk, begin, bytes };
  }

  /** The chunk to write to, with at least `most` bytes behind `used`. */
  #room(most: number): Buffer {
    while (!this.#bytes || this.#bytes.length - this.used < most) {
      if (this.#bytes) this.chunk++;
      this.used = 0;
      const before = this.chunks[this.chunk - 1]?.byteLength ?? leastChunkBytes / 2;
      const wanted = Math.max(Math.min(2 * before, mostChunkBytes), most);
      const present = this.chunks[this.chunk];
      if (!present || present.byteLength < most) this.chunks[this.chunk] = sharedBytes(wanted);
      this.#bytes = Buffer.from(this.chunks[this.chunk]!);
    }
    return this.#bytes;
  }

  clear(): void {
    this.chunk = 0;
    this.used = 0;
    this.total = 0;
    this.#bytes = undefined;
    this.#shared.clear();
  }
}

interface Span {
  chunk: number;
  begin: number;
  bytes: number;
}

/** The names of classes, by the numbers in which they were met. */
export class ClassNames {
  names: string[] = [];
  readonly #ids = new Map<string, number>();

  idOf(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    this.#ids.set(name, this.names.length);
    return this.names.push(name) - 1;
  }

  clear(): void {
    this.names = [];
    this.#ids.clear();
  }
}

class TextColumn implements ColumnBuilder<string> {
  readonly column: TextSlice;
  readonly #store: TextStore;
  #count = 0;

  constructor(store: TextStore) {
    this.#store = store;
    this.column = { kind: 'text', chunks: store.chunks, spans: shared.uint32(3 * leastCapacity) };
  }

  add(text: string, _: string, repeats: boolean): number {
    writeSpan(this.column, this.#count++, this.#store.write(text, repeats));
    return text.length;
  }

  clear(): void {
    this.#count = 0;
  }
}

function writeSpan(column: { spans: Uint32Array }, i: number, { chunk, begin, bytes }: Span): void {
  column.spans = withRoom(column.spans, 3 * i + 3);
  column.spans[3 * i] = chunk;
  column.spans[3 * i + 1] = begin;
  column.spans[3 * i + 2] = bytes;
}

class TextsColumn implements ColumnBuilder<readonly string[]> {
  readonly column: TextsSlice;
  readonly #store: TextStore;
  #count = 0;

  constructor(store: TextStore) {
    this.#store = store;
    const [spans, offsets] = [shared.uint32(3 * leastCapacity), shared.uint32(leastCapacity)];
    this.column = { kind: 'texts', chunks: store.chunks, spans, offsets };
  }

  add(texts: readonly string[], _: string, repeats: boolean): number {
    const { column } = this;
    const from = column.offsets[this.#count]!;
    for (const [k, text] of texts.entries()) writeSpan(column, from + k, this.#store.write(text, repeats));
    column.offsets = withRoom(column.offsets, ++this.#count + 1);
    column.offsets[this.#count] = from + texts.length;
    return texts.reduce((sum, { length }) => sum + length, 0);
  }

  clear(): void {
    this.#count = 0;
  }
}

class ClassColumn implements ColumnBuilder<string> {
  readonly column: ClassSlice = { kind: 'class', values: shared.int32(leastCapacity) };
  readonly #names: ClassNames;
  #count = 0;

  constructor(names: ClassNames) {
    this.#names = names;
  }

  add(name: string): number {
    this.column.values = withRoom(this.column.values, this.#count + 1);
    this.column.values[this.#count++] = this.#names.idOf(name);
    return 0;
  }

  clear(): void {
    this.#count = 0;
  }
}

class ClassesColumn implements ColumnBuilder<readonly (string | undefined)[]> {
  readonly column: ClassesSlice = {
    kind: 'classes',
    values: shared.int32(leastCapacity),
    offsets: shared.uint32(leastCapacity),
  };
  readonly #names: ClassNames;
  #count = 0;

  constructor(names: ClassNames) {
    this.#names = names;
  }

  add(names: readonly (string | undefined)[]): number {
    const { column } = this;
    const from = column.offsets[this.#count]!;
    column.values = withRoom(column.values, from + names.length);
    for (const [k, name] of names.entries())
      column.values[from + k] = name === undefined ? noClass : this.#names.idOf(name);
    column.offsets = withRoom(column.offsets, ++this.#count + 1);
    column.offsets[this.#count] = from + names.length;
    return 0;
  }

  clear(): void {
    this.#count = 0;
  }
}

class RangesColumn implements ColumnBuilder<readonly (readonly [number, number])[]> {
  readonly column: RangesSlice = {
    kind: 'ranges',
    values: shared.uint32(leastCapacity),
    offsets: shared.uint32(leastCapacity),
  };
  #count = 0;

  add(ranges: readonly (readonly [number, number])[]): number {
    const { column } = this;
    const from = column.offsets[this.#count]!;
    column.values = withRoom(column.values, 2 * (from + ranges.length));
    for (const [k, range] of ranges.entries()) column.values.set(range, 2 * (from + k));
    column.offsets = withRoom(column.offsets, ++this.#count + 1);
    column.offsets[this.#count] = from + ranges.length;
    return 0;
  }

  clear(): void {
    this.#count = 0;
  }
}

class NumbersColumn implements ColumnBuilder<readonly number[]> {
  readonly column: NumbersSlice = { kind: 'numbers', values: shared.float32(leastCapacity), width: 0 };
  readonly #name: string;
  #count = 0;

  constructor(name: string) {
    this.#name = name;
  }

  add(numbers: readonly number[], place: string): number {
    const { column } = this;
    if (column.width === 0) column.width = numbers.length;
    if (numbers.length !== column.width)
      throw new DataError(
        `${place}: column ${quote(this.#name)} has ${numbers.length} numbers, the rows before have ${column.width}`,
      );
    column.values = withRoom(column.values, (this.#count + 1) * column.width);
    column.values.set(numbers, this.#count++ * column.width);
    return 0;
  }

  clear(): void {
    this.#count = 0;
  }
}

class TensorColumn implements ColumnBuilder<FieldValues['tensor']> {
  readonly column: TensorSlice & { sources: { memory: SharedArrayBuffer; begin: number }[] } = {
    kind: 'tensor',
    dtype: 'float32',
    shape: [],
    sources: [],
    places: shared.uint32(2 * leastCapacity),
  };
  readonly #name: string;
  #count = 0;
  #rowsPerSource = 0;

  constructor(name: string) {
    this.#name = name;
  }

  add({ shape, values }: FieldValues['tensor'], place: string): number {
    const { column } = this;
    if (this.#count === 0) {
      if (String(shape) !== String(column.shape)) column.sources.length = 0;
      column.shape = shape;
      this.#rowsPerSource = Math.max(1, Math.floor(2 ** 20 / Math.max(1, 4 * values.length)));
    }
    if (String(shape) !== String(column.shape))
      throw new DataError(
        `${place}: column ${quote(this.#name)} has the shape [${shape}], the rows before have [${column.shape}]`,
      );
    const source = Math.floor(this.#count / this.#rowsPerSource);
    const row = this.#count % this.#rowsPerSource;
    column.sources[source] ??= { memory: sharedBytes(4 * values.length * this.#rowsPerSource), begin: 0 };
    new Float32Array(column.sources[source].memory, 4 * values.length * row, values.length).set(values);
    column.places = withRoom(column.places, 2 * this.#count + 2);
    column.places[2 * this.#count] = source;
    column.places[2 * this.#count++ + 1] = row;
    return 0;
  }

  clear(): void {
    this.#count = 0;
  }
}

interface Having {
  /** The column's, for messages. */
  name: string;
  store: TextStore;
  names: ClassNames;
}

const builders: { [K in FieldKind]: (having: Having) => ColumnBuilder<FieldValues[K]> } = {
  text: ({ store }) => new TextColumn(store),
  texts: ({ store }) => new TextsColumn(store),
  class: ({ names }) => new ClassColumn(names),
  classes: ({ names }) => new ClassesColumn(names),
  ranges: () => new RangesColumn(),
  numbers: ({ name }) => new NumbersColumn(name),
  tensor: ({ name }) => new TensorColumn(name),
};

export const columnBuilder = (kind: FieldKind, having: Having): ColumnBuilder =>
  builders[kind](having) as ColumnBuilder;
