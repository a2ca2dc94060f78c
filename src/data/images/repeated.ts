// Which pictures of a run are the same, by their bytes as they are stored: those in training and in evaluation, and
// those that training has several times. Most pictures differ in size, so that only those of equal size are read, and
// of these only those whose ends are equal as a whole. Stored pixels and picture files are never compared with each
// other.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { ofKind } from '../columns.js';
import type { Table } from '../table.js';
import { bytesOf, type PictureSource, placeInSource, textAt } from './sources.js';

/** Pictures that were there before. */
export interface Repeated {
  count: number;
  /** The first, and what it is the same as. */
  first?: { place: string; same: string };
}

/**
 * @param others of each how many are in `train`
 * @returns of the training data how many repeat an earlier one of it
 */
export function repeatedPictures(train: Table, others: readonly Table[]): { within: Repeated; shared: Repeated[] } {
  const tables = [train, ...others];
  const all = tables.flatMap(picturesOf);
  const same = samePictures(tables);
  const count = (from: number, end: number, trained: number): Repeated => {
    const found: Repeated = { count: 0 };
    for (let i = from; i < end; i++) {
      const earlier = same[i]!;
      if (earlier >= Math.min(i, trained)) continue;
      found.first ??= { place: placeOf(all[i]!), same: placeOf(all[earlier]!) };
      found.count++;
    }
    return found;
  };
  let end = train.count;
  const within = count(0, end, end);
  const shared = others.map((table) => {
    const from = end;
    end += table.count;
    return count(from, end, train.count);
  });
  return { within, shared };
}

/**
 * Of each picture of the tables, counted through, the first that it is the same as; itself where there is none before.
 */
export const samePictures = (tables: readonly Table[]): Uint32Array => sameAs(tables.flatMap(picturesOf));

interface StoredPicture {
  source: PictureSource;
  row: number;
}

const placeOf = ({ source, row }: StoredPicture): string => placeInSource(source, row);

function picturesOf(table: Table): StoredPicture[] {
  const column = Object.entries(table.columns).find(([, { kind }]) => kind === 'picture');
  const pictures = column && ofKind(table.columns, column[0], 'picture');
  if (!pictures) return [];
  const { sources, places } = pictures;
  return Array.from({ length: table.count }, (_, i) => ({
    source: sources[places[2 * i]!]!,
    row: places[2 * i + 1]!,
  }));
}

/** Of each picture the first that it is the same as; itself where there is none before. */
function sameAs(pictures: readonly StoredPicture[]): Uint32Array {
  const same = Uint32Array.from(pictures, (_, i) => i);
  const paths = new Map<string, number>();
  const bySize = new Map<string, number[]>();
  for (const [i, picture] of pictures.entries()) {
    const { source, row } = picture;
    if (source.kind === 'files') {
      // The same file needs no reading.
      const path = textAt(source.paths, row);
      const earlier = paths.get(path);
      if (earlier !== undefined) {
        same[i] = earlier;
        continue;
      }
      paths.set(path, i);
    }
    const key = sizeOf(picture);
    if (key === undefined) continue;
    const of = bySize.get(key);
    if (of) of.push(i);
    else bySize.set(key, [i]);
  }
  const reader = new BytesReader();
  for (const [key, group] of bySize) {
    const size = Number.parseInt(key, 10);
    for (const alike of equalParts(group, (i) => reader.end(pictures[i]!, size)))
      for (const equal of equalParts(alike, (i) => reader.whole(pictures[i]!, size)))
        for (const i of equal) same[i] = equal[0]!;
  }
  reader.close();
  // A path that came again is what its first picture is.
  for (const i of same.keys()) same[i] = same[same[i]!]!;
  return same;
}

/** Those of a group that share a key with another, by key; without reading where there is only one. */
function equalParts(group: readonly number[], keyOf: (i: number) => string | undefined): number[][] {
  if (group.length < 2) return [];
  const parts = new Map<string, number[]>();
  for (const i of group) {
    const key = keyOf(i);
    if (key === undefined) continue;
    const of = parts.get(key);
    if (of) of.push(i);
    else parts.set(key, [i]);
  }
  return [...parts.values()].filter(({ length }) => length > 1);
}

/** Bytes of a picture, and what they mean; undefined for one that is empty or cannot be read. */
function sizeOf({ source, row }: StoredPicture): string | undefined {
  switch (source.kind) {
    case 'files': {
      const size = statSync(textAt(source.paths, row), { throwIfNoEntry: false })?.size;
      return size ? `${size} file` : undefined;
    }
    case 'pieces':
      return source.length[row] ? `${source.length[row]} file` : undefined;
    case 'packed': {
      const [height, width] = [source.height[row]!, source.width[row]!];
      return `${height * width * source.channels} uint8 ${height} ${width} ${source.channels} NHWC`;
    }
    case 'pixels': {
      const { height, width, channels, layout } = source.shape;
      return `${bytesOf(source)} ${source.type} ${height} ${width} ${channels} ${layout}`;
    }
  }
}

const endBytes = 4096;
const pieceBytes = 1 << 20;

/** Hashes of stored bytes; files of many pictures stay open. */
class BytesReader {
  readonly #open = new Map<string, number>();
  readonly #buffer = Buffer.alloc(pieceBytes);

  /** Of the last bytes, where a picture has more than that. */
  end(picture: StoredPicture, size: number): string | undefined {
    return this.#hash(picture, Math.max(0, size - endBytes), size);
  }

  /** Undefined where the file has changed or cannot be read. */
  whole(picture: StoredPicture, size: number): string | undefined {
    return size <= endBytes ? '' : this.#hash(picture, 0, size);
  }

  close(): void {
    for (const file of this.#open.values()) closeSync(file);
  }

  #hash({ source, row }: StoredPicture, from: number, end: number): string | undefined {
    const hash = createHash('sha1');
    if ('memory' in source && source.memory) {
      const begin = source.kind === 'pixels' ? source.begin + row * bytesOf(source) : source.begin[row]!;
      hash.update(new Uint8Array(source.memory, begin + from, end - from));
      return hash.digest('base64');
    }
    try {
      const [file, begin, done] = this.#place(source, row);
      try {
        for (let at = from; at < end; ) {
          const read = readSync(file, this.#buffer, 0, Math.min(pieceBytes, end - at), begin + at);
          if (read === 0) return undefined;
          hash.update(this.#buffer.subarray(0, read));
          at += read;
        }
      } finally {
        done();
      }
      return hash.digest('base64');
    } catch {
      // It is reported when its turn comes.
      return undefined;
    }
  }

  /** The file that holds a picture, where it begins there, and what to do afterwards. */
  #place(source: PictureSource, row: number): [file: number, begin: number, done: () => void] {
    if (source.kind === 'files') {
      const file = openSync(textAt(source.paths, row), 'r');
      return [file, 0, () => closeSync(file)];
    }
    const path = source.kind === 'pieces' ? source.file! : source.name;
    const file = this.#open.get(path) ?? openSync(path, 'r');
    this.#open.set(path, file);
    const begin = source.kind === 'pixels' ? source.begin + row * bytesOf(source) : source.begin[row]!;
    return [file, begin, () => {}];
  }
}
