// Pictures that a table lists (CSV, TSV, JSON Lines: a column of paths, relative to the table's folder) or holds
// (Parquet: a column of encoded pictures, plain or as the datasets library writes them, {bytes, path}; or of paths),
// with their labels and weights. The pictures of a Parquet file lie in compressed pages, which cannot be read one by
// one: they are unpacked once, into a file of encoded pictures that lives as long as the data is open.

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { types } from 'node:util';
import { DataError } from '../../errors.js';
import { asOnDisk } from '../../files/unicode-paths.js';
import { quote } from '../../quote.js';
import type { Reading } from '../found.js';
import { declaredNames } from '../read/class-names.js';
import { readBlocks } from '../read/raw.js';
import { fieldOf, weightOf } from '../read/record.js';
import { describe } from '../read/row.js';
import { shared } from '../shared-arrays.js';
import { LabelColumn } from './label-column.js';
import { type ImageSource, type PictureSource, shareTexts } from './sources.js';

export interface PictureColumns {
  image: string;
  /** Left out for prediction. */
  label?: string | undefined;
  weight?: string | undefined;
}

/**
 * Reads a table of pictures.
 * @param scratch folder for unpacked pictures; made when it is needed
 * @throws DataError, with file and line, for a table that cannot be read, a missing column, and values of a wrong kind
 */
export async function openList(
  file: string,
  columns: PictureColumns,
  scratch: string,
  reading?: Reading,
): Promise<ImageSource> {
  const { image, label, weight } = columns;
  const wanted = [image, label, weight].filter((name) => name !== undefined);
  const labels = label === undefined ? undefined : new LabelColumn(label);
  const weights: number[] = [];
  const paths: string[] = [];
  const lines: number[] = [];
  let pictures: Unpacked | undefined;
  try {
    for await (const block of readBlocks(file, { columns: [...new Set(wanted)], binary: image, ...reading })) {
      for (const { row, line } of block) {
        const place = `${file}:${line}`;
        const value = fieldOf(row, image, place);
        if (typeof value === 'string' && value !== '') paths.push(value);
        else if ((types.isUint8Array(value) || value === null) && file.toLowerCase().endsWith('.parquet')) {
          pictures ??= new Unpacked(scratch);
          pictures.add(value ?? new Uint8Array(0));
        } else
          throw new DataError(
            `${place}: column ${quote(image)} must hold the path of a picture, found ${describe(value)}`,
          );
        lines.push(line);
        labels?.add(fieldOf(row, label!, place), place);
        if (weight !== undefined) weights.push(weightOf(row, weight, place));
      }
    }
    if (lines.length === 0) throw new DataError(`data file ${file} holds no records`);
    const source = pictures ? pictures.source(file) : listed(file, paths, lines);
    const declared = labels && (await declaredNames(file, label!));
    return {
      ...source,
      ...labels?.labels(declared),
      ...(weight !== undefined && { weights: Float64Array.from(weights) }),
    };
  } finally {
    pictures?.close();
  }
}

function listed(file: string, paths: readonly string[], lines: readonly number[]): PictureSource {
  const folder = dirname(file);
  const names = new Map<string, readonly string[]>();
  const found = paths.map((path) => asOnDisk(isAbsolute(path) ? path : join(folder, path), names));
  const numbers = shared.uint32(lines.length);
  numbers.set(lines);
  return { kind: 'files', name: file, rows: paths.length, paths: shareTexts(found), lines: numbers };
}

let files = 0;

/** A file of encoded pictures, one after the other. */
class Unpacked {
  readonly #path: string;
  readonly #file: number;
  readonly #begin: number[] = [];
  #bytes = 0;

  constructor(scratch: string) {
    try {
      mkdirSync(scratch, { recursive: true });
      this.#path = join(scratch, `pictures-${files++}`);
      this.#file = openSync(this.#path, 'w');
    } catch (error) {
      throw new DataError(
        `the pictures of a Parquet file are unpacked into ${scratch}, which cannot be written: ${(error as Error).message}`,
      );
    }
  }

  add(picture: Uint8Array): void {
    this.#begin.push(this.#bytes);
    try {
      for (let done = 0; done < picture.length; ) done += writeSync(this.#file, picture, done);
    } catch (error) {
      throw new DataError(
        `the pictures of a Parquet file are unpacked into ${this.#path}, which cannot be written: ${(error as Error).message}; ` +
          'make room there, or set TMPDIR to another folder',
      );
    }
    this.#bytes += picture.length;
  }

  source(name: string): PictureSource {
    const rows = this.#begin.length;
    const [begin, length] = [shared.float64(rows), shared.uint32(rows)];
    begin.set(this.#begin);
    for (let i = 0; i < rows; i++) length[i] = (this.#begin[i + 1] ?? this.#bytes) - this.#begin[i]!;
    return { kind: 'pieces', name, rows, file: this.#path, begin, length };
  }

  close(): void {
    closeSync(this.#file);
  }
}
