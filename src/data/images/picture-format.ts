// What a file is by its first bytes. sharp reads other formats, too, among them SVG, which is a program that may name
// other files: what is none of the formats below never gets that far.

import { BadPicture } from './bad-picture.js';

export type PictureFormat = 'JPEG' | 'PNG' | 'WebP' | 'AVIF' | 'TIFF' | 'GIF';

/** The bytes at a place; of several any. */
type Row<Name> = readonly [name: Name, at: number, ...bytes: readonly string[]];

const formats: readonly Row<PictureFormat>[] = [
  ['JPEG', 0, '\xff\xd8\xff'],
  ['PNG', 0, '\x89PNG\r\n\x1a\n'],
  ['WebP', 8, 'WEBP'],
  ['AVIF', 4, 'ftypavif', 'ftypavis', 'ftypmif1', 'ftypmsf1', 'ftypmiaf'],
  ['TIFF', 0, 'II*\0', 'II+\0', 'MM\0*', 'MM\0+'],
  ['GIF', 0, 'GIF87a', 'GIF89a'],
];

/** Known by name, so that messages can say what a file is. */
const others: readonly Row<string>[] = [
  ['BMP', 0, 'BM'],
  ['HEIC', 4, 'ftyphe'],
  ['JPEG XL', 0, '\xff\x0a', '\0\0\0\x0cJXL '],
  ['JPEG 2000', 0, '\0\0\0\x0cjP ', '\xff\x4f\xff\x51'],
  ['SVG, XML or HTML', 0, '<', '\xef\xbb\xbf<'],
  ['PPM', 0, 'P1', 'P2', 'P3', 'P4', 'P5', 'P6'],
  ['PDF', 0, '%PDF'],
  ['ICO', 0, '\0\0\x01\0'],
  ['PSD', 0, '8BPS'],
];

/** @throws BadPicture for other files than pictures of these formats */
export function pictureFormat(file: Uint8Array): PictureFormat {
  const start = Buffer.from(file.subarray(0, 64)).toString('latin1');
  const fits = <Name>([, at, ...bytes]: Row<Name>): boolean => bytes.some((text) => start.startsWith(text, at));
  const found = formats.find(fits);
  if (found) return found[0];
  const [other] = others.find(fits) ?? [];
  throw new BadPicture(
    `it is ${other ?? 'no picture'}, by its first bytes; expected JPEG, PNG, WebP, AVIF, TIFF or GIF`,
  );
}
