// Pictures that a table lists (CSV, TSV, JSON Lines: a column of paths, relative to the table's folder) or holds
// (Parquet: a column of encoded pictures, plain or as the datasets library writes them, {bytes, path}; or of paths),
// with their labels and weights. The pictures of a Parquet file lie in compressed pages, which cannot be read one by
// one: they are unpacked once, into a file of encoded pictures that lives as long as the data is open.

import { dirname, isAbsolute, join } from 'node:path';
import { DataError } from '../../errors.js';
import { asOnDisk } from '../../files/unicode-paths.js';
import type { Reading } from '../found.js';
import { declaredNames } from '../read/class-names.js';
import { readBlocks } from '../read/raw.js';
import { shared } from '../shared-arrays.js';
import { type PictureColumns, PictureRows } from './picture-rows.js';
import { type ImageSource, type PictureSource, shareTexts } from './sources.js';

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
  const binary = file.toLowerCase().endsWith('.parquet');
  const lines: number[] = [];
  const pictures = new PictureRows(columns, scratch);
  try {
    for await (const block of readBlocks(file, { columns: [...new Set(wanted)], binary: image, ...reading })) {
      for (const { row, line } of block) {
        await pictures.add(row, `${file}:${line}`, binary);
        lines.push(line);
      }
    }
    if (lines.length === 0) throw new DataError(`data file ${file} holds no records`);
    const source = pictures.holdsBytes ? await pictures.pieces(file) : listed(file, pictures.paths, lines);
    const declared = pictures.labels && (await declaredNames(file, label!));
    return { ...source, ...pictures.labels?.labels(declared), ...pictures.weightsGiven };
  } finally {
    await pictures.close();
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
