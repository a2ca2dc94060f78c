// What a model is trained for, and what of that shapes graph and batches. One value goes from the configuration through
// data, feeder, engine and evaluation; each kind's loss is in a file of its own beside this one, and attach.ts chooses.

import type { Masking } from '../data/masking.js';

export type Task = TextClassification | MaskedLm | ImageClassification;
export type TaskName = Task['name'];

export const taskNames = ['text-classification', 'masked-lm', 'image-classification'] as const satisfies TaskName[];

/** One label a text. */
export interface TextClassification {
  name: 'text-classification';
}

/** Finds masked tokens. */
export interface MaskedLm {
  name: 'masked-lm';
  masking: Masking;
}

/** Labels of pictures. */
export interface ImageClassification {
  name: 'image-classification';
  targets: Targets;
}

/**
 * What a sample's target is: its class; a probability for each class (soft labels); or for each label by itself whether
 * it holds, or how likely it does (multi-label).
 */
export type Targets = 'class' | 'probabilities' | 'labels';

export const textClassification: TextClassification = { name: 'text-classification' };

/** What a sample of the task is, for messages. */
export const isImageTask = (task: Task | TaskName): boolean =>
  (typeof task === 'string' ? task : task.name) === 'image-classification';

/** How a task masks; undefined where it does not. */
export const maskingOf = (task: Task): Masking | undefined => (task.name === 'masked-lm' ? task.masking : undefined);
