// Which files are taken for pictures, before anything of them is decoded.

export const pictureEndings: readonly string[] = [
  ...['jpg', 'jpeg', 'jpe', 'jfif', 'png', 'webp', 'avif', 'gif', 'tif', 'tiff'],
  // Known as pictures, though the decoder may have to refuse them.
  ...['bmp', 'heic', 'heif'],
];
const ending = new RegExp(`\\.(${pictureEndings.join('|')})$`, 'i');

export const isPicture = (path: string): boolean => ending.test(path);

/** A picture may have so many pixels, where nothing else is said. */
export const mostPixels = 100_000_000;
