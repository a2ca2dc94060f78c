// Whether a path is that of pictures, before anything of them is decoded.

import { statSync } from 'node:fs';
import { packKind } from '../pack/pack-format.js';
import { isPicture } from './picture-names.js';

/** By its ending, by what it holds, or because it is a folder. */
export const holdsPictures = (file: string): boolean =>
  file.endsWith('.safetensors')
    ? packKind(file) !== 'texts'
    : isPicture(file) || (statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false);
