// Pictures in a host program's rows, `{ image: bytes, label: 'cat' }`: an array or another iterable is read once, on
// the main thread, a row at a time, and the bytes go into a file of encoded pictures (images/picture-rows.ts), so that
// a program can give more of them than fit into memory. Rows may name the paths of pictures in place of the bytes.

import { DataError } from '../../errors.js';
import { quote } from '../../quote.js';
import { fileSource } from '../images/folder.js';
import { namesOf } from '../images/image-inputs.js';
import { PictureRows } from '../images/picture-rows.js';
import type { ImageSource } from '../images/sources.js';
import { placeOf } from '../read/row.js';
import { type DataRows, RowReader, type RowsRead } from './rows.js';

/**
 * All pictures, with their labels and weights.
 * @param scratch folder for their bytes
 * @throws UsageError, DataError with its place; the signal's reason
 */
export async function readPictures(
  rows: DataRows,
  { name, columns, weights }: RowsRead,
  scratch: string,
  signal?: AbortSignal,
): Promise<ImageSource> {
  const names = namesOf(columns);
  const pictures = new PictureRows({ ...names, weight: weights }, scratch);
  const reader = new RowReader(rows, name, '', signal);
  try {
    for (;;) {
      const place = placeOf(name, reader.taken, 'row');
      const [row] = await reader.take(1);
      if (!row) break;
      await pictures.add(row, place, true);
      if (pictures.holdsBytes && pictures.paths.length > 0)
        throw new DataError(
          `${place}: column ${quote(names.image)} holds bytes in some rows and paths in others; give all as one of them`,
        );
    }
    if (pictures.rows === 0) throw new DataError(`${name} holds no rows`);
    const source = pictures.holdsBytes
      ? { ...(await pictures.pieces(name)), given: true }
      : fileSource(name, pictures.paths);
    return { ...source, ...pictures.labels?.labels(undefined), ...pictures.weightsGiven };
  } finally {
    await reader.close();
    await pictures.close();
  }
}
