// The first picture of a GIF: its pixels against sharp's where the two agree, and files that are cut or damaged.

import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { BadPicture } from '#ortune/data/images/bad-picture.js';
import { decodeGif, readGif } from '#ortune/data/images/gif.js';
import { colours } from '../../support/pictures.js';

async function coloursOf(file: Buffer): Promise<Buffer> {
  const frame = readGif(file);
  return Buffer.from([...decodeGif(file, frame)].flatMap((c) => [...frame.palette.subarray(3 * c, 3 * c + 3)]));
}
const gif = (width: number, height: number, colors: number): Promise<Buffer> =>
  sharp(colours(width, height), { raw: { width, height, channels: 3 } })
    .gif({ colors, dither: 0 })
    .toBuffer();

describe('a GIF', () => {
  test.each([
    [1, 1, 2],
    [3, 200, 2],
    [64, 48, 16],
    [150, 120, 256],
  ])('of %i x %i pixels and %i colours is decoded past all lengths of codes', async (width, height, colors) => {
    const file = await gif(width, height, colors);
    const wanted = await sharp(file).removeAlpha().toColourspace('srgb').raw().toBuffer();
    expect((await coloursOf(file)).equals(wanted)).toBe(true);
  });

  test('that is cut anywhere is refused in words, and so is one whose codes make no sense', async () => {
    const file = await gif(40, 30, 64);
    const whole = await coloursOf(file);
    for (let length = 6; length < file.length - 2; length++) {
      try {
        expect((await coloursOf(file.subarray(0, length))).equals(whole)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(BadPicture);
        expect((error as Error).message).toMatch(/^it cannot be decoded: the GIF('s pixels)? /);
      }
    }
    const { begin } = readGif(file);
    for (let at = begin; at < file.length; at += 7) {
      const damaged = Buffer.from(file);
      damaged[at] = damaged[at]! ^ 0xff;
      await coloursOf(damaged).catch((error: Error) => expect(error).toBeInstanceOf(BadPicture));
    }
    const wrong = Buffer.from(file);
    wrong[begin] = 12;
    await expect(coloursOf(wrong)).rejects.toThrow("the GIF's pixels begin with codes of 12 bits");
    await expect(coloursOf(Buffer.from('GIF89a\x01\0\x01\0\0\0\0;', 'latin1'))).rejects.toThrow('holds no picture');
  });
});
