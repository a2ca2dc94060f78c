// Many small pictures on one PNG, each with a caption and, where it was judged, a frame that says whether rightly: for
// a person to look at what was predicted, or what augmentation makes of the data. sharp draws; the letters come from a
// font among the dependencies, since a server may have none.

import { createRequire } from 'node:module';
import type { OverlayOptions as Overlay } from 'sharp';

export interface SheetPicture {
  /** RGB, [height, width, 3] */
  pixels: Uint8Array;
  width: number;
  height: number;
  caption: string;
  /** Green for right, red for wrong, none where nothing was judged. */
  judged?: 'right' | 'wrong' | undefined;
}

export interface SheetOptions {
  /** Above the pictures. */
  title?: string | undefined;
  /** Pictures in a row; default 8. */
  columns?: number | undefined;
  /** Pixels that each picture may be high and wide; default 128. */
  side?: number | undefined;
}

const font = {
  font: 'PT Sans Narrow',
  fontfile: createRequire(import.meta.url).resolve(
    '@expo-google-fonts/pt-sans-narrow/400Regular/PTSansNarrow_400Regular.ttf',
  ),
};
const [margin, frame, line, heading] = [8, 4, 18, 28];
const colours = { right: '#1a8f3c', wrong: '#d02c2c' };

/** @returns the bytes of a PNG */
export async function contactSheet(pictures: readonly SheetPicture[], options: SheetOptions = {}): Promise<Buffer> {
  const { default: sharp } = await import('sharp');
  const { title, columns = 8, side = 128 } = options;
  const cell = { width: side + 2 * frame + margin, height: side + 2 * frame + line + margin };
  const top = margin + (title === undefined ? 0 : heading);
  const across = Math.min(columns, Math.max(1, pictures.length));
  const width = margin + across * cell.width;
  const height = top + Math.ceil(pictures.length / across) * cell.height;

  /** A line of text that fits into so many pixels. */
  const text = async (content: string, box: { width: number; height: number }): Promise<Buffer> => {
    const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    const dpi = Math.round(5.3 * box.height);
    const drawn = await sharp({ text: { text: escaped, ...font, dpi, rgba: true } })
      .png()
      .toBuffer();
    return sharp(drawn)
      .resize({ ...box, fit: 'inside', withoutEnlargement: true })
      .png()
      .toBuffer();
  };
  const overlaysOf = async (picture: SheetPicture, index: number): Promise<Overlay[]> => {
    const left = margin + (index % across) * cell.width;
    const at = top + Math.floor(index / across) * cell.height;
    const raw = { width: picture.width, height: picture.height, channels: 3 } as const;
    // Small pictures keep their pixels visible.
    const kernel = Math.max(raw.width, raw.height) < side ? 'nearest' : 'lanczos3';
    const { data, info } = await sharp(picture.pixels, { raw })
      .resize({ width: side, height: side, fit: 'inside', kernel })
      .png()
      .toBuffer({ resolveWithObject: true });
    const [x, y] = [frame + ((side - info.width) >> 1), frame + ((side - info.height) >> 1)];
    const square = { width: side + 2 * frame, height: side + 2 * frame, channels: 3 } as const;
    const judged = picture.judged && {
      input: { create: { ...square, background: colours[picture.judged] } },
      left,
      top: at,
    };
    return [
      ...(judged ? [judged] : []),
      { input: data, left: left + x, top: at + y },
      ...(picture.caption === ''
        ? []
        : [
            {
              input: await text(picture.caption, { width: cell.width - margin, height: line }),
              left,
              top: at + square.height,
            },
          ]),
    ];
  };

  const overlays: Overlay[] =
    title === undefined
      ? []
      : [
          {
            input: await text(title, { width: width - 2 * margin, height: heading - margin }),
            left: margin,
            top: margin,
          },
        ];
  for (const [index, picture] of pictures.entries()) overlays.push(...(await overlaysOf(picture, index)));
  return sharp({ create: { width, height, channels: 3, background: '#ffffff' } })
    .composite(overlays)
    .png()
    .toBuffer();
}
