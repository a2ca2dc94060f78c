// Which files are taken for pictures, before anything of them is decoded.

export const pictureEndings: readonly string[] = [
  ...['jpg', 'jpeg', 'jpe', 'jfif', 'png', 'webp', 'avif', 'gif', 'tif', 'tiff'],
  // Known as pictures, though the decoder may have to refuse them.
  ...['bmp', 'heic', 'heif'],
];
const ending = new RegExp(`\\.(${pictureEndings.join('|')})$`, 'i');

export const isPicture = (path: string): boolean => ending.test(path);

/** What a picture may have before it is read or decoded. */
export interface PictureLimits {
  maxPixels: number;
  maxPictureBytes: number;
}

/** A picture may have so many pixels, where nothing else is said. */
export const mostPixels = 100_000_000;
/** And the file so many bytes: 16 bits of four channels of as many pixels take 800 million without compression. */
export const mostPictureBytes = 1_000_000_000;
