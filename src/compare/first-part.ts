// What a run that trains the trunk of a later classifier has of the classifier's options.

import { taskFields } from '../config/task-fields.js';
import type { TrainConfig } from '../config/train-schema.js';

/** Options that say how a classifier is measured, or what its head is. */
export const ofClassifier: readonly string[] = [
  ...['eval', 'evalSplit', 'test', 'evalStrategy', 'evalSteps', 'metricForBestModel', 'loadBestModelAtEnd'],
  ...['earlyStoppingPatience', 'earlyStoppingThreshold', 'numLabels', 'classWeights', 'labelSmoothing', 'headLayers'],
  ...['trunkCache', 'trunkCacheDirectory', 'trunkCacheMaxBytes', 'freeze'],
];

const ofTasks = new Set(Object.keys({ ...taskFields.all, ...taskFields.train }));

/** The options that neither a task has nor are left out. */
export const withoutTask = (shared: TrainConfig, leftOut: Iterable<string>): Partial<TrainConfig> => {
  const none = new Set(leftOut);
  return Object.fromEntries(Object.entries(shared).filter(([key]) => !ofTasks.has(key) && !none.has(key)));
};
