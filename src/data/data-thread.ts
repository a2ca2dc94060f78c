// The thread behind the data worker: reads, parses, hashes, splits and plans, at a lower priority than the trainer's
// threads. An error of the user's comes back as a value; an exception here ends the thread.

import { type Outcome, outcomeOf } from '../errors.js';
import { serveAtLowPriority } from '../threads/low-priority.js';
import { openData } from './open.js';
import type { DataAnswers, DataTask } from './protocol.js';
import { epochOrder } from './sampler.js';
import { readBlock } from './stream.js';

type Answer = DataAnswers[keyof DataAnswers];

serveAtLowPriority((task: DataTask): Promise<Outcome<Answer>> => outcomeOf<Answer>(() => answer(task)));

function answer(task: DataTask): Answer | Promise<Answer> {
  if (task.kind === 'open') return openData(task);
  if (task.kind === 'order') return epochOrder(task);
  return readBlock(task);
}
