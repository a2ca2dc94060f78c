// Text encodings: their names, which one a file's first bytes show, and a stream of its bytes as UTF-8, which is all
// that the formats know. A file is UTF-8 unless it begins with another mark or is UTF-16 by its zeros; bytes that are
// not UTF-8 are refused with the encoding that may be meant, never replaced. Names: the WHATWG encoding standard,
// https://encoding.spec.whatwg.org/#names-and-labels, and those of Python.

import { DataError } from '../../errors.js';
import { quote } from '../../quote.js';

/** Python's names of encodings that the standard calls otherwise. */
const otherNames: Readonly<Record<string, string>> = {
  utf_8: 'utf-8',
  'utf-8-sig': 'utf-8',
  utf_8_sig: 'utf-8',
  utf_16: 'utf-16',
  utf_16_le: 'utf-16le',
  'utf-16-le': 'utf-16le',
  utf_16_be: 'utf-16be',
  'utf-16-be': 'utf-16be',
  'latin-1': 'windows-1252',
  latin_1: 'windows-1252',
  ansi: 'windows-1252',
  shift_jis: 'shift_jis',
  cp932: 'shift_jis',
  euc_jp: 'euc-jp',
  euc_kr: 'euc-kr',
  cp949: 'euc-kr',
  cp936: 'gbk',
  cp950: 'big5',
};

/** The standard's name of an encoding; undefined where there is none of this name. */
export function encodingNamed(label: string): string | undefined {
  const name = label.trim().toLowerCase();
  try {
    return new TextDecoder(otherNames[name] ?? name).encoding;
  } catch {
    return undefined;
  }
}

/** The encoding that a file's first bytes show. */
interface Seen {
  encoding: 'utf-8' | 'utf-16le' | 'utf-16be' | 'utf-32';
  /** Bytes of the mark at the beginning. */
  mark: number;
}

function seenIn(head: Uint8Array): Seen {
  const starts = (...bytes: number[]): boolean => bytes.every((byte, i) => head[i] === byte);
  if (starts(0xff, 0xfe, 0, 0) || starts(0, 0, 0xfe, 0xff)) return { encoding: 'utf-32', mark: 4 };
  if (starts(0xff, 0xfe)) return { encoding: 'utf-16le', mark: 2 };
  if (starts(0xfe, 0xff)) return { encoding: 'utf-16be', mark: 2 };
  if (starts(0xef, 0xbb, 0xbf)) return { encoding: 'utf-8', mark: 3 };
  return { encoding: unmarked(head.subarray(0, 4096)), mark: 0 };
}

/**
 * UTF-16 without a mark: a zero in each of the first two units, which are ASCII in nearly every data file (RFC 4627,
 * section 3), or zeros in a third of all units and on one side alone.
 */
function unmarked(head: Uint8Array): Seen['encoding'] {
  const [a = 1, b = 1, c = 1, d = 1] = head;
  if (head.length >= 4) {
    if ((a > 0 && b + c + d === 0) || (a + b + c === 0 && d > 0)) return 'utf-32';
    if (a > 0 && b === 0 && c > 0 && d === 0) return 'utf-16le';
    if (a === 0 && b > 0 && c === 0 && d > 0) return 'utf-16be';
  }
  const zeros = [0, 0];
  for (const [i, byte] of head.entries()) if (byte === 0) zeros[i % 2]!++;
  const [even, odd] = zeros as [number, number];
  const units = head.length / 2;
  if (odd > units / 3 && even < odd / 10) return 'utf-16le';
  return even > units / 3 && odd < even / 10 ? 'utf-16be' : 'utf-8';
}

/**
 * The bytes of a file as UTF-8 without a mark.
 * @param asked the option's encoding
 * @param note told of an encoding that was assumed
 * @throws DataError for bytes that the encoding has no characters for
 */
export async function* asUtf8(
  file: string,
  pieces: AsyncGenerator<Buffer>,
  asked: string | undefined,
  note: (text: string) => void,
): AsyncGenerator<Buffer> {
  const first: Buffer[] = [];
  let length = 0;
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
    first.push(next.value);
    length += next.value.length;
    if (length >= 4096) break;
  }
  const head = Buffer.concat(first);
  const { encoding, mark } = chosen(file, head, asked, note);
  const body = head.subarray(mark);
  if (encoding === 'utf-8') {
    if (body.length > 0) yield body;
    yield* pieces;
    return;
  }
  const decoder = new Decoder(file, encoding);
  yield decoder.add(body);
  for await (const piece of pieces) yield decoder.add(piece);
  yield decoder.end();
}

function chosen(
  file: string,
  head: Uint8Array,
  asked: string | undefined,
  note: (text: string) => void,
): { encoding: string; mark: number } {
  const seen = seenIn(head);
  const named = asked === undefined ? undefined : encodingNamed(asked);
  // 'utf-16' leaves the order of the bytes to the mark; the standard's default is utf-16le.
  const either = asked !== undefined && /^utf[-_]?16$/i.test(asked.trim());
  if (
    named !== undefined &&
    named !== seen.encoding &&
    seen.mark > 0 &&
    !(either && seen.encoding.startsWith('utf-16'))
  )
    throw new DataError(
      `${file} begins with the mark of ${seen.encoding.toUpperCase()}, and option 'encoding' is ${quote(asked!)}; ` +
        'leave encoding out, or remove the mark',
    );
  if (named !== undefined && !(either && seen.mark > 0)) return { encoding: named, mark: seen.mark };
  if (seen.encoding === 'utf-32')
    throw new DataError(`${file} is UTF-32, which is not read; convert the file to UTF-8`);
  if (seen.encoding !== 'utf-8' && asked === undefined)
    note(
      `${file} is read as ${seen.encoding === 'utf-16le' ? 'UTF-16 (little endian)' : 'UTF-16 (big endian)'}, ` +
        `${seen.mark > 0 ? 'whose mark it begins with' : 'which its zero bytes show'}`,
    );
  return seen;
}

/** The characters of windows-1252 from 0x80 to 0x9f, where Latin-1 has controls; five bytes have none. */
const windows1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/** Bytes as windows-1252, of which Latin-1 is a part; every byte has a character. */
export const asWindows1252 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    .toString('latin1')
    .replace(/[\x80-\x9f]/g, (one) => windows1252[one.charCodeAt(0) - 0x80]!);

/** Decodes a file piece by piece, strictly. */
class Decoder {
  readonly #file: string;
  readonly #encoding: string;
  readonly #strict: InstanceType<typeof TextDecoder>;
  /** The same without complaint, to say where the strict one failed. */
  readonly #lenient: InstanceType<typeof TextDecoder>;
  #line = 1;

  constructor(file: string, encoding: string) {
    this.#file = file;
    this.#encoding = encoding;
    this.#strict = new TextDecoder(encoding, { fatal: true });
    this.#lenient = new TextDecoder(encoding);
  }

  add(piece: Uint8Array): Buffer {
    if (this.#encoding === 'windows-1252') return Buffer.from(asWindows1252(piece));
    return this.#decode(piece, true);
  }

  end(): Buffer {
    return this.#encoding === 'windows-1252' ? Buffer.alloc(0) : this.#decode(new Uint8Array(0), false);
  }

  #decode(piece: Uint8Array, stream: boolean): Buffer {
    // Both go through the whole file, so that the lenient one has the same bytes waiting where a character is cut.
    const text = this.#lenient.decode(piece, { stream });
    try {
      this.#strict.decode(piece, { stream });
    } catch {
      const before = text.slice(0, Math.max(text.indexOf('\ufffd'), 0));
      throw new DataError(
        `${this.#file}:${this.#line + breaksIn(before)}: the bytes are not ${this.#encoding}; ` +
          "set option 'encoding' to what the file is written in, or convert it to UTF-8",
      );
    }
    this.#line += breaksIn(text);
    return Buffer.from(text);
  }
}

function breaksIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
