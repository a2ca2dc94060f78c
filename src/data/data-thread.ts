// The thread behind the data worker: reads, parses, hashes, splits and plans, at a lower priority than the trainer's
// threads. An error of the user's comes back as a value; an exception here ends the thread.

import { type Outcome, outcomeOf } from '../errors.js';
import { serveAtLowPriority } from '../threads/low-priority.js';
import { openImages, openUnlabelled } from './images/open-images.js';
import { openData } from './load.js';
import type { DataAnswers, DataTask, RelabelRequest } from './protocol.js';
import { epochOrder } from './sampler.js';
import { readBlock } from './stream.js';

type Answer = DataAnswers[keyof DataAnswers];

serveAtLowPriority((task: DataTask): Promise<Outcome<Answer>> => outcomeOf<Answer>(() => answer(task)));

function answer(task: DataTask): Answer | Promise<Answer> {
  if (task.kind === 'open') return openData(task);
  if (task.kind === 'openImages') return openImages(task);
  if (task.kind === 'openUnlabelled') return openUnlabelled(task);
  if (task.kind === 'relabel') return relabel(task);
  return task.kind === 'order' ? epochOrder(task) : readBlock(task);
}

function relabel({ tables, classes }: RelabelRequest): undefined {
  for (const { label, count, targets } of tables) {
    for (let i = 0; i < count; i++) label[i] = classes[label[i]!]!;
    for (let at = 0; targets && at < targets.length; at += classes.length) {
      const row = targets.slice(at, at + classes.length);
      for (const [from, to] of classes.entries()) targets[at + to] = row[from]!;
    }
  }
}
