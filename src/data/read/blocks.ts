// A text file as blocks of whole lines, decoded as strict UTF-8. One block is all that is in memory, so a file may be
// larger than it. Whole lines let the formats work on one string with indexOf; what a line means (JSON, CSV) is theirs.
// Every error names the file and, where it has one, the line.

import { DataError } from '../../errors.js';
import { shown } from '../../quote.js';
import { type TextOptions, textBytes } from './bytes.js';
import { asWindows1252 } from './encoding.js';

/** Text that ends with a line break, or with the file. */
export interface TextBlock {
  text: string;
  /** Number of the block's first line, from 1. */
  line: number;
}

/** A longer line (or quoted CSV field) means that the file is not what its name says. */
export const longestRecordBytes = 64 * 1024 * 1024;

/**
 * Reads a text file, optionally behind gzip; a byte order mark at its beginning is dropped.
 * @throws DataError when the file cannot be read or unpacked, holds bytes that its encoding has no characters for or
 *   zero bytes, or has a line of more than 64 MiB.
 */
export async function* textBlocks(file: string, options: TextOptions): AsyncGenerator<TextBlock> {
  const place = { line: 1 };
  let offset = 0;
  for await (const bytes of lineBlocks(file, options, place)) {
    const { line } = place;
    const zero = bytes.indexOf(0);
    if (zero >= 0)
      throw new DataError(
        `${file}:${line + breaksIn(bytes.subarray(0, zero))}: the line holds a NUL byte (number ${offset + zero} of the ` +
          'text); the file is damaged or no text: write it again, or remove such bytes (tr -d "\\000")',
      );
    const text = decode(bytes, file, line, offset);
    yield { text, line };
    // In the text, which is several times as fast as in the bytes.
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) place.line++;
    offset += bytes.length;
  }
}

// The byte order mark is kept by the decoder, which would otherwise drop one at the beginning of every block.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array, file: string, line: number, offset: number): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw notUtf8(bytes, file, line, offset);
  }
}

/** Names line, byte and what the line would be in the encoding that is usual beside UTF-8. */
function notUtf8(bytes: Uint8Array, file: string, firstLine: number, offset: number): DataError {
  let line = firstLine;
  for (let start = 0; ; line++) {
    const end = bytes.indexOf(newline, start) + 1 || bytes.length;
    const one = bytes.subarray(start, end);
    const good = goodBytes(one);
    if (good === one.length) {
      start = end;
      continue;
    }
    const as = shown(asWindows1252(one.subarray(Math.max(0, good - 20), good + 20)).trim());
    return new DataError(
      `${file}:${line}: the bytes are not UTF-8 (0x${one[good]!.toString(16)} at byte ${offset + start + good}); set ` +
        `option 'encoding' to what the file is written in, or convert it to UTF-8. As windows-1252 (Latin-1) it reads '${as}'`,
    );
  }
}

/** How many bytes at the beginning are whole characters. */
function goodBytes(bytes: Uint8Array): number {
  let [good, bad] = [0, bytes.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isPrefix(bytes.subarray(0, middle))) good = middle;
    else bad = middle;
  }
  // A character that is begun and not ended is not good.
  const whole = new TextDecoder('utf-8').decode(bytes.subarray(0, good), { stream: true });
  return good < bytes.length || !isWhole(bytes) ? Buffer.byteLength(whole) : good;
}

const isWhole = (bytes: Uint8Array): boolean => {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
};

function isPrefix(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

const newline = 0x0a;

function breaksIn(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) count++;
  return count;
}

/**
 * The file's bytes, cut behind line breaks. @param place of the text that has not been given yet, which the caller
 * counts
 */
async function* lineBlocks(
  file: string,
  options: TextOptions,
  place: Readonly<{ line: number }>,
): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const piece of textBytes(file, options)) {
    const end = piece.lastIndexOf(newline) + 1;
    if (end > 0) {
      const block = rest.length > 0 ? Buffer.concat([...rest, piece.subarray(0, end)]) : piece.subarray(0, end);
      yield block;
      rest = [];
      restBytes = 0;
    }
    if (end < piece.length) rest.push(piece.subarray(end));
    restBytes += piece.length - end;
    if (restBytes > longestRecordBytes)
      throw new DataError(
        `${file}:${place.line}: the line is longer than ${longestRecordBytes / 2 ** 20} MiB; ` +
          'expected one record a line: is this a text file of the format its name says?',
      );
  }
  if (restBytes > 0) yield Buffer.concat(rest);
}
