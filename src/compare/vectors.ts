// The first half of the strategy contrastive: vectors of texts that are near where their classes are the same, from the
// data and with the budget of the classifier whose trunk they become. What SetFit does (Tunstall et al., Efficient
// Few-Shot Learning Without Prompts, 2022), with all pairs of a batch at once.

import { parseOptions } from '../config/options.js';
import { type TrainConfig, trainSchema } from '../config/train-schema.js';
import { ofClassifier, withoutTask } from './first-part.js';

/** The run that trains the vectors of a classifier that a run with such options is of. */
export function vectorOptions(shared: TrainConfig, own: { seed: number; output: string }, named: string): TrainConfig {
  const { textColumn, labelColumn: classColumn, maxLength, buckets } = shared;
  return parseOptions(
    trainSchema,
    {
      ...withoutTask(shared, ofClassifier),
      ...{ task: 'sentence-similarity', textColumn, classColumn, maxLength, buckets, overwrite: false, ...own },
      // What heads of most families read.
      pooling: 'cls',
    },
    { where: named },
  );
}
