// Pictures as Pillow's Image.open(f).convert('RGB') reads them: the table of kinds, with what Pillow gives
// (test/fixtures/pictures/make.py) and what the decoder gives. A kind that is not in `apart` has Pillow's very pixels,
// or is refused by both.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { BadPicture } from '#ortune/data/images/bad-picture.js';
import { PictureDecoder } from '#ortune/data/images/decode.js';

interface Golden {
  file: string;
  /** Of Pillow. */
  mode?: string;
  width?: number;
  height?: number;
  rgb?: string;
  refused?: string;
}

const folder = fileURLToPath(new URL('../../fixtures/pictures/', import.meta.url));
const bytesOf = (file: string): Buffer => readFileSync(`${folder}files/${file}`);
const goldens = JSON.parse(readFileSync(`${folder}goldens.json`, 'utf8')) as Golden[];
const decoder = new PictureDecoder({ channels: 3, maxPixels: 1e8 });
const decode = (file: string, by = decoder) => by.decode(bytesOf(file), () => undefined);
const turned = (rgb: Buffer, width: number, height: number, by = 90): Promise<Buffer> =>
  sharp(rgb, { raw: { width, height, channels: 3 } })
    .rotate(by)
    .raw()
    .toBuffer();

/** Where the pixels are not Pillow's: how far they may be apart, what they are, and what is said of it. */
const apart: Record<string, { remark: string; most?: number; is?: (pillow: Buffer) => Promise<Buffer> }> = {
  'avif.avif': { remark: 'AVIF', most: 8 },
  'avif-444.avif': { remark: 'AVIF', most: 1 },
  'avif-alpha.avif': { remark: 'AVIF', most: 8 },
  'avif-animated.avif': { remark: 'AVIF', most: 8 },
  'avif-grey.avif': { remark: 'AVIF', most: 0 },
  'avif-turned.avif': { remark: 'AVIF', most: 1, is: (pillow) => turned(pillow, 32, 24, 180) },
  'jpeg-turned.jpg': { remark: 'turned', is: (pillow) => turned(pillow, 40, 24) },
  'jpeg-bytes-before-end.jpg': { remark: 'other decoder', most: 0 },
  'png-grey-16-bit.png': { remark: 'grey of 16 bits', is: () => upperBytes('png-grey-16-bit.png') },
  'tiff-grey-16-bit.tiff': { remark: 'grey of 16 bits', is: () => upperBytes('tiff-grey-16-bit.tiff') },
};

/** What Pillow reads and the decoder refuses, by name. */
const refused: Record<string, RegExp> = {
  'bmp.bmp': /^it is BMP, by its first bytes; expected JPEG, PNG, WebP, AVIF, TIFF or GIF$/,
  'ppm.ppm': /^it is PPM, by its first bytes/,
  'tiff-lab.tiff': /^it cannot be decoded: the TIFF is cut, damaged or of a kind that is not supported$/,
};

async function upperBytes(file: string): Promise<Buffer> {
  const wide = await sharp(bytesOf(file)).toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer();
  return Buffer.from(Array.from({ length: wide.length / 2 }, (_, i) => Array(3).fill(wide[2 * i + 1]!)).flat());
}

describe('a picture of each kind', () => {
  test.each(goldens.filter(({ file, rgb }) => rgb && !refused[file]))('$file ($mode)', async (golden) => {
    const { file, width, height } = golden;
    const pillow = Buffer.from(golden.rgb!, 'base64');
    const { remark, most = 0, is } = apart[file] ?? {};
    const found = await decode(file);
    const turnedToo = file === 'avif-turned.avif' ? ['turned'] : [];
    expect(found.remarks?.map(({ kind }) => kind)).toEqual(remark && [remark, ...turnedToo]);
    expect([found.width, found.height].sort()).toEqual([width, height].sort());
    const wanted = is ? await is(pillow) : pillow;
    expect(found.data.length).toBe(wanted.length);
    const furthest = wanted.reduce((far, value, i) => Math.max(far, Math.abs(value - found.data[i]!)), 0);
    expect(furthest).toBeLessThanOrEqual(most);
  });

  test.each(goldens.filter(({ file, rgb }) => !rgb || refused[file]).map(({ file }) => file))(
    '%s is refused',
    async (file) => {
      const error = await decode(file).catch((error: Error) => error);
      expect(error).toBeInstanceOf(BadPicture);
      expect((error as Error).message).toMatch(refused[file] ?? /^it (cannot be decoded: |is SVG, XML or HTML)/);
    },
  );

  test('has the alpha that the file says, for a model of four channels', async () => {
    const four = new PictureDecoder({ channels: 4, maxPixels: 1e8 });
    for (const file of ['gif-transparent.gif', 'png-palette-one-transparent.png']) {
      const { data } = await decode(file, four);
      const alphas = new Set(data.filter((_, i) => i % 4 === 3));
      expect([...alphas].sort()).toEqual([0, 255]);
    }
    const { data } = await decode('jpeg-cmyk.jpg', four);
    expect(data.filter((_, i) => i % 4 === 3).every((alpha) => alpha === 255)).toBe(true);
  });
});

describe('a file that is refused or odd', () => {
  test('is told its own reason, whatever else is decoded at the same time', async () => {
    const reason = (file: string, by: PictureDecoder): Promise<string> =>
      decode(file, by).then(
        () => '',
        (error: Error) => error.message,
      );
    const all = goldens.map(({ file }) => file).filter((file) => /^jpeg-(12|bad|cut|without-[ed])/.test(file));
    const alone = new Map<string, string>();
    for (const file of all) alone.set(file, await reason(file, decoder));
    const decoders = Array.from({ length: 4 }, () => new PictureDecoder({ channels: 3, maxPixels: 1e8 }));
    for (let round = 0; round < 20; round++)
      await Promise.all(
        decoders.map(async (by, i) => {
          const file = all[(round + 3 * i) % all.length]!;
          expect(await reason(file, by)).toBe(alone.get(file));
        }),
      );
    expect(alone.get('jpeg-12-bit.jpg')).toBe('it cannot be decoded: the JPEG has numbers of 12 bits, 8 are supported');
    expect(alone.get('jpeg-bad-dht.jpg')).toBe('it cannot be decoded: Bogus Huffman table definition');
  });

  const odd = goldens.map(({ file }) => file);
  test('changes nothing for those behind it', async () => {
    const good = ['jpeg.jpg', 'jpeg-without-dht.jpg', 'jpeg-grey.jpg', 'jpeg-cmyk.jpg', 'png-rgb.png', 'gif.gif'];
    const fresh = new Map<string, Buffer>();
    for (const file of good) {
      const { data } = await decode(file, new PictureDecoder({ channels: 3, maxPixels: 1e8 }));
      fresh.set(file, Buffer.from(data));
    }
    for (const [i, file] of odd.entries()) {
      await decode(file).catch(() => {});
      const next = good[i % good.length]!;
      const { data, remarks } = await decode(next);
      expect(Buffer.from(data).equals(fresh.get(next)!), `${next} after ${file}`).toBe(true);
      expect(remarks).toBeUndefined();
    }
  });
});
