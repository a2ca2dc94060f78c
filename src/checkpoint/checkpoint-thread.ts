// The thread behind a checkpoint worker: hashes and writes snapshots. It gives way to the trainer's threads.

import { outcomeOf } from '../errors.js';
import { serveAtLowPriority } from '../threads/low-priority.js';
import { writeCheckpoint } from './write.js';

serveAtLowPriority((task: Parameters<typeof writeCheckpoint>[0]) => outcomeOf(() => writeCheckpoint(task)));
