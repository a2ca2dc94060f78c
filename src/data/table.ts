// Texts in memory as columns over shared buffers: the data thread builds a table, the main thread and the tokeniser
// threads see the same bytes, and nobody holds a JavaScript object per record. So millions of records cost neither the
// host's heap nor time to clone. A table can be cleared and filled again, which is how streamed blocks use it.

import type { TokenOrigin } from './pack/tokens.js';
import type { TextRecord } from './read/record.js';

export interface TextTable {
  files: readonly string[];
  /** Records. The columns may be longer. */
  count: number;
  /** UTF-8 bytes of the texts, each followed by its pair; a record lies in one chunk. */
  chunks: readonly SharedArrayBuffer[];
  /** Which chunk, and where in it. */
  chunk: Uint32Array;
  start: Uint32Array;
  textBytes: Uint32Array;
  /** Undefined where the texts are single ones. */
  pairBytes?: Uint32Array | undefined;
  /** Characters of the text and its pair: the key to group by. */
  length: Uint32Array;
  /** Class, or index into the builder's `names` until the classes are known. */
  label: Int32Array;
  /** Undefined where no column holds weights: all 1 then. */
  weight?: Float32Array | undefined;
  /** Index into `files`, and the line there. */
  file: Uint32Array;
  line: Uint32Array;
  /** Where the bytes are tokens already (pack/tokens.ts): what they were made with. Lines are then rows, from 0. */
  tokens?: TokenOrigin | undefined;
}

/** 'file:line' of a record, 'file:row 17' of a packed one. */
export const locationOf = ({ files, file, line, tokens }: TextTable, i: number): string =>
  `${files[file[i]!]}:${tokens ? 'row ' : ''}${line[i]}`;

const leastCapacity = 1024;
const leastChunkBytes = 64 * 1024;
const mostChunkBytes = 16 * 1024 * 1024;

type Column = Uint32Array | Int32Array | Float32Array;
export const shared = {
  uint32: (length: number) => new Uint32Array(new SharedArrayBuffer(4 * length)),
  int32: (length: number) => new Int32Array(new SharedArrayBuffer(4 * length)),
  float32: (length: number) => new Float32Array(new SharedArrayBuffer(4 * length)),
};

/** A copy of twice the size. */
function doubled<C extends Column>(column: C): C {
  const larger = new (column.constructor as new (buffer: SharedArrayBuffer) => C)(
    new SharedArrayBuffer(2 * column.byteLength),
  );
  larger.set(column);
  return larger;
}

/** Adds records one by one; buffers grow as needed and are kept by `clear`. */
export class TableBuilder {
  readonly table: TextTable;
  /** The labels met so far; `table.label` counts in them. */
  names: string[] = [];
  #ids = new Map<string, number>();
  #chunks: SharedArrayBuffer[] = [];
  #chunk = 0;
  #bytes: Buffer | undefined;
  /** Bytes used of the chunk being filled. */
  #used = 0;

  /** @param has which of the optional columns the records have */
  constructor(files: readonly string[], has: { pair: boolean; weight: boolean }) {
    this.table = {
      files,
      count: 0,
      chunks: this.#chunks,
      chunk: shared.uint32(leastCapacity),
      start: shared.uint32(leastCapacity),
      textBytes: shared.uint32(leastCapacity),
      pairBytes: has.pair ? shared.uint32(leastCapacity) : undefined,
      length: shared.uint32(leastCapacity),
      label: shared.int32(leastCapacity),
      weight: has.weight ? shared.float32(leastCapacity) : undefined,
      file: shared.uint32(leastCapacity),
      line: shared.uint32(leastCapacity),
    };
  }

  /** Adds a record of file number `file`. Halves of surrogate pairs become U+FFFD, as UTF-8 has no form for them. */
  add({ text, pair = '', label, weight = 1, line }: TextRecord, file: number): void {
    const { table } = this;
    const i = table.count;
    if (i === table.start.length) this.#grow();
    const bytes = this.#room(3 * (text.length + pair.length));
    table.chunk[i] = this.#chunk;
    table.start[i] = this.#used;
    table.textBytes[i] = bytes.write(text, this.#used);
    this.#used += table.textBytes[i]!;
    if (table.pairBytes) {
      table.pairBytes[i] = bytes.write(pair, this.#used);
      this.#used += table.pairBytes[i]!;
    }
    table.length[i] = text.length + pair.length;
    table.label[i] = label === undefined ? 0 : this.#idOf(label);
    if (table.weight) table.weight[i] = weight;
    table.file[i] = file;
    table.line[i] = line;
    table.count++;
  }

  /** Forgets the records and keeps the memory. */
  clear(): void {
    this.table.count = 0;
    this.#chunk = 0;
    this.#bytes = undefined;
    this.#used = 0;
    this.names = [];
    this.#ids.clear();
  }

  #idOf(label: string): number {
    const known = this.#ids.get(label);
    if (known !== undefined) return known;
    this.#ids.set(label, this.names.length);
    return this.names.push(label) - 1;
  }

  /** The chunk to write to, with at least `most` bytes behind `#used`. */
  #room(most: number): Buffer {
    while (!this.#bytes || this.#bytes.length - this.#used < most) {
      if (this.#bytes) this.#chunk++;
      this.#used = 0;
      const before = this.#chunks[this.#chunk - 1]?.byteLength ?? leastChunkBytes / 2;
      const wanted = Math.max(Math.min(2 * before, mostChunkBytes), most);
      const present = this.#chunks[this.#chunk];
      if (!present || present.byteLength < most) this.#chunks[this.#chunk] = new SharedArrayBuffer(wanted);
      this.#bytes = Buffer.from(this.#chunks[this.#chunk]!);
    }
    return this.#bytes;
  }

  #grow(): void {
    const { table } = this;
    for (const [name, column] of Object.entries(table))
      if (ArrayBuffer.isView(column)) Object.assign(table, { [name]: doubled(column as Column) });
  }
}

/** The records at `indices` as a table of their own over the same texts. */
export function subset(table: TextTable, indices: Uint32Array): TextTable {
  const of = <C extends Column>(column: C, make: (length: number) => C): C => {
    const out = make(indices.length);
    for (let i = 0; i < indices.length; i++) out[i] = column[indices[i]!]!;
    return out;
  };
  const { uint32, int32, float32 } = shared;
  return {
    files: table.files,
    count: indices.length,
    chunks: table.chunks,
    chunk: of(table.chunk, uint32),
    start: of(table.start, uint32),
    textBytes: of(table.textBytes, uint32),
    pairBytes: table.pairBytes && of(table.pairBytes, uint32),
    length: of(table.length, uint32),
    label: of(table.label, int32),
    weight: table.weight && of(table.weight, float32),
    file: of(table.file, uint32),
    line: of(table.line, uint32),
    tokens: table.tokens,
  };
}
