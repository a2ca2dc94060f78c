// The tasks there are: one row each. Everything else about a task is in its file.

import { imageClassification } from './image-classification.js';
import { maskedLm } from './masked-lm.js';
import type { Task, TaskConfig } from './task.js';
import { textClassification } from './text-classification.js';
import { tokenClassification } from './token-classification.js';

export const tasks = [textClassification, tokenClassification, maskedLm, imageClassification] as const;

export type TaskName = (typeof tasks)[number]['name'];
/** What an evaluation comes to, whatever the task. */
export type Metrics = ReturnType<ReturnType<(typeof tasks)[number]['meter']>['result']>;

export const taskNames = tasks.map(({ name }) => name) as [TaskName, ...TaskName[]];

// biome-ignore lint/suspicious/noExplicitAny: a task's options and results are its own
type AnyTask = Task<any, any, any>;

/** The same without what is particular to each. */
export const everyTask = tasks as unknown as readonly AnyTask[];

/** @throws Error for a name that is none */
export function taskNamed(name: string): AnyTask {
  const task = everyTask.find((one) => one.name === name);
  if (!task) throw new Error(`there is no task '${name}'`);
  return task;
}

/** The configuration with a task: the one it names, else the one whose data these are, else the first. */
export function withTask<C extends object>(config: C): C & { task: TaskName } {
  const given = config as TaskConfig;
  const files: readonly string[] = given.train ?? given.data ?? [];
  const recognised = (): TaskName =>
    (everyTask.find((task) => task.recognises?.(given, files))?.name as TaskName | undefined) ?? tasks[0].name;
  return { ...config, task: (given.task as TaskName | undefined) ?? recognised() };
}
