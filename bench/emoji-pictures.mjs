// Drawings of emoji by two vendors as pictures with classes: the sub-categories of Unicode's list (animal-mammal,
// food-sweet, ...). Left out are flags and skin tones, which are no drawings of things, and emoji made of several,
// which are near copies of others. A drawing is 64 pixels wide and stands on white here.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { dataPackage } from './data-package.mjs';

export const side = 64;

/**
 * @param {'google' | 'twitter'} vendor
 * @returns {{ file: string, name: string, label: string }[]} in the order of the package
 */
export function emojiPictures(vendor, options) {
  const directory = dataPackage(`emoji-datasource-${vendor}`, options);
  const rows = JSON.parse(readFileSync(join(directory, 'emoji.json'), 'utf8'));
  return rows
    .filter((row) => row[`has_img_${vendor}`] && !['Component', 'Flags'].includes(row.category))
    .filter(({ unified }) => !unified.split('-').includes('200D'))
    .map(({ image, short_name: name, subcategory: label }) => ({
      file: join(directory, 'img', vendor, String(side), image),
      name,
      label,
    }));
}

const onWhite = (file) => sharp(file).flatten({ background: '#ffffff' }).toColourspace('srgb');

/** The drawings' pixels, as train or eval of the library's functions take them. */
export async function inMemory(pictures, labelNames) {
  const size = side * side * 3;
  const pixels = new Uint8Array(new SharedArrayBuffer(pictures.length * size));
  for (const [i, { file }] of pictures.entries())
    pixels.set(await onWhite(file).removeAlpha().raw().toBuffer(), i * size);
  const labels = pictures.map(({ label }) => labelNames.indexOf(label));
  return { pixels, shape: [pictures.length, side, side, 3], labels, labelNames };
}

/** The drawings as PNG files, a folder for each class. */
export async function inFolders(pictures, directory) {
  for (const { file, name, label } of pictures) {
    const folder = join(directory, label);
    mkdirSync(folder, { recursive: true });
    await onWhite(file)
      .png()
      .toFile(join(folder, `${name}.png`));
  }
}
