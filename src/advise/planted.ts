// A trial of what finds wrong labels, on the user's own data: some labels are exchanged for others at random, and it is
// counted how many of them are found. So a model whose features cannot tell the classes is known for it.

import { hash, uniform } from '../random.js';
import { labelIssues } from './confident-learning.js';
import { crossValidated, type Labelled, type Learner } from './cross-validation.js';

/** Share of the labels that is exchanged to see how many of them are found. */
export const plantedShare = 0.05;
// A stream of the generator.
const plantStream = 0x70_6c_61_6e;

/** Of labels that were exchanged at random for others, the share that is found to be wrong. */
export function foundOfPlanted(learnerOf: (data: Labelled) => Learner, data: Labelled, seed: number): number {
  const { classes } = data;
  const labels = Int32Array.from(data.labels);
  const planted = new Set<number>();
  for (const [row, label] of labels.entries()) {
    if (uniform(seed, plantStream, 2 * row) >= plantedShare) continue;
    const further = 1 + (hash(seed, plantStream, 2 * row + 1) % (classes - 1));
    labels[row] = (label + further) % classes;
    planted.add(row);
  }
  if (planted.size === 0) return 0;
  const changed = { labels, classes };
  const probabilities = crossValidated(learnerOf(changed), changed, seed);
  const found = labelIssues(probabilities, labels, classes).filter(({ row }) => planted.has(row));
  return found.length / planted.size;
}
