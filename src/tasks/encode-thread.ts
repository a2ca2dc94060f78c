// The thread behind an encoding worker: has the task's encoder write the samples of one batch into the batch's slot. It
// gives way to the trainer's threads. A sample that ends the run comes back as a value with its row; an exception here
// means that the worker itself is broken.

import { workerData } from 'node:worker_threads';
import { type EncodeRequest, type Encoder, SampleError } from '../data/encode.js';
import type { EncodeResult } from '../data/loader.js';
import { type AugmentModule, OwnAugmentation } from '../data/own-augmentation.js';
import { Slot } from '../data/slots.js';
import { outcomeOf } from '../errors.js';
import { serveAtLowPriority } from '../threads/low-priority.js';
import type { TaskSpec } from './task.js';
import { taskNamed } from './tasks.js';

export interface EncodeWorkerData {
  task: TaskSpec;
  /** What the task's encoder is made with. */
  encoding: object;
  /** A function of the user's that changes training samples. */
  augmentModule?: AugmentModule | undefined;
}

const { task, encoding, augmentModule } = workerData as EncodeWorkerData;
let encode: Encoder | undefined;
let own: OwnAugmentation | undefined;

serveAtLowPriority(
  (request: EncodeRequest): Promise<EncodeResult> =>
    outcomeOf(async () => {
      encode ??= await taskNamed(task.name).encoder(encoding, task.options);
      const slot = new Slot(request.layout, request.buffer);
      try {
        if (augmentModule && request.augment) own ??= await OwnAugmentation.load(augmentModule);
        const augmenting = request.augment ? own : undefined;
        const encoded = await encode((await augmenting?.texts(request)) ?? request, slot);
        await augmenting?.numbers(request, slot, encoded);
        slot.to('filled');
        return encoded;
      } catch (error) {
        if (error instanceof SampleError) return { row: error.row, message: error.message };
        throw error;
      }
    }),
);
