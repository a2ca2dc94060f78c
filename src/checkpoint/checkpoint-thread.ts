// The thread behind a checkpoint worker: hashes and writes snapshots. It gives way to the trainer's threads.

import { outcomeOf } from '../errors.js';
import { serveQuietly } from '../threads/quiet.js';
import { writeCheckpoint } from './write.js';

serveQuietly((task: Parameters<typeof writeCheckpoint>[0]) => outcomeOf(() => writeCheckpoint(task)));
