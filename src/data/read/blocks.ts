// A text file as blocks of whole lines: read in large pieces, unpacked when gzip-compressed, decoded as strict UTF-8.
// One block is all that is in memory, so a file may be larger than it. Whole lines let the formats work on one string
// with indexOf; what a line means (JSON, CSV) is theirs. Every error names the file and, where it has one, the line.

import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip, type Gunzip } from 'node:zlib';
import { DataError } from '../../errors.js';

/** Text that ends with a line break, or with the file. */
export interface TextBlock {
  text: string;
  /** Number of the block's first line, from 1. */
  line: number;
}

/** Bytes read at a time. */
const pieceBytes = 256 * 1024;
/** A longer line (or quoted CSV field) means that the file is not what its name says. */
export const longestRecordBytes = 128 * 1024 * 1024;

/**
 * Reads a UTF-8 text file, optionally behind gzip; a byte order mark at its beginning is dropped.
 * @throws DataError when the file cannot be read or unpacked, is not UTF-8, or has a line of more than 128 MiB.
 */
export async function* textBlocks(file: string, signal?: AbortSignal): AsyncGenerator<TextBlock> {
  let line = 1;
  let first = true;
  for await (const bytes of lineBlocks(file, signal)) {
    let text = decode(bytes, file, line);
    if (first && text.startsWith('\ufeff')) text = text.slice(1);
    first = false;
    yield { text, line };
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) line++;
  }
}

// The byte order mark is kept by the decoder, which would otherwise drop one at the beginning of every block.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array, file: string, line: number): string {
  try {
    return decoder.decode(bytes);
  } catch {
    const bad = line + goodLines(bytes);
    throw new DataError(`${file}:${bad}: the bytes are not UTF-8; convert the file to UTF-8`);
  }
}

/** How many lines at the beginning of `bytes` can be decoded. */
function goodLines(bytes: Uint8Array): number {
  let count = 0;
  for (let start = 0; ; count++) {
    const end = bytes.indexOf(newline, start) + 1;
    if (end === 0) return count;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return count;
    }
    start = end;
  }
}

const newline = 0x0a;

/** The file's bytes, cut behind line breaks. */
async function* lineBlocks(file: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let line = 1;
  for await (const piece of fileBytes(file, signal)) {
    const end = piece.lastIndexOf(newline) + 1;
    if (end > 0) {
      const block = rest.length > 0 ? Buffer.concat([...rest, piece.subarray(0, end)]) : piece.subarray(0, end);
      yield block;
      for (let at = block.indexOf(newline); at >= 0; at = block.indexOf(newline, at + 1)) line++;
      rest = [];
      restBytes = 0;
    }
    if (end < piece.length) rest.push(piece.subarray(end));
    restBytes += piece.length - end;
    if (restBytes > longestRecordBytes)
      throw new DataError(
        `${file}:${line}: the line is longer than ${longestRecordBytes / 2 ** 20} MiB; ` +
          'expected one record a line: is this a text file of the format its name says?',
      );
  }
  if (rest.length > 0) yield Buffer.concat(rest);
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
