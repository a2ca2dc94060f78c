// What a set of samples is known by: the hash over all of them in order, by which a resumed run recognises its data,
// and a set of short keys of texts, by which repeated ones are counted. Both take tables one after the other, so
// streamed data needs no more memory than its keys.

import { hash } from '../random.js';
import { ByteHash } from './byte-hash.js';
import { columnKind } from './column-kinds.js';
import type { ColumnSlice } from './columns.js';
import type { Table } from './table.js';

/**
 * SHA-256 over the columns, classes by name, and the weights; the same however texts and labels were cut into tables.
 */
export class TableHash {
  readonly #columns = new Map<string, ByteHash>();
  readonly #weights = new ByteHash();

  /** @param names of the classes as the table counts in them */
  add({ columns, count, weight }: Table, names: readonly string[]): void {
    for (const [role, column] of Object.entries(columns)) {
      const into = this.#columns.get(role) ?? new ByteHash();
      this.#columns.set(role, into);
      columnKind(column).hash(column, count, into, names);
    }
    const weights = weight?.subarray(0, count) ?? new Float32Array(count).fill(1);
    this.#weights.bytes(new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength));
  }

  /** @param more what else decides what the samples are */
  hex(more: unknown): string {
    const whole = new ByteHash();
    for (const part of [
      JSON.stringify(more) ?? '',
      ...[...this.#columns].map(([role, column]) => `${role} ${column.hex()}`),
      this.#weights.hex(),
    ])
      whole.piece(Buffer.from(part));
    return whole.hex();
  }
}

/** Bytes from which on it pays to remember a text's key. */
const longText = 4096;
const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);

/** The texts of a column, and whether white space around them is left out of their keys; none for other columns. */
function textsOf(column: ColumnSlice) {
  if (column.kind !== 'text' && column.kind !== 'texts' && column.kind !== 'tokens') return [];
  const bytes = column.chunks.map((chunk) => new Uint8Array(chunk));
  const offsets = column.kind === 'texts' ? column.offsets : undefined;
  return [{ bytes, spans: column.spans, offsets, trim: column.kind !== 'tokens' }];
}

/**
 * The samples met so far, by 64-bit keys of all their texts without white space (ASCII) around each. Among ten
 * million different texts the chance that any two share a key is 3 in a million.
 */
export class TextKeys {
  #slots = 1 << 12;
  #high = new Uint32Array(this.#slots);
  #low = new Uint32Array(this.#slots);
  #size = 0;
  // The key of the text looked at last.
  #keyHigh = 0;
  #keyLow = 0;

  /** Adds a table's texts and returns how many of them had been there before. */
  add(table: Table): number {
    let repeated = 0;
    this.#each(table, () => {
      const at = this.#find();
      if (this.#isTaken(at)) repeated++;
      else this.#put(at);
    });
    return repeated;
  }

  /** How many of a table's texts are there. */
  count(table: Table): number {
    let found = 0;
    this.#each(table, () => {
      if (this.#isTaken(this.#find())) found++;
    });
    return found;
  }

  #each(table: Table, look: () => void): void {
    const columns = Object.values(table.columns).flatMap(textsOf);
    if (columns.length === 0) return;
    // Rows may share a long text, which is then looked at once.
    const known = new Map<number, readonly [number, number]>();
    for (let i = 0; i < table.count; i++) {
      this.#keyHigh = this.#keyLow = 0;
      for (const { bytes, spans, offsets, trim } of columns) {
        const end = offsets ? offsets[i + 1]! : i + 1;
        for (let k = offsets ? offsets[i]! : i; k < end; k++) {
          const [chunk, start, length] = [spans[3 * k]!, spans[3 * k + 1]!, spans[3 * k + 2]!];
          const first = this.#keyHigh === 0 && this.#keyLow === 0;
          const place = first && length >= longText ? chunk * 2 ** 32 + start : -1;
          const before = place < 0 ? undefined : known.get(place);
          if (before) [this.#keyHigh, this.#keyLow] = before;
          else this.#mix(bytes[chunk]!, start, start + length, trim);
          if (place >= 0 && !before) known.set(place, [this.#keyHigh, this.#keyLow]);
        }
      }
      // 0, 0 marks a free slot.
      if (this.#keyHigh === 0 && this.#keyLow === 0) this.#keyLow = 1;
      look();
    }
  }

  /** Mixes bytes from `start` to `end` into the key: two lanes, four bytes at a time, then the length. */
  #mix(bytes: Uint8Array, start: number, end: number, trim: boolean): void {
    if (trim) {
      while (start < end && isSpace(bytes[start]!)) start++;
      while (end > start && isSpace(bytes[end - 1]!)) end--;
    }
    let [a, b] = [this.#keyHigh, this.#keyLow];
    for (let at = start; at < end; at += 4) {
      // Beyond the end only where the bytes end: the length mixed in below keeps that apart from zeros.
      const left = end - at;
      const word =
        bytes[at]! |
        (left > 1 ? bytes[at + 1]! << 8 : 0) |
        (left > 2 ? bytes[at + 2]! << 16 : 0) |
        (left > 3 ? bytes[at + 3]! << 24 : 0);
      a = Math.imul(a ^ word, 0x9e3779b1);
      a ^= a >>> 15;
      b = Math.imul(((b << 13) | (b >>> 19)) + word, 0x85ebca77);
      b ^= b >>> 13;
    }
    this.#keyHigh = hash(a, 1, end - start);
    this.#keyLow = hash(b, 2, end - start);
  }

  #isTaken = (at: number): boolean => this.#high[at] !== 0 || this.#low[at] !== 0;

  /** The slot that holds the key, or the free one for it. */
  #find(): number {
    let at = this.#keyLow & (this.#slots - 1);
    while (this.#isTaken(at) && !(this.#high[at] === this.#keyHigh && this.#low[at] === this.#keyLow))
      at = (at + 1) & (this.#slots - 1);
    return at;
  }

  #put(at: number): void {
    this.#high[at] = this.#keyHigh;
    this.#low[at] = this.#keyLow;
    if (++this.#size * 2 > this.#slots) this.#grow();
  }

  #grow(): void {
    const [high, low] = [this.#high, this.#low];
    this.#slots *= 2;
    this.#high = new Uint32Array(this.#slots);
    this.#low = new Uint32Array(this.#slots);
    for (let i = 0; i < high.length; i++) {
      if (high[i] === 0 && low[i] === 0) continue;
      this.#keyHigh = high[i]!;
      this.#keyLow = low[i]!;
      const at = this.#find();
      this.#high[at] = this.#keyHigh;
      this.#low[at] = this.#keyLow;
    }
  }
}
