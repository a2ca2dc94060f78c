// Pictures of every kind become the pixels that were meant, and what is none is refused in words.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { BadPicture } from '#ortune/data/images/bad-picture.js';
import { type NeedOf, PictureDecoder } from '#ortune/data/images/decode.js';
import { fileSource } from '#ortune/data/images/folder.js';
import { readJpegHeader } from '#ortune/data/images/jpeg-header.js';
import { jpegPart } from '#ortune/data/images/jpeg-part.js';
import type { Picture } from '#ortune/data/images/picture.js';
import { PictureReader } from '#ortune/data/images/read-picture.js';
import type { FileSource } from '#ortune/data/images/sources.js';
import { colours, jpeg, picture } from '../../support/pictures.js';
import { temporaryDirectory } from '../../support/temporary.js';

const all: NeedOf = () => undefined;
const decoder = new PictureDecoder({ channels: 3, maxPixels: 100_000_000 });
const decode = async (bytes: Uint8Array, needOf = all, by = decoder): Promise<Picture> => {
  const { data, ...rest } = await by.decode(bytes, needOf);
  return { ...rest, data: Uint8Array.from(data) };
};
/** Largest difference of two lists of numbers. */
const apart = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
};
const raw = colours(100, 70);

/** A grey block of 8 x 8 whose coefficients come bit by bit, each bit a scan of one byte. */
function manyScans(count: number): Buffer {
  const segment = (marker: number, ...content: number[]): number[] => [0xff, marker, 0, content.length + 2, ...content];
  // One code, of one bit: no difference, or the end of the block.
  const table = (kind: number): number[] => segment(0xc4, kind << 4, 1, ...Array(15).fill(0), 0);
  const scan = (k: number, high: number, low: number): number[] => [
    ...segment(0xda, 1, 1, 0, k, k, (high << 4) | low),
    0x7f,
  ];
  const bits = 11;
  const scans = Array.from({ length: 64 }, (_, k) =>
    Array.from({ length: bits }, (_, bit) => scan(k, bit === 0 ? 0 : bits - bit, bits - 1 - bit)),
  ).flat();
  return Buffer.from([
    ...[0xff, 0xd8],
    ...segment(0xdb, 0, ...Array(64).fill(1)),
    ...segment(0xc2, 8, 0, 8, 0, 8, 1, 1, 0x11, 0),
    ...[...table(0), ...table(1)],
    ...scans.slice(0, count).flat(),
    ...[0xff, 0xd9],
  ]);
}

describe('a JPEG', () => {
  test('has the pixels that sharp finds in it', async () => {
    const file = await jpeg(100, 70);
    const found = await decode(file);
    expect(found).toMatchObject({ width: 100, height: 70, channels: 3 });
    expect(apart(found.data, await sharp(file).raw().toBuffer())).toBeLessThanOrEqual(3);
  });

  test.each([
    { subsampling: '4:2:0', progressive: false },
    { subsampling: '4:2:0', progressive: true },
    { subsampling: '4:4:4', progressive: false },
  ])('is decoded where it is needed, to the same pixels: %o', async ({ subsampling, progressive }) => {
    const file = await picture(211, 173).jpeg({ chromaSubsampling: subsampling, progressive }).toBuffer();
    const whole = await decode(file);
    for (const [left, top, width, height] of [
      [0, 0, 211, 173],
      [40, 33, 60, 51],
      [17, 100, 194, 73],
      [200.5, 160.25, 10.5, 12.75],
      [96, 0, 16, 16],
    ] as const) {
      const found = await decode(file, () => ({ left, top, width, height, enough: { width, height } }));
      const { part } = found;
      expect(part!.left).toBeLessThanOrEqual(left);
      expect(part!.top).toBeLessThanOrEqual(top);
      expect(part!.left + part!.width).toBeGreaterThanOrEqual(left + width);
      expect(part!.top + part!.height).toBeGreaterThanOrEqual(top + height);
      const rows = (picture: Picture, dx: number, dy: number): number[] =>
        Array.from({ length: Math.ceil(height) }, (_, y) => {
          const at = ((Math.floor(top) - dy + y) * picture.width + Math.floor(left) - dx) * 3;
          return [...picture.data.subarray(at, at + Math.ceil(width) * 3)];
        }).flat();
      expect(apart(rows(found, part!.left, part!.top), rows(whole, 0, 0))).toBe(0);
    }
  });

  test('of many pixels is decoded at the scale that is enough', async () => {
    const odd = { left: 0, top: 0, width: 1601, height: 1203, enough: { width: 200, height: 150 } };
    expect(await decode(await jpeg(1601, 1203), () => odd)).toMatchObject({
      ...{ width: 401, height: 301 },
      part: { width: 1604, height: 1204, of: { width: 1601, height: 1203 } },
    });
    const file = await jpeg(1600, 1200);
    const found = await decode(file, () => ({ ...odd, width: 1600, height: 1200 }));
    expect(found).toMatchObject({ width: 400, height: 300 });
    const small = await sharp(file).resize(400, 300, { kernel: 'linear', fit: 'fill' }).raw().toBuffer();
    const mean = found.data.reduce((sum, value, i) => sum + Math.abs(value - small[i]!), 0) / small.length;
    expect(mean).toBeLessThan(4);
  });

  test.each([2, 3, 4, 5, 6, 7, 8])('of orientation %i is turned upright', async (orientation) => {
    const file = await picture(60, 40).jpeg({ quality: 95 }).withMetadata({ orientation }).toBuffer();
    expect(readJpegHeader(file)?.orientation).toBe(orientation);
    const upright = await sharp(file).autoOrient().raw().toBuffer();
    const found = await decode(file);
    expect([found.width, found.height]).toEqual(orientation >= 5 ? [40, 60] : [60, 40]);
    expect(apart(found.data, upright)).toBe(0);
  });

  test('with harmless bytes that do not belong there is decoded; in grey it is its brightness', async () => {
    const file = await jpeg(64, 48);
    const end = file.lastIndexOf(Buffer.from([0xff, 0xd9]));
    const odd = Buffer.concat([file.subarray(0, end), Buffer.from([1, 2, 3]), file.subarray(end)]);
    expect(apart((await decode(odd)).data, (await decode(file)).data)).toBeLessThanOrEqual(3);
    const grey = new PictureDecoder({ channels: 1, maxPixels: 1e8 });
    const found = await decode(file, all, grey);
    expect(found).toMatchObject({ width: 64, channels: 1 });
    const png = await sharp(file).png().toBuffer();
    expect(apart(found.data, (await decode(png, all, grey)).data)).toBeLessThanOrEqual(4);
  });
});

describe('other pictures', () => {
  test.each(['png', 'webp', 'avif', 'tiff', 'gif'] as const)('%s, by its bytes and not by its name', async (format) => {
    const how = {
      png: {},
      gif: {},
      tiff: { compression: 'lzw' },
      webp: { lossless: true },
      avif: { lossless: true, chromaSubsampling: '4:4:4' },
    } as const;
    const found = await decode(await picture(100, 70).toFormat(format, how[format]).toBuffer());
    expect(found).toMatchObject({ width: 100, height: 70, channels: 3 });
    // A GIF has 256 colours; AVIF works in its own.
    expect(apart(found.data, raw)).toBeLessThanOrEqual(format === 'gif' ? 80 : format === 'avif' ? 4 : 0);
  });

  test('lose their alpha, as Pillow drops it, and grey ones have three equal channels', async () => {
    const pixels = Buffer.from([10, 20, 30, 0, 40, 50, 60, 128]);
    const file = await sharp(pixels, { raw: { width: 2, height: 1, channels: 4 } })
      .png()
      .toBuffer();
    expect([...(await decode(file)).data]).toEqual([10, 20, 30, 40, 50, 60]);
    const grey = await sharp(Buffer.from([7, 200]), { raw: { width: 2, height: 1, channels: 1 } })
      .png()
      .toBuffer();
    expect([...(await decode(grey)).data]).toEqual([7, 7, 7, 200, 200, 200]);
    const four = new PictureDecoder({ channels: 4, maxPixels: 1e8 });
    expect([...(await decode(file, all, four)).data]).toEqual([...pixels]);
    expect([...(await decode(grey, all, four)).data]).toEqual([7, 7, 7, 255, 200, 200, 200, 255]);
  });

  test('of 16 bits are cut to 8; CMYK becomes colours; of several the first is taken', async () => {
    const wide = Uint16Array.from([0, 0x1234, 0x8000, 0xffff, 0xff00, 0x00ff]);
    const sixteen = await sharp(wide, { raw: { width: 2, height: 1, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect(apart((await decode(sixteen)).data, [0, 0x12, 0x80, 0xff, 0xff, 0])).toBeLessThanOrEqual(1);
    const cmyk = await picture(32, 32).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    expect(readJpegHeader(cmyk)?.components).toBe(4);
    const found = await decode(cmyk);
    expect(found).toMatchObject({ width: 32, height: 32, channels: 3 });
    const mean =
      found.data.reduce((sum, value, i) => sum + Math.abs(value - colours(32, 32)[i]!), 0) / found.data.length;
    expect(mean).toBeLessThan(25);
    const frames = [1, 2].map((seed) => colours(20, 10, seed));
    const gif = await sharp(Buffer.concat(frames), { raw: { width: 20, height: 20, channels: 3, pageHeight: 10 } })
      .gif()
      .toBuffer();
    expect(await decode(gif)).toMatchObject({ width: 20, height: 10 });
  });

  test('of 1 x 1 and of 20,000 x 50 pixels', async () => {
    for (const format of ['png', 'jpeg'] as const) {
      expect(await decode(await picture(1, 1).toFormat(format).toBuffer())).toMatchObject({ width: 1, height: 1 });
      const file = await picture(20_000, 50).toFormat(format).toBuffer();
      expect(await decode(file)).toMatchObject({ width: 20_000, height: 50 });
    }
  });

  test('of very many pixels are reduced on the way where less is needed', async () => {
    const file = await picture(2400, 2000).png().toBuffer();
    const need = { left: 0, top: 0, width: 2400, height: 2000, enough: { width: 240, height: 200 } };
    expect(await decode(file, () => need)).toMatchObject({
      width: 480,
      height: 400,
      part: { width: 2400, height: 2000, of: { width: 2400, height: 2000 } },
    });
  });
});

describe('what is no picture', () => {
  const refused = async (bytes: Uint8Array, says: RegExp, by = decoder): Promise<void> => {
    const error = await by.decode(bytes, all).catch((error: Error) => error);
    expect(error).toBeInstanceOf(BadPicture);
    expect((error as Error).message).toMatch(says);
  };

  test('is refused: nothing, text, and pictures that are cut', async () => {
    await refused(Buffer.alloc(0), /^the file is empty$/);
    await refused(
      Buffer.from('hello, I am a text'),
      /^it is no picture, by its first bytes; expected JPEG, PNG, WebP, AVIF, TIFF or GIF$/,
    );
    const file = await jpeg(200, 100);
    await refused(file.subarray(0, file.length >> 1), /^it cannot be decoded: .*premature end/i);
    await refused(file.subarray(0, 10), /^it cannot be decoded/);
    const png = await picture(200, 100).png().toBuffer();
    await refused(png.subarray(0, png.length >> 1), /^it cannot be decoded/);
  });

  test('and one of more pixels than are allowed, before they are decoded', async () => {
    const small = new PictureDecoder({ channels: 3, maxPixels: 5000 });
    await refused(await jpeg(100, 70), /^it has 100 x 70 pixels, more than the 5000 that maxPixels allows$/, small);
    await refused(await picture(100, 70).png().toBuffer(), /^it has 100 x 70 pixels/, small);
    // A file of 93 bytes that says it has 60,000 x 60,000 pixels.
    const bomb = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#fff' } })
      .png()
      .toBuffer();
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    await refused(bomb, /^it (has 60000 x 60000 pixels|cannot be decoded)/);
    const header = await jpeg(16, 16);
    const frame = header.indexOf(Buffer.from([0xff, 0xc0]));
    header.writeUInt16BE(65_000, frame + 5);
    header.writeUInt16BE(65_000, frame + 7);
    await refused(header, /^it has 65000 x 65000 pixels/);
  });
});

describe('a file made to take memory or time', () => {
  const refusal = (bytes: Uint8Array): Promise<Error> =>
    decoder.decode(bytes, all).then(
      () => new Error('decoded'),
      (error: Error) => error,
    );
  const size = /^it has \d+ x \d+ pixels, more than the 100000000 that maxPixels allows$/;

  test.each([
    ['png', 16],
    ['gif', 6],
    ['gif', -1],
    ['webp', 26],
    ['avif', -1],
    ['tiff', -1],
  ] as const)('a %s that says it is very large is refused before its pixels are unpacked', async (format, at) => {
    const how = format === 'webp' ? { lossless: false } : format === 'avif' ? { lossless: true } : {};
    const file = await picture(24, 18).toFormat(format, how).toBuffer();
    const write = (put: (value: number, at: number) => unknown, side: number, places: readonly number[]): void => {
      for (const place of places) put.call(file, side, place);
    };
    if (format === 'png') write(file.writeUInt32BE, 50_000, [at, at + 4]);
    else if (at === 6) write(file.writeUInt16LE, 65_000, [6, 8]);
    else if (format === 'gif') {
      const frame = file.indexOf(Buffer.from([0x2c, 0, 0, 0, 0, 24, 0, 18, 0]));
      write(file.writeUInt16LE, 65_000, [frame + 5, frame + 7]);
    } else if (format === 'webp') write(file.writeUInt16LE, 16_383, [at, at + 2]);
    else if (format === 'avif') {
      const ispe = file.indexOf('ispe');
      write(file.writeUInt32BE, 50_000, [ispe + 8, ispe + 12]);
    } else
      for (const tag of [0x100, 0x101]) {
        const entries = file.readUInt32LE(4);
        for (let e = 0; e < file.readUInt16LE(entries); e++)
          if (file.readUInt16LE(entries + 2 + 12 * e) === tag) {
            file.writeUInt16LE(4, entries + 4 + 12 * e);
            file.writeUInt32LE(50_000, entries + 10 + 12 * e);
          }
      }
    const before = process.memoryUsage.rss();
    const error = await refusal(file);
    expect(error).toBeInstanceOf(BadPicture);
    if (format === 'webp' || format === 'avif') expect(error.message).toMatch(/^it (has|cannot be decoded)/);
    else expect(error.message).toMatch(size);
    expect(process.memoryUsage.rss() - before).toBeLessThan(300e6);
  });

  test('a JPEG of very many scans is refused; one of some scans is none of these', async () => {
    expect(await decode(manyScans(150))).toMatchObject({ width: 8, height: 8 });
    const error = await refusal(manyScans(400));
    expect(error).toBeInstanceOf(BadPicture);
    expect(error.message).toMatch(/^it cannot be decoded: Progressive JPEG image has more than 200 scans$/);
  });

  test('an animation of very many frames costs one of them', async () => {
    const frame = colours(8, 8);
    const frames = 2000;
    const raw = { width: 8, height: 8 * frames, channels: 3, pageHeight: 8 } as const;
    const gif = await sharp(Buffer.concat(Array(frames).fill(frame)), { raw })
      .gif({ keepDuplicateFrames: true })
      .toBuffer();
    expect(await decode(gif)).toMatchObject({ width: 8, height: 8 });
  });

  test('an SVG is refused, whatever it is called, and so is a document that names files', async () => {
    for (const text of [
      '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
      '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg/>',
      '\n  <svg/>',
    ])
      expect((await refusal(Buffer.from(text))).message).toMatch(
        /^it is (SVG, XML or HTML|no picture), by its first bytes/,
      );
  });
});

describe('the header of a JPEG', () => {
  test('is read past fill bytes and other segments, and is none where it is cut or damaged', async () => {
    const file = await jpeg(33, 21);
    const comment = Buffer.from([0xff, 0xff, 0xfe, 0, 5, 1, 2, 3]);
    const filled = Buffer.concat([file.subarray(0, 2), comment, file.subarray(2)]);
    expect(readJpegHeader(filled)).toEqual(readJpegHeader(file));
    expect(readJpegHeader(file)).toMatchObject({ width: 33, height: 21, components: 3, blocks: true });
    const frame = file.indexOf(Buffer.from([0xff, 0xc0]));
    for (let length = 0; length < frame + 19; length++)
      expect(readJpegHeader(file.subarray(0, length))).toBeUndefined();
    expect(readJpegHeader(Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 0]))).toBeUndefined();
  });

  test('blocks around what is needed, at its scale', () => {
    const header = { width: 500, height: 375, block: { width: 16, height: 16 } };
    const need = { left: 100, top: 50, width: 200, height: 200, enough: { width: 224, height: 224 } };
    expect(jpegPart(header, undefined)).toEqual({ eighths: 8, left: 0, top: 0, width: 500, height: 375 });
    expect(jpegPart(header, need)).toEqual({ eighths: 8, left: 80, top: 32, width: 236, height: 234 });
    expect(jpegPart(header, { ...need, enough: { width: 50, height: 50 } })).toMatchObject({
      eighths: 4,
      left: 40,
      top: 16,
    });
  });
});

test('a file of more bytes than are allowed is not read', async () => {
  const path = join(temporaryDirectory('large'), 'large.jpg');
  writeFileSync(path, await jpeg(100, 70));
  const reader = new PictureReader({ channels: 3, maxPixels: 1e8, maxPictureBytes: 1000 });
  const source = fileSource('folder', [path]) as FileSource;
  await expect(reader.read(source, 0, all)).rejects.toThrow(
    /^it has \d+ bytes, more than the 1000 that maxPictureBytes allows$/,
  );
});
