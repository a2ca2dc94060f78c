// JPEGs for benches, as photographs are in size and detail: 500 x 375 pixels, some 67 kB. They are the same on every
// machine: soft shapes with grain, drawn from a seed. Each distinct picture is drawn once and written under as many
// names as are wanted.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

const [width, height] = [500, 375];
const distinct = 128;

async function draw(index) {
  const data = Buffer.alloc(3 * width * height);
  let state = index + 1;
  const across = Array.from({ length: 3 * width }, (_, i) =>
    Math.sin((Math.floor(i / 3) + 9 * index) / (11 + 7 * (i % 3))),
  );
  const down = Array.from({ length: 3 * height }, (_, i) => Math.cos(Math.floor(i / 3) / (23 - 5 * (i % 3))));
  for (let y = 0, at = 0; y < height; y++)
    for (let i = 0; i < 3 * width; i++, at++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const value = 128 + 80 * across[i] * down[3 * y + (i % 3)] + ((state >>> 24) - 128) * 0.38;
      data[at] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 75 })
    .toBuffer();
}

/** Writes `count` files into two class folders, a and b; the mean of their sizes in bytes. */
export async function writeJpegs(directory, count) {
  const drawn = [];
  for (let i = 0; i < Math.min(count, distinct); i++) drawn.push(await draw(i));
  for (const name of ['a', 'b']) mkdirSync(join(directory, name), { recursive: true });
  for (let i = 0; i < count; i++)
    writeFileSync(join(directory, 'ab'[i % 2], `${String(i).padStart(6, '0')}.jpg`), drawn[i % drawn.length]);
  return drawn.reduce((sum, { length }) => sum + length, 0) / drawn.length;
}
