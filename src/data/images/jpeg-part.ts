// How little of a picture is decoded: the blocks of a JPEG around what is needed, at a reduced scale, and for other
// formats how far a very large picture is reduced on the way.

import type { JpegHeader } from './jpeg-header.js';
import type { Need } from './picture.js';
import type { Size } from './preprocessing.js';

/** Which pixels of a JPEG to decode, at eighths/8 of its size, counted at that scale. */
export function jpegPart(
  { width, height, block }: Pick<JpegHeader, 'width' | 'height' | 'block'>,
  need: Need | undefined,
): { eighths: number; left: number; top: number; width: number; height: number } {
  const eighths = need ? leastScale(need) : 8;
  const scaled = (side: number): number => Math.ceil((side * eighths) / 8);
  const [across, down] = [scaled(width), scaled(height)];
  if (!need) return { eighths, left: 0, top: 0, width: across, height: down };
  // Colours are interpolated between blocks, so that pixels come out as of the whole picture only with a neighbour
  // around.
  const [stepX, stepY] = [(block.width * eighths) / 8, (block.height * eighths) / 8];
  const before = (at: number, step: number): number => Math.max(0, Math.floor((at * eighths) / 8 / step) - 1) * step;
  const [left, top] = [before(need.left, stepX), before(need.top, stepY)];
  return {
    eighths,
    left,
    top,
    width: Math.min(across, scaled(need.left + need.width) + stepX) - left,
    height: Math.min(down, scaled(need.top + need.height) + stepY) - top,
  };
}

/**
 * Sides that are reduced twice, by the decoder and then by the resampling, come out well where the first leaves twice
 * what is needed.
 */
const margin = 2;

/** The smallest of the scales 1/8, 1/4, 1/2 and 1 that is enough. */
function leastScale({ width, height, enough: { width: across, height: down } }: Need): number {
  const enough = (eighths: number): boolean =>
    (width * eighths) / 8 >= margin * across && (height * eighths) / 8 >= margin * down;
  return [1, 2, 4].find(enough) ?? 8;
}

/** A picture of more pixels is reduced by whole numbers as it is decoded, where less is needed. */
const largePixels = 4_000_000;

export function reducedSize({ width, height }: Size, need: Need | undefined): Size | undefined {
  if (!need || width * height < largePixels) return undefined;
  const spare = Math.min(need.width / need.enough.width, need.height / need.enough.height);
  const by = Math.floor(spare / margin);
  return by < 2 ? undefined : { width: Math.ceil(width / by), height: Math.ceil(height / by) };
}
