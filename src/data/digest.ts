// What a set of texts is known by: the hash over all records in order, by which a resumed run recognises its data, and
// a set of short keys of texts, by which repeated ones are counted. Both take tables one after the other, so streamed
// data needs no more memory than its keys.

import { createHash } from 'node:crypto';
import { hash } from '../random.js';
import type { TextTable } from './table.js';

/** SHA-256 over texts, pairs, labels and weights in order; the same however the records were cut into tables. */
export class RecordHash {
  readonly #hash = createHash('sha256');
  readonly #buffer = Buffer.alloc(256 * 1024);
  #used = 0;

  /** `names[table.label[i]]` is the label of record i. */
  add(table: TextTable, names: readonly string[]): void {
    const chunks = table.chunks.map((chunk) => new Uint8Array(chunk));
    const labels = names.map((name) => Buffer.from(name));
    const head = Buffer.alloc(16);
    for (let i = 0; i < table.count; i++) {
      const pairBytes = table.pairBytes?.[i] ?? 0;
      const label = labels[table.label[i]!];
      head.writeUInt32LE(table.textBytes[i]!, 0);
      head.writeUInt32LE(pairBytes, 4);
      head.writeUInt32LE(label?.length ?? 0, 8);
      head.writeFloatLE(table.weight?.[i] ?? 1, 12);
      this.#write(head);
      const start = table.start[i]!;
      this.#write(chunks[table.chunk[i]!]!.subarray(start, start + table.textBytes[i]! + pairBytes));
      if (label) this.#write(label);
    }
  }

  hex(): string {
    this.#flush();
    return this.#hash.digest('hex');
  }

  #write(bytes: Uint8Array): void {
    if (this.#used + bytes.length > this.#buffer.length) this.#flush();
    if (bytes.length > this.#buffer.length) this.#hash.update(bytes);
    else {
      this.#buffer.set(bytes, this.#used);
      this.#used += bytes.length;
    }
  }

  #flush(): void {
    this.#hash.update(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }
}

const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);

/**
 * The texts met so far, by 64-bit keys of the text and its pair without white space (ASCII) around each. Among ten
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
  add(table: TextTable): number {
    let repeated = 0;
    this.#each(table, () => {
      const at = this.#find();
      if (this.#isTaken(at)) repeated++;
      else this.#put(at);
    });
    return repeated;
  }

  /** How many of a table's texts are there. */
  count(table: TextTable): number {
    let found = 0;
    this.#each(table, () => {
      if (this.#isTaken(this.#find())) found++;
    });
    return found;
  }

  #each(table: TextTable, look: () => void): void {
    const chunks = table.chunks.map((chunk) => new Uint8Array(chunk));
    for (let i = 0; i < table.count; i++) {
      const bytes = chunks[table.chunk[i]!]!;
      const start = table.start[i]!;
      const middle = start + table.textBytes[i]!;
      this.#keyHigh = this.#keyLow = 0;
      this.#mix(bytes, start, middle);
      this.#mix(bytes, middle, middle + (table.pairBytes?.[i] ?? 0));
      // 0, 0 marks a free slot.
      if (this.#keyHigh === 0 && this.#keyLow === 0) this.#keyLow = 1;
      look();
    }
  }

  /** Mixes bytes from `start` to `end` into the key: two lanes, four bytes at a time, then the length. */
  #mix(bytes: Uint8Array, start: number, end: number): void {
    while (start < end && isSpace(bytes[start]!)) start++;
    while (end > start && isSpace(bytes[end - 1]!)) end--;
    let [a, b] = [this.#keyHigh, this.#keyLow];
    for (let at = start; at < end; at += 4) {
      // Beyond the end only where the bytes end: the length told below keeps that apart from zeros.
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
