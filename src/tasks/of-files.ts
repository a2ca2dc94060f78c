// Models of several files: the task that a directory of them is of, by their names, before any is opened; and whether
// they belong together.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { ModelError } from '../errors.js';
import { type JoinedModel, partFolders } from '../onnx/join.js';
import type { ModelConfig } from '../transfer/config.js';
import { everyTask, type TaskName, taskNamed } from './tasks.js';

/** Undefined: a model of one file, or none of a task. */
export function taskOfFiles(path: string): TaskName | undefined {
  const names = new Set(
    partFolders(path)
      // Below a file there is nothing, which statSync throws for.
      .filter((folder) => existsSync(folder) && statSync(folder).isDirectory())
      .flatMap((folder) => readdirSync(folder)),
  );
  if (names.has('model.onnx')) return undefined;
  // One of its files is enough: which are missing is said when they are opened.
  const found = everyTask.findLast(({ parts }) => parts?.some(({ file }) => names.has(`${file}.onnx`)));
  return found?.name as TaskName | undefined;
}

/** @throws ModelError for files of two models */
export function refuseApart({ path, graph }: JoinedModel, task: string, config: ModelConfig): void {
  const why = taskNamed(task).apart?.(graph, config);
  if (why !== undefined) throw new ModelError(`${path}: ${why}`);
}
