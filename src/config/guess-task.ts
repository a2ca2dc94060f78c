// Which task is meant where none is named: the data tell. Folders, picture files and tensors hold pictures, unless they are
// packed texts, and so does a table with a column of them; anything else is read as texts.

import { statSync } from 'node:fs';
import { isPicture } from '../data/images/picture-names.js';
import { memoryPrefix } from '../data/images/tensors.js';
import { packKind } from '../data/pack/pack-format.js';
import type { TaskName } from '../tasks/task.js';

interface Given {
  task?: TaskName | undefined;
  train?: readonly string[] | undefined;
  data?: readonly string[] | undefined;
  imageColumn?: string | undefined;
}

/** Whether a path is that of pictures: by its ending, by what it holds, or because it is a folder. */
export const holdsPictures = (file: string): boolean =>
  file.endsWith('.safetensors')
    ? packKind(file) !== 'texts'
    : isPicture(file) || (statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false);

/** The configuration with a task. */
export function withTask<C extends Given>(config: C): C & { task: TaskName } {
  const files = config.train ?? config.data ?? [];
  const pictures =
    config.imageColumn !== undefined || files.some((file) => file.startsWith(memoryPrefix) || holdsPictures(file));
  return { ...config, task: config.task ?? (pictures ? 'image-classification' : 'text-classification') };
}
