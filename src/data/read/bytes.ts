// The bytes of a text file as the formats take them: unpacked when gzip-compressed, in UTF-8 whatever they were written
// in (encoding.ts), with LF at the end of every line.

import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip, type Gunzip } from 'node:zlib';
import { DataError } from '../../errors.js';
import { asUtf8 } from './encoding.js';
import type { TextForm } from './form.js';

/** Bytes read at a time. */
const pieceBytes = 256 * 1024;
const [lineFeed, carriageReturn] = [0x0a, 0x0d];

export interface TextOptions {
  signal?: AbortSignal | undefined;
  form?: TextForm | undefined;
  /** Told what was assumed of the file. */
  note?: ((text: string) => void) | undefined;
  /** Bytes that are no file's, such as those of standard input; the file is only their name then. */
  pieces?: (() => AsyncGenerator<Buffer>) | undefined;
}

/** @throws DataError when the file cannot be read, unpacked or decoded */
export async function* textBytes(file: string, { signal, form = {}, note = () => {}, pieces }: TextOptions) {
  const bytes = asUtf8(file, pieces?.() ?? fileBytes(file, signal), form.encoding, note);
  yield* withLineFeeds(file, bytes, form.lineEnding, note);
}

async function* fileBytes(file: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const packed = file.toLowerCase().endsWith('.gz');
  const source = createReadStream(file, { signal, highWaterMark: pieceBytes });
  try {
    if (!packed) {
      yield* source;
      return;
    }
    const gunzip = createGunzip({ chunkSize: pieceBytes });
    // Errors of either side arrive at the loop below; the callback keeps them from being thrown a second time.
    pipeline(source, gunzip, () => {});
    yield* gunzip;
    refuseRemainder(file, gunzip, source.bytesRead);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DataError) throw error;
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (packed && code.startsWith('Z_')) throw brokenGzip(file, message);
    throw new DataError(`data file ${file} cannot be read: ${message}`);
  }
}

// zlib stops without an error where something else than a further gzip member follows, so that damage there would
// silently shorten the data.
function refuseRemainder(file: string, gunzip: Gunzip, bytes: number): void {
  if (gunzip.bytesWritten === bytes) return;
  throw brokenGzip(file, `${bytes - gunzip.bytesWritten} bytes behind its end`);
}

const brokenGzip = (file: string, what: string): DataError =>
  new DataError(`data file ${file} is damaged or not compressed with gzip (${what}); copy or compress it again`);

/** Lines that end with CR alone end with LF, where the option says so or the file's beginning has no other ends. */
async function* withLineFeeds(
  file: string,
  pieces: AsyncGenerator<Buffer>,
  asked: TextForm['lineEnding'],
  note: (text: string) => void,
): AsyncGenerator<Buffer> {
  let ending = asked;
  let afterReturn = false;
  for await (const piece of pieces) {
    ending ??= piece.length > 0 ? endingOf(file, piece, note) : undefined;
    if (ending === undefined || ending === 'lf') yield piece;
    else if (ending === 'cr') yield returnsToFeeds(piece);
    else {
      yield oneFeedEach(piece, afterReturn);
      afterReturn = piece.length > 0 ? piece.at(-1) === carriageReturn : afterReturn;
    }
  }
}

function endingOf(file: string, head: Buffer, note: (text: string) => void): 'lf' | 'cr' {
  if (head.includes(lineFeed)) {
    let alone = 0;
    for (let at = head.indexOf(carriageReturn); at >= 0; at = head.indexOf(carriageReturn, at + 1))
      if (head[at + 1] !== lineFeed && at + 1 < head.length && head[at + 1] !== carriageReturn) alone++;
    if (alone > 0)
      note(
        `${file} has ${alone} CR without LF in its first ${head.length} bytes: they are read as parts of the texts; ` +
          'set lineEnding to any if lines end with them',
      );
    return 'lf';
  }
  if (!head.includes(carriageReturn)) return 'lf';
  note(
    `${file} is read with CR alone as the end of lines, since it begins without any LF; lineEnding lf reads it otherwise`,
  );
  return 'cr';
}

function returnsToFeeds(piece: Buffer): Buffer {
  const out = Buffer.from(piece);
  for (let at = out.indexOf(carriageReturn); at >= 0; at = out.indexOf(carriageReturn, at + 1)) out[at] = lineFeed;
  return out;
}

/** CR, LF and CRLF as one LF. @param afterReturn the piece before ended with CR */
function oneFeedEach(piece: Buffer, afterReturn: boolean): Buffer {
  const out = Buffer.allocUnsafe(piece.length);
  let length = 0;
  let before = afterReturn;
  for (const byte of piece) {
    if (byte !== lineFeed || !before) out[length++] = byte === carriageReturn ? lineFeed : byte;
    before = byte === carriageReturn;
  }
  return out.subarray(0, length);
}
