// A packed file: data that were decoded or tokenised once, as a .safetensors file that other programs read, too. Its
// metadata names a version, what it holds and a SHA-256 over everything in it, so that an altered file is refused when
// it is opened; a cut one is by its length. Whatever the file holds is read by byte range, or mapped into memory,
// without decoding.

import { createHash } from 'node:crypto';
import { DataError } from '../../errors.js';
import { StoredTensors } from '../stored-tensors.js';

const version = '1';
const versionKey = 'ortune_pack';
const kindKey = 'ortune_kind';
const sumKey = 'ortune_sha256';
const noSum = '0'.repeat(64);

/** `images`: uint8 pixels. `texts`: token ids. */
export type PackKind = 'images' | 'texts';

/** Metadata of a packed file whose sum is not known yet. */
export const packMetadata = (kind: PackKind, more: Readonly<Record<string, string>>): Record<string, string> => ({
  [versionKey]: version,
  [kindKey]: kind,
  [sumKey]: noSum,
  ...more,
});

const sumEntry = (sum: string): string => `"${sumKey}":"${sum}"`;

/** The header with the sum in its place. */
export function withSum(head: Uint8Array, sum: string): Uint8Array {
  const bytes = Buffer.from(head);
  bytes.write(sumEntry(sum), bytes.indexOf(sumEntry(noSum)), 'latin1');
  return bytes;
}

const pieceBytes = 4 * 2 ** 20;

/**
 * What a file says it is packed with; undefined for one that is not packed. Reads all of it: the sum is taken over the
 * tensors and then over length and header, with zeros for the sum itself.
 * @throws DataError for another version, other content than `kind`, and a file that is not what was written
 */
export function checkPack(stored: StoredTensors, kind: PackKind): { sha256: string } | undefined {
  const { path, metadata } = stored;
  if (!isPack(metadata)) return undefined;
  const found = metadata[versionKey];
  if (found !== version && found !== undefined)
    throw new DataError(
      `${path} is packed in version '${found}', this version of ortune reads ${version}; pack the data again`,
    );
  const sum = metadata[sumKey] ?? '';
  if (sumOf(stored, sum) !== sum || metadata[kindKey] === undefined || found === undefined)
    throw new DataError(`${path} is altered: it does not hold what was packed; pack the data again`);
  if (metadata[kindKey] !== kind)
    throw new DataError(
      kind === 'images'
        ? `${path} holds packed texts, and the data are read as pictures; set task to one of texts`
        : `${path} holds packed pictures, and the data are read as texts; set task to one of pictures`,
    );
  return { sha256: sum };
}

/** Whether any word of a pack is there, so that altering one does not make a file another's. */
const isPack = (metadata: StoredTensors['metadata']): boolean =>
  [versionKey, kindKey, sumKey].some((key) => metadata[key] !== undefined);

function sumOf(stored: StoredTensors, sum: string): string | undefined {
  const at = Buffer.from(stored.head).indexOf(sumEntry(sum));
  if (at < 0 || sum.length !== noSum.length) return undefined;
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(pieceBytes);
  for (let from = stored.start; from < stored.size; from += pieceBytes) {
    const part = piece.subarray(0, Math.min(pieceBytes, stored.size - from));
    stored.readInto(part, from);
    hash.update(part);
  }
  const head = Buffer.from(stored.head);
  head.write(sumEntry(noSum), at, 'latin1');
  return hash.update(head).digest('hex');
}

/**
 * What a .safetensors file holds where it is packed; undefined also for one that cannot be read, which is said later.
 */
export function packKind(path: string): PackKind | undefined {
  try {
    return StoredTensors.with(path, 'data', ({ metadata }) => metadata[kindKey] as PackKind | undefined);
  } catch {
    return undefined;
  }
}
