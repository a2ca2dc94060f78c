// The first picture of a GIF, with the pixels that Pillow gives it: those that are transparent, and those of the canvas
// that the frame leaves out, have the colour that the palette has for them. sharp makes them black, since it draws what
// a viewer shows, without the colours below. Source: CompuServe, Graphics Interchange Format, version 89a.

import { BadPicture } from './bad-picture.js';
import type { Size } from './preprocessing.js';

/** The first frame of a file, before it is decoded. */
export interface GifFrame {
  /** Of the canvas, which grows to hold the frame. */
  size: Size;
  left: number;
  top: number;
  width: number;
  height: number;
  interlaced: boolean;
  /** 256 colours. */
  palette: Uint8Array;
  /** Number of the colour that is seen through. */
  transparent: number | undefined;
  /** Where the coded pixels begin: the size of their first codes, then blocks. */
  begin: number;
}

const block = { extension: 0x21, frame: 0x2c, end: 0x3b, control: 0xf9 };

/** @throws BadPicture for a file that is cut, or has no picture */
export function readGif(file: Uint8Array): GifFrame {
  const byte = (at: number): number => {
    if (at >= file.length) throw new BadPicture('it cannot be decoded: the GIF ends before its first picture');
    return file[at]!;
  };
  const word = (at: number): number => byte(at) + 256 * byte(at + 1);
  const colours = (at: number, flags: number): Uint8Array => file.subarray(at, at + 3 * (2 << (flags & 7)));
  const screen = { width: word(6), height: word(8) };
  const flags = byte(10);
  let palette = flags & 0x80 ? colours(13, flags) : undefined;
  let transparent: number | undefined;
  let at = 13 + (palette ? 3 * (2 << (flags & 7)) : 0);
  while (byte(at) !== block.frame) {
    if (byte(at) === block.end) throw new BadPicture('it cannot be decoded: the GIF holds no picture');
    if (byte(at++) !== block.extension) continue; // bytes between blocks are passed over
    if (byte(at) === block.control && byte(at + 1) >= 4 && byte(at + 2) & 1) transparent = byte(at + 5);
    for (at++; byte(at) > 0; at += byte(at) + 1);
    at++;
  }
  const [left, top, width, height] = [word(at + 1), word(at + 3), word(at + 5), word(at + 7)];
  const ofFrame = byte(at + 9);
  at += 10;
  if (ofFrame & 0x80) {
    palette = colours(at, ofFrame);
    at += 3 * (2 << (ofFrame & 7));
  }
  if (width === 0 || height === 0) throw new BadPicture('it cannot be decoded: the first picture of the GIF is empty');
  return {
    size: { width: Math.max(screen.width, left + width), height: Math.max(screen.height, top + height) },
    ...{ left, top, width, height, transparent, begin: at },
    interlaced: (ofFrame & 0x40) !== 0,
    palette: completed(palette),
  };
}

/**
 * Colours that a palette does not have are black; without one, or where it says nothing else, the numbers are greys.
 */
function completed(palette: Uint8Array = new Uint8Array(0)): Uint8Array {
  const greys = Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3));
  if (palette.every((value, i) => value === greys[i])) return greys;
  const all = new Uint8Array(768);
  all.set(palette);
  return all;
}

/** The number of the colour of each pixel of the canvas. @throws BadPicture for codes that are cut or make no sense */
export function decodeGif(file: Uint8Array, frame: GifFrame): Uint8Array {
  const { size, left, top, width, height, interlaced, transparent = 0 } = frame;
  const canvas = new Uint8Array(size.width * size.height).fill(transparent);
  const rows = interlaced ? interlacedRows(height) : undefined;
  let [x, y] = [0, 0];
  let at = (top + (rows?.[0] ?? 0)) * size.width + left;
  unpack(file, frame.begin, width * height, (colour) => {
    canvas[at++] = colour;
    if (++x < width) return;
    x = 0;
    y++;
    at = (top + (rows?.[y] ?? y)) * size.width + left;
  });
  return canvas;
}

const interlacedRows = (height: number): number[] =>
  [
    [0, 8],
    [4, 8],
    [2, 4],
    [1, 2],
  ].flatMap(([first, step]) =>
    Array.from({ length: Math.ceil((height - first!) / step!) }, (_, i) => first! + i * step!),
  );

const mostCodes = 4096;

/** Calls `put` for `count` values, or fewer where the codes end; LZW with codes of growing length. */
function unpack(file: Uint8Array, begin: number, count: number, put: (value: number) => void): void {
  const damaged = (what: string): BadPicture => new BadPicture(`it cannot be decoded: the GIF's pixels ${what}`);
  const least = file[begin] ?? 0;
  if (least < 1 || least > 8) throw damaged(`begin with codes of ${least} bits`);
  const [clear, end] = [1 << least, (1 << least) + 1];
  // Of each code: the code before its last value, that value, and its first.
  const prefix = new Uint16Array(mostCodes);
  const suffix = Uint8Array.from({ length: mostCodes }, (_, i) => i);
  const first = Uint8Array.from(suffix);
  const values = new Uint8Array(mostCodes + 1);
  let [next, bits, before] = [end + 1, least + 1, -1];
  let [at, left, window, held, done] = [begin + 1, 0, 0, 0, 0];
  while (done < count) {
    while (held < bits) {
      if (left === 0) {
        left = file[at++] ?? 0;
        if (left === 0) throw damaged('are cut');
      }
      if (at >= file.length) throw damaged('are cut');
      window |= file[at++]! << held;
      held += 8;
      left--;
    }
    const code = window & ((1 << bits) - 1);
    window >>>= bits;
    held -= bits;
    if (code === end) return;
    if (code === clear) {
      [next, bits, before] = [end + 1, least + 1, -1];
      continue;
    }
    if (code > next || (code === next && before < 0) || (before < 0 && code > clear)) throw damaged('are damaged');
    let length = 0;
    // A code that is only now to be known is the one before and its first value again.
    if (code === next) values[length++] = first[before]!;
    let c = code === next ? before : code;
    for (; c > end; c = prefix[c]!) values[length++] = suffix[c]!;
    values[length++] = c;
    const head = c;
    while (length > 0 && done < count) {
      put(values[--length]!);
      done++;
    }
    if (before >= 0 && next < mostCodes) {
      prefix[next] = before;
      suffix[next] = head;
      first[next] = first[before]!;
      next++;
      if (next === 1 << bits && bits < 12) bits++;
    }
    before = code;
  }
}
