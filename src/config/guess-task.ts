// Which task is meant where none is named: the data tell. Tensors hold pictures, unless
// they are packed texts; anything else is read as texts.

import { memoryPrefix } from '../data/images/tensors.js';
import { packKind } from '../data/pack/pack-format.js';
import type { TaskName } from '../tasks/task.js';

interface Given {
  task?: TaskName | undefined;
  train?: readonly string[] | undefined;
  data?: readonly string[] | undefined;
}

/** The configuration with a task. */
export function withTask<C extends Given>(config: C): C & { task: TaskName } {
  const files = config.train ?? config.data ?? [];
  const pictures = files.some(
    (file) => (file.endsWith('.safetensors') && packKind(file) !== 'texts') || file.startsWith(memoryPrefix),
  );
  return { ...config, task: config.task ?? (pictures ? 'image-classification' : 'text-classification') };
}
