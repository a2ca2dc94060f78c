import sharp from 'sharp';
import { expect, test } from 'vitest';
import { contactSheet, type SheetPicture } from '#ortune/report/contact-sheet.js';

const plain = (colour: readonly number[], rest: Partial<SheetPicture> = {}): SheetPicture => ({
  pixels: Uint8Array.from({ length: 4 * 2 * 3 }, (_, i) => colour[i % 3]!),
  width: 4,
  height: 2,
  caption: '',
  ...rest,
});

async function opened(png: Buffer) {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
  const inked = (left: number, top: number, width: number, height: number): boolean =>
    Array.from({ length: width * height }, (_, i) => at(left + (i % width), top + Math.floor(i / width))).some(
      ([red]) => red! < 128,
    );
  return { ...info, at, inked };
}

test('pictures stand in rows, framed by how they were judged, with their captions below', async () => {
  const pictures = [
    plain([0, 0, 255], { judged: 'right', caption: 'cat <1> & more' }),
    plain([0, 255, 0], { judged: 'wrong' }),
    plain([255, 0, 0]),
  ];
  const sheet = await opened(await contactSheet(pictures, { columns: 2, side: 32 }));
  const [cellWidth, cellHeight] = [32 + 8 + 8, 32 + 8 + 18 + 8];
  expect([sheet.width, sheet.height]).toEqual([8 + 2 * cellWidth, 8 + 2 * cellHeight]);
  expect(sheet.at(8 + 4 + 16, 8 + 4 + 16)).toEqual([0, 0, 255]);
  expect(sheet.at(9, 9)).toEqual([0x1a, 0x8f, 0x3c]);
  expect(sheet.at(9 + cellWidth, 9)).toEqual([0xd0, 0x2c, 0x2c]);
  expect(sheet.at(9, 9 + cellHeight)).toEqual([255, 255, 255]);
  expect(sheet.at(8 + 4 + 16, 8 + 4 + 16 + cellHeight)).toEqual([255, 0, 0]);
  expect(sheet.inked(8, 8 + 40, 40, 18)).toBe(true);
  expect(sheet.inked(8 + cellWidth, 8 + 40, 40, 18)).toBe(false);
});

test('a title stands above, and a sheet may be empty', async () => {
  const sheet = await opened(await contactSheet([], { title: 'Nothing to see' }));
  expect(sheet.inked(8, 8, 100, 20)).toBe(true);
});
