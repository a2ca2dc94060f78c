// Picture files for tests, drawn as they are needed: smooth colours with some noise, so that a mirrored, turned or
// shifted picture is another one.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import sharp, { type Sharp } from 'sharp';

/** [height, width, 3], a function of the seed. */
export function colours(width: number, height: number, seed = 1): Buffer {
  const data = Buffer.alloc(width * height * 3);
  let state = seed;
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const wave = Math.sin((x * (c + 1) + seed) / 17) * 60 + Math.cos((y * (3 - c)) / 23) * 50;
        data[at++] = Math.max(0, Math.min(255, 128 + wave + ((state >>> 24) - 128) / 8));
      }
  return data;
}

export const picture = (width: number, height: number, seed = 1): Sharp =>
  sharp(colours(width, height, seed), { raw: { width, height, channels: 3 } });

export const jpeg = (width: number, height: number, seed = 1): Promise<Buffer> =>
  picture(width, height, seed).jpeg({ quality: 90 }).toBuffer();

/** Writes a file, and the folders it lies in. */
export function put(path: string, bytes: string | Uint8Array): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}
