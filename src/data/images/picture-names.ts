// Which files are pictures by their names.

export const pictureEndings: readonly string[] = [
  ...['jpg', 'jpeg', 'jpe', 'jfif', 'png', 'webp', 'avif', 'gif', 'tif', 'tiff'],
  // Known as pictures, though the decoder may have to refuse them.
  ...['bmp', 'heic', 'heif'],
];
const ending = new RegExp(`\\.(${pictureEndings.join('|')})$`, 'i');

export const isPicture = (path: string): boolean => ending.test(path);
