// Pictures as rows have them, one after the other: each by its path or as the bytes of its file, with its label and
// weight. Bytes go into a file of encoded pictures that lives as long as the data is open, so that no more than a
// little of them is in memory. Who reads the rows, and what their places are called, is for picture-list.ts (tables)
// and memory/pictures.ts (a host program's rows).

import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { types } from 'node:util';
import { DataError } from '../../errors.js';
import { quote } from '../../quote.js';
import { messageOf } from '../../realm.js';
import { fieldOf, weightOf } from '../read/record.js';
import { describe, type Row } from '../read/row.js';
import { shared } from '../shared-arrays.js';
import { LabelColumn } from './label-column.js';
import type { EncodedSource } from './sources.js';

export interface PictureColumns {
  image: string;
  /** Left out for prediction. */
  label?: string | undefined;
  weight?: string | undefined;
}

export class PictureRows {
  /** Of pictures that are named by their paths. */
  readonly paths: string[] = [];
  readonly labels: LabelColumn | undefined;
  readonly #weights: number[] = [];
  readonly #columns: PictureColumns;
  readonly #unpacked: Unpacked;

  /** @param scratch folder for the bytes of pictures; made when it is needed */
  constructor(columns: PictureColumns, scratch: string) {
    this.#columns = columns;
    this.#unpacked = new Unpacked(scratch);
    this.labels = columns.label === undefined ? undefined : new LabelColumn(columns.label);
  }

  /** Whether there are pictures among the rows. */
  get holdsBytes(): boolean {
    return this.#unpacked.rows > 0;
  }

  get rows(): number {
    return this.paths.length + this.#unpacked.rows;
  }

  /**
   * Adds a row. Its bytes are copied before this returns.
   * @param binary whether it may hold the bytes of a picture
   * @throws DataError with its place for what is none, and where bytes cannot be kept
   */
  add(row: Row, place: string, binary: boolean): Promise<void> | undefined {
    const { image, label, weight } = this.#columns;
    const value = fieldOf(row, image, place);
    let kept: Promise<void> | undefined;
    if (typeof value === 'string' && value !== '') this.paths.push(value);
    else if (binary && (types.isUint8Array(value) || value === null)) kept = this.#unpacked.add(value);
    else
      throw new DataError(
        `${place}: column ${quote(image)} must hold the path of a picture${binary ? ', or the bytes of its file' : ''}, found ${describe(value)}`,
      );
    this.labels?.add(fieldOf(row, label!, place), place);
    if (weight !== undefined) this.#weights.push(weightOf(row, weight, place));
    return kept;
  }

  /** Of each row; undefined where there is no column of weights. */
  get weightsGiven(): { weights: Float64Array } | undefined {
    return this.#columns.weight === undefined ? undefined : { weights: Float64Array.from(this.#weights) };
  }

  /** The pictures that were added as bytes, as rows of `name`. @throws DataError where they cannot be kept */
  pieces(name: string): Promise<EncodedSource> {
    return this.#unpacked.source(name);
  }

  close(): Promise<void> {
    return this.#unpacked.close();
  }
}

let files = 0;

/** Bytes that are written at once. */
const pieceBytes = 1 << 20;

/** A file of encoded pictures, one after the other. */
class Unpacked {
  readonly #scratch: string;
  #path = '';
  #file: Awaited<ReturnType<typeof open>> | undefined;
  readonly #begin: number[] = [];
  #bytes = 0;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  constructor(scratch: string) {
    this.#scratch = scratch;
  }

  get rows(): number {
    return this.#begin.length;
  }

  /** A promise where something is to be written first. */
  add(picture: Uint8Array | null): Promise<void> | undefined {
    this.#begin.push(this.#bytes);
    if (!picture) return undefined;
    this.#bytes += picture.length;
    this.#waiting.push(Buffer.from(picture));
    this.#waitingBytes += picture.length;
    return this.#waitingBytes >= pieceBytes ? this.#write() : undefined;
  }

  async #write(): Promise<void> {
    const piece = this.#waiting.length === 1 ? this.#waiting[0]! : Buffer.concat(this.#waiting);
    [this.#waiting, this.#waitingBytes] = [[], 0];
    try {
      this.#file ??= await this.#open();
      await this.#file.appendFile(piece);
    } catch (error) {
      throw new DataError(
        `pictures are unpacked into ${this.#path || this.#scratch}, which cannot be written: ${messageOf(error)}; ` +
          'make room there, or set TMPDIR to another folder',
      );
    }
  }

  async #open() {
    await mkdir(this.#scratch, { recursive: true, mode: 0o700 });
    this.#path = join(this.#scratch, `pictures-${files++}`);
    return open(this.#path, 'w');
  }

  async source(name: string): Promise<EncodedSource> {
    await this.#write();
    const { rows } = this;
    const [begin, length] = [shared.float64(rows), shared.uint32(rows)];
    begin.set(this.#begin);
    for (let i = 0; i < rows; i++) length[i] = (this.#begin[i + 1] ?? this.#bytes) - this.#begin[i]!;
    return { kind: 'pieces', name, rows, file: this.#path, begin, length };
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}
